"""The bytes of a profile -> a `Profile` message whose references hold, for profiles of a few samples.

`probes.profile.read` gives any profile as arrays.
"""

from __future__ import annotations

from probes.profile.decompress import MAX_BYTES, NotProfile, decompressed
from probes.profile.profile_pb2 import Profile
from probes.profile.read import MAX_STACK, read

__all__ = ["MAX_BYTES", "MAX_STACK", "NotProfile", "build_id", "parse", "total"]


def parse(data: bytes, *, subject: str, limit: int = MAX_BYTES) -> Profile:
    """The profile in `data`, gzip or not.

    Raises:
        NotProfile: it is something else (an HTML page, text), truncated, larger than `limit` once decompressed, or its
            parts refer to parts that are not there.
    """
    read(data, subject=subject, limit=limit)
    profile = Profile()
    profile.ParseFromString(decompressed(data, subject=subject, limit=limit))
    return profile


def total(profile: Profile, column: int = 0) -> int:
    """The sum of one of its values over all samples."""
    return sum(sample.value[column] for sample in profile.sample)


def build_id(profile: Profile) -> str:
    """The build id of its first mapping, which Go's own profiles name the program by; "" without one."""
    if not profile.mapping or not 0 <= profile.mapping[0].build_id < len(profile.string_table):
        return ""
    return profile.string_table[profile.mapping[0].build_id]
