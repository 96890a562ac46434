"""Whether a function that gets an error from a call ends, or goes on as if there were none."""

from __future__ import annotations

import re

from probes.code.tracing import Tracing

NEAR = 40
"""Instructions behind a call among which its error is looked at."""
MOST = 20_000
_ENDS = re.compile(
    r"\.(?:Fatal|Exit|Panic)(?:[A-Z]\w*|f|ln)?$|^runtime\.(?:gopanic|throw|fatal|Goexit)$|^syscall\.Exit$"
)


def ends(tracing: Tracing, row: int, call: int, number: int) -> bool | None:
    """Whether function `row` returns or exits when result register `number` of the call at `call` is not nil.

    False where it is not looked at, or both ways meet again; None where that cannot be told.
    """
    reader = tracing.reader(row)
    index_at = {address: index for index, address in enumerate(reader.starts)}
    if call not in index_at:
        return None
    register = tracing.registers[number]
    for index in range(index_at[call] + 1, min(index_at[call] + NEAR, len(reader.starts))):
        branch = reader.branch_on(index, register)
        if branch is not None:
            failed, passed = branch
            if failed not in index_at or passed not in index_at:
                return None
            return not _meets(tracing, reader, index_at, failed, passed)
        _, targets, called = reader.successors(index)
        if called is not None or targets:
            return False
    return False


def _meets(tracing: Tracing, reader, index_at: dict[int, int], failed: int, passed: int) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Whether a way leads from `failed` to `passed`."""
    program = tracing.program
    waiting, seen = [failed], {failed}
    while waiting:
        at = waiting.pop()
        if at == passed or len(seen) > MOST:
            return True
        index = index_at[at]
        goes_on, targets, called = reader.successors(index)
        if called:
            target = program.row(called)
            if target >= 0 and _ENDS.search(program.name(target)):
                continue
        following = [reader.starts[index + 1]] if goes_on and index + 1 < len(reader.starts) else []
        for target in (*targets, *following):
            if target in index_at and target not in seen:
                seen.add(target)
                waiting.append(target)
    return False
