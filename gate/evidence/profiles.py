"""What profiles give, as the rules ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from gate.evidence.model import Evidence, Missing
from gate.inflection import count
from probes.profile.comparison.facts import DiffSettings, ProfileDiff
from probes.profile.heartbeat.facts import ContinuityFacts
from probes.profile.heat_facts import GrowthFacts, HeatFacts, RenamedSamples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gate.evidence.model import Key
    from gate.policy.model import Policy, ProfilePolicy
    from probes.go.facts import BinaryFacts
    from probes.live.facts import LiveFacts
    from probes.live.profile_files import ProfileSource
    from probes.live.topics import CpuProfiles, HeartbeatFacts
    from probes.profile.facts import ProfileFacts

MIN_SAMPLES = 60
"""Of the profiles that a service gives by the way: with fewer, a function that holds 5% may not be in them at all."""

Continuity: TypeAlias = Annotated[ContinuityFacts, Evidence("continuity")]
Heat: TypeAlias = Annotated[HeatFacts, Evidence("heat")]
Addresses: TypeAlias = Annotated[RenamedSamples, Evidence("addresses")]
Growth: TypeAlias = Annotated[GrowthFacts, Evidence("growth")]
Compared: TypeAlias = Annotated[ProfileDiff, Evidence("comparison")]


class ProfileEvidence(Struct, frozen=True):
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
        """The evidence that there is, and that which was asked for in vain, for `gate.evidence.model.Bundle`."""
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
    from probes.profile.heartbeat.continuity import continuity

    return continuity(
        facts.windows,
        interval_ns=facts.interval_ns,
        window_ns=facts.window_ns,
        hand_over_seconds=policy.hand_over_seconds,
    )


def of_heartbeat(facts: HeartbeatFacts | None, policy: ProfilePolicy, *, needed: bool = True) -> ProfileEvidence:
    """What a running service's heartbeat gives; that it gives nothing yet is reported where it is `needed`."""
    if facts is None:
        return ProfileEvidence("the heartbeat")
    found = heartbeat_continuity(facts, policy)
    reason = "the heartbeat is switched off" if not facts.enabled else "fewer than two windows so far"
    return ProfileEvidence(facts.source, found, missing=() if found or not needed else (("continuity", reason),))


def of_live(facts: LiveFacts, policy: Policy, sides: tuple[BinaryFacts, BinaryFacts] | None = None) -> ProfileEvidence:
    """What a running service's heartbeat and its CPU profiles give; `sides`: the binaries that an update is about.

    Without `sides` there is nothing to hold the profiles against but themselves: the hottest functions.
    """
    found = of_heartbeat(facts.heartbeat, policy.profile, needed="continuity" in policy.require)
    cpu = facts.cpu
    if cpu is None:
        return found
    samples = sum(int(each.values[:, 0].sum()) for each in cpu.profiles)
    # Whose profile it is comes first: more samples of another program would be of no use.
    reason = cpu.missing
    if not reason and sides is not None:
        reason = _not_told(facts, sides[0]) or _of_another(cpu.profiles, sides[0])
    if not reason and samples < MIN_SAMPLES:
        reason = f"{samples} CPU samples of {_lengths(cpu)} are too few, {MIN_SAMPLES} at least: pass --profile"
    source = f"{cpu.source}, {_lengths(cpu)}"
    missing = list(found.missing)
    heat = addresses = None
    if reason:
        missing += [(name, reason) for name in ("heat", "addresses") if sides is not None or name in policy.require]
    elif sides is not None:
        heat, addresses = _of_binaries(cpu.profiles, source, sides, missing)
    else:
        from probes.profile.heat import heat as ranked

        heat = ranked(cpu.profiles, source)
    return replace(
        found,
        source=cpu.source,
        heat=heat,
        addresses=addresses,
        missing=tuple(missing),
        notes=(*found.notes, *cpu.notes),
    )


def _lengths(cpu: CpuProfiles) -> str:
    seconds = sum(each.duration_nanos for each in cpu.profiles) / 1e9
    return f"{count(len(cpu.profiles), 'profile')} of {seconds:,.1f} s together"


def _not_told(facts: LiveFacts, old: BinaryFacts) -> str:
    """Why profiles that do not name their build themselves are not known to be of OLD; "" when they are, or name it.

    Go's profiles carry the GNU build id, which programs have by default from Go 1.24 on. For others, what the service or
    `/proc` says of the running image decides.
    """
    if facts.cpu is None or all(each.build_id for each in facts.cpu.profiles):
        return ""
    image = facts.image
    if image is None or image.another or image.unsure:
        return "the profile does not name its build, and nothing else does: pass --profile"
    pairs = [(image.gnu_build_id, old.gnu_build_id or ""), (image.go_build_id, old.go_build_id or "")]
    told = [(ours, theirs) for ours, theirs in pairs if ours and theirs]
    if not told:
        return "the profile does not name its build, and nothing else does: pass --profile"
    other = next((ours for ours, theirs in told if ours != theirs), "")
    return f"the profile is of build {other}, not of OLD" if other else ""


def _of_another(profiles: Iterable[ProfileFacts], old: BinaryFacts) -> str:
    """Why profiles that name their build are not of `old`; "" when they are, or name none."""
    others = {each.build_id for each in profiles if each.build_id} - {old.gnu_build_id, old.go_build_id}
    return f"the profile is of build {min(others)}, not of OLD" if others else ""


def of_source(
    source: ProfileSource, policy: ProfilePolicy, sides: tuple[BinaryFacts, BinaryFacts] | None = None
) -> ProfileEvidence:
    """What a file or a directory of profiles gives; `sides`: the binaries that an update is about."""
    from probes.profile.growth import growth
    from probes.profile.heartbeat.continuity import continuity

    missing: list[tuple[str, str]] = []
    notes = [f"{name}: {what}" for name, what in source.problems]
    beats = continuity(source.windows, hand_over_seconds=policy.hand_over_seconds) if len(source.windows) > 1 else None
    if beats is None:
        missing.append(("continuity", "one profile is no heartbeat: pass a directory of windows"))
    heat = addresses = None
    if sides is not None:
        if any(not each.build_id for each in source.profiles):
            notes.append("the profile does not name its build: it is taken for OLD's")
        heat, addresses = _of_binaries(source.profiles, source.path, sides, missing)
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
) -> tuple[HeatFacts | None, RenamedSamples | None]:
    from probes.profile.heat import heat, renamed_samples
    from probes.profile.stacks.symbolise import OtherBuild, symbolise

    old, new = sides
    if reason := _of_another(profiles, old):
        missing += [("heat", reason), ("addresses", reason)]
        return None, None
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
