"""What profiles give, as the rules ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from gate.evidence import Evidence, Missing
from probes.profile.continuity import ContinuityFacts, continuity
from probes.profile.diff_facts import DiffSettings, ProfileDiff
from probes.profile.heat_facts import GrowthFacts, HeatFacts, RenamedSamples
from probes.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gate.evidence import Key
    from gate.policy import ProfilePolicy
    from probes.binary.facts import BinaryFacts
    from probes.live.topics import HeartbeatFacts
    from probes.profile.facts import ProfileFacts
    from probes.profile.sources import ProfileSource

Continuity: TypeAlias = Annotated[ContinuityFacts, Evidence("continuity")]
Heat: TypeAlias = Annotated[HeatFacts, Evidence("heat")]
Addresses: TypeAlias = Annotated[RenamedSamples, Evidence("addresses")]
Growth: TypeAlias = Annotated[GrowthFacts, Evidence("growth")]
Compared: TypeAlias = Annotated[ProfileDiff, Evidence("comparison")]


@dataclass(frozen=True, slots=True)
class ProfileEvidence:
    """What could be learned from profiles. A part is None where nothing could; `missing` has the reason by topic."""

    source: str
    continuity: ContinuityFacts | None = None
    heat: HeatFacts | None = None
    addresses: RenamedSamples | None = None
    growth: GrowthFacts | None = None
    comparison: ProfileDiff | None = None
    missing: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def values(self) -> dict[Key, Callable[[], object]]:
        """The evidence that there is, and that which was asked for in vain, for `gate.evidence.Bundle`."""
        missing = dict(self.missing)
        return {
            (kind, name): (lambda name=name: getattr(self, name) or Missing(missing[name]))  # type: ignore[misc]
            for name, kind in KINDS.items()
            if getattr(self, name) is not None or name in missing
        }


KINDS: dict[str, type] = {
    "continuity": ContinuityFacts,
    "heat": HeatFacts,
    "addresses": RenamedSamples,
    "growth": GrowthFacts,
    "comparison": ProfileDiff,
}


def settings_of(policy: ProfilePolicy) -> DiffSettings:
    """What the policy counts as a change."""
    return DiffSettings(
        min_growth=policy.growth_percent / 100,
        min_windows=policy.min_windows,
        detect_growth=policy.detect_percent / 100,
        detect_share=policy.detect_share_percent / 100,
    )


def heartbeat_continuity(facts: HeartbeatFacts, policy: ProfilePolicy) -> ContinuityFacts | None:
    """The continuity of a running service's heartbeat; None when it is off, or has fewer than two windows."""
    if not facts.enabled:
        return None
    return continuity(
        facts.windows,
        interval_ns=facts.interval_ns,
        window_ns=facts.window_ns,
        hand_over_seconds=policy.hand_over_seconds,
    )


def of_heartbeat(facts: HeartbeatFacts | None, policy: ProfilePolicy, *, needed: bool = True) -> ProfileEvidence:
    """What a running service's heartbeat gives; that it gives nothing yet is told where it is `needed`."""
    if facts is None:
        return ProfileEvidence("the heartbeat")
    found = heartbeat_continuity(facts, policy)
    reason = "the heartbeat is switched off" if not facts.enabled else "fewer than two windows so far"
    return ProfileEvidence(facts.source, found, missing=() if found or not needed else (("continuity", reason),))


def of_source(
    source: ProfileSource, policy: ProfilePolicy, sides: tuple[BinaryFacts, BinaryFacts] | None = None
) -> ProfileEvidence:
    """What a file or a directory of profiles gives; `sides`: the binaries that an update is about."""
    from probes.profile.growth import growth

    missing: list[tuple[str, str]] = []
    notes = [f"{name}: {what}" for name, what in source.problems]
    beats = continuity(source.windows, hand_over_seconds=policy.hand_over_seconds) if len(source.windows) > 1 else None
    if beats is None:
        missing.append(("continuity", "one profile is no heartbeat: pass a directory of windows"))
    heat = addresses = None
    if sides is not None:
        heat, addresses = _of_binaries(source.profiles, source.path, sides, missing, notes)
    return ProfileEvidence(
        source.path,
        beats,
        heat,
        addresses,
        growth(source.profiles, source.path),
        missing=tuple(missing),
        notes=tuple(notes),
    )


def _of_binaries(
    profiles: Sequence[ProfileFacts],
    path: str,
    sides: tuple[BinaryFacts, BinaryFacts],
    missing: list[tuple[str, str]],
    notes: list[str],
) -> tuple[HeatFacts | None, RenamedSamples | None]:
    from probes.profile.heat import heat, renamed_samples
    from probes.profile.symbolise import OtherBuild, symbolise

    old, new = sides
    known = {old.gnu_build_id, old.go_build_id} - {None}
    others = {each.build_id for each in profiles if each.build_id} - known
    if others:
        reason = f"the profile is of build {min(others)}, not of OLD"
        missing += [("heat", reason), ("addresses", reason)]
        return None, None
    if any(not each.build_id for each in profiles):
        notes.append("the profile does not name its build: it is taken for OLD's")
    named = []
    for each in profiles:
        try:
            named.append(symbolise(each, old))
        except OtherBuild:
            named.append(each)
    found = renamed_samples(profiles, old, new, path)
    if found is None:
        missing.append(("addresses", "no address of the profile lies in OLD's text"))
    if not sum(len(each) for each in named):
        missing.append(("heat", "the profile has no samples"))
        return None, found
    return heat(named, path), found
