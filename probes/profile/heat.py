"""What a profile has to do with two binaries: the CPU time of functions, and addresses that would be named otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probes.go.facts import BinaryFacts
from probes.profile.facts import ProfileFacts
from probes.profile.heat_facts import HeatFacts, RenamedSamples
from probes.profile.stacks.identity import identity
from probes.profile.stacks.names import Names
from probes.profile.stacks.symbolise import file_addresses
from probes.profile.stacks.tally import work

MAX_STACKS = 20_000
"""Different stacks that are kept, the heaviest first: the rest has little weight."""


def heat(profiles: Sequence[ProfileFacts], source: str) -> HeatFacts:
    """The shares of functions in all of `profiles` together, which are of one kind."""
    names = Names()
    weights: dict[bytes, float] = {}
    for profile in profiles:
        found = work(profile, names)
        values = np.maximum(profile.values[:, profile.column()], 0)
        for row, value in enumerate(values.tolist()):
            key = found.frames[found.offsets[row] : found.offsets[row + 1]].tobytes()
            weights[key] = weights.get(key, 0.0) + value
    total = sum(weights.values())
    flat: dict[str, float] = {}
    cumulative: dict[str, float] = {}
    kept: list[tuple[frozenset[str], float]] = []
    for key, value in sorted(weights.items(), key=lambda pair: -pair[1]):
        rows = np.frombuffer(key, dtype=np.int32).tolist()
        share = value / total if total else 0.0
        flat[names.names[rows[0]]] = flat.get(names.names[rows[0]], 0.0) + share
        members = frozenset(names.names[each] for each in set(rows))
        for name in members:
            cumulative[name] = cumulative.get(name, 0.0) + share
        if len(kept) < MAX_STACKS:
            kept.append((members, share))
    first = profiles[0] if profiles else None
    samples = float(sum(int(np.maximum(p.values[:, 0], 0).sum()) for p in profiles))
    return HeatFacts(
        source,
        first.kind if first else "",
        samples,
        first.build_id if first else "",
        flat,
        cumulative,
        tuple(kept),
    )


def renamed_samples(
    profiles: Sequence[ProfileFacts], old: BinaryFacts, new: BinaryFacts, source: str
) -> RenamedSamples | None:
    """How many samples NEW's function table would name otherwise than OLD's; None where no address can be placed."""
    if old.functions is None or new.functions is None:
        return None
    placed = moved = 0.0
    for profile in profiles:
        addresses = file_addresses(profile, old)
        leaves = profile.stack_offsets[:-1][np.diff(profile.stack_offsets) > 0]
        values = np.maximum(profile.values[:, profile.column()], 0)[np.diff(profile.stack_offsets) > 0]
        at = addresses[profile.stacks[leaves]] if leaves.size else np.zeros(0, dtype=np.int64)
        for address, value in zip(at.tolist(), values.tolist(), strict=True):
            before = old.functions.find(address) if address >= 0 else -1
            if before < 0:
                continue
            after = new.functions.find(address)
            placed += value
            name = new.functions.names[after] if after >= 0 else ""
            moved += value if identity(name) != identity(old.functions.names[before]) else 0
    if not placed:
        return None
    ids = [side.gnu_build_id or side.go_build_id or "" for side in (old, new)]
    return RenamedSamples(source, moved / placed, placed, kept_apart=ids[0] != ids[1] and all(ids))
