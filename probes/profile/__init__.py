"""Profiles as arrays: `read_file(path)`; how whole a heartbeat is: `continuity`; what costs more: `diff`. Nothing is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from probes.profile.comparison.compare import diff
    from probes.profile.comparison.facts import ProfileDiff
    from probes.profile.facts import ProfileFacts
    from probes.profile.heartbeat.continuity import continuity
    from probes.profile.heartbeat.facts import ContinuityFacts
    from probes.profile.pprof.reading import read_file

__all__ = ["ContinuityFacts", "ProfileDiff", "ProfileFacts", "continuity", "diff", "read_file"]

__getattr__ = lazily(
    globals(),
    {
        "ContinuityFacts": "probes.profile.heartbeat.facts",
        "ProfileDiff": "probes.profile.comparison.facts",
        "ProfileFacts": "probes.profile.facts",
        "continuity": "probes.profile.heartbeat.continuity",
        "diff": "probes.profile.comparison.compare",
        "read_file": "probes.profile.pprof.reading",
    },
)
