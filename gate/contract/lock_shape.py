"""The shape of a lock file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from probes.go.types.saved import SavedType  # noqa: TC001 - msgspec reads the annotation

MAX_TYPES = 20_000
MAX_MEMBERS = 2_000


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _State(_Part, frozen=True):
    codec: Literal["memory", "gob", "json", "protobuf"]
    fingerprint: str


class _Interface(_Part, frozen=True):
    fingerprint: str


class _Variable(_Part, frozen=True):
    size: Annotated[int, Meta(gt=0, lt=1 << 62)]
    type: Annotated[str, Meta(max_length=4096)] = ""
    fingerprint: Annotated[str, Meta(pattern="^([0-9a-f]{16})?$")] = ""


def _check_bounds(types: dict[str, SavedType]) -> None:
    if len(types) > MAX_TYPES:
        raise ValueError(f"more than {MAX_TYPES:,} types")
    for name, each in types.items():
        if max(len(each.fields), len(each.methods), len(each.inputs), len(each.outputs)) > MAX_MEMBERS:
            raise ValueError(f"{name[:80]} has more than {MAX_MEMBERS:,} members")
        numbers = (each.size, each.align, each.pointers, each.length, each.direction, *(f.offset for f in each.fields))
        if min(numbers) < 0 or max(numbers) >= 1 << 62:
            raise ValueError(f"{name[:80]} has a number that no type has")


class LockShape(_Part, frozen=True):
    """What `gate.contract.lock.dump_lock` writes."""

    about: str
    schema_version: Literal["1"]
    goos: Literal["linux", "freebsd", "netbsd", "openbsd"]
    goarch: Literal["amd64", "arm64"]
    state: dict[str, _State]
    interfaces: dict[str, _Interface]
    types: dict[str, SavedType]
    globals: Annotated[dict[str, _Variable], Meta(max_length=MAX_TYPES)] = {}

    def __post_init__(self) -> None:
        """Refuse types that no program has.

        Raises:
            ValueError: says which.
        """
        _check_bounds(self.types)
