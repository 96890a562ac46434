"""Score the continuity of profiles, and compare those of two sides."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from gate.cli._shared.live import Duration, say
from gate.cli._shared.output import Output, parse_outputs, refuse_overwriting, write_report, write_whole
from gate.cli._shared.policy import policy_options, resolve_policy
from gate.policy.token_file import read_token
from gate.report import formats

if TYPE_CHECKING:
    from gate.evidence.profiles import ProfileEvidence
    from gate.policy.model import ProfilePolicy
    from probes.profile.comparison.windows import Comparison
    from probes.profile.facts import ProfileFacts
    from probes.profile.heartbeat.facts import ContinuityFacts

    Sides = tuple[tuple[ProfileFacts, ...], tuple[ProfileFacts, ...]]
    Beats = tuple[ContinuityFacts | None, ContinuityFacts | None]

EPILOG = "Exit codes: 0 pass, 10 block, 11 inconclusive, 2 usage or unreadable input, 1 a bug in hotgate."


@click.group("profile")
def command() -> None:
    """Score the continuity of profiles, and compare those of two sides."""


@command.command("score", epilog=EPILOG)
@click.argument("source")
@click.option("--token-file", metavar="FILE", envvar="HOTGATE_TOKEN_FILE", help="File with the service's bearer token.")
@click.option("--timeout", type=Duration(), default=10.0, metavar="TIME", show_default="10s", help="For one request.")
@policy_options
@click.option("--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets.")
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a report to a file as well; repeatable.")
def score(  # noqa: PLR0913 - keywords, one a fact
    source: str,
    *,
    token_file: str | None,
    timeout: float,
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    policy: str | None,
    format_name: str | None,
    output: tuple[str, ...],
) -> int:
    """Score the heartbeat in SOURCE: a directory of profiles, or the URL of a service with goprobe.

    A directory that goprobe writes has its numbers and its hand-overs; of any other, the files' own times are used.
    """
    started = time.perf_counter()
    outputs = parse_outputs(format_name, output)
    chosen = resolve_policy(policy, mode, fail_on, require)
    refuse_overwriting(outputs, {"SOURCE": source, "the policy": chosen.source or None})
    from gate.evidence.profiles import of_heartbeat, of_source
    from gate.runs.profiles import judge

    if _is_url(source):
        import asyncio

        from msgspec.structs import replace

        from probes.live.collect_profiles import heartbeat

        found = asyncio.run(heartbeat(source, read_token(token_file) if token_file else "", timeout))
        evidence: ProfileEvidence = replace(of_heartbeat(found.facts, chosen.profile), source=source)
    else:
        from probes.live.profile_files import read_source

        evidence = of_source(read_source(source), chosen.profile)
    report = judge(chosen, evidence, "continuity", started=started, read=time.perf_counter())
    write_report(report, outputs)
    return report.exit_code


@command.command("diff", epilog=EPILOG)
@click.argument("base")
@click.argument("new")
@click.option("--windows", type=click.IntRange(1, 200), default=20, show_default=True, help="Of URLs: windows a side.")
@click.option(
    "--window", type=Duration(), default=6.0, metavar="TIME", show_default="6s", help="Of URLs: their length."
)
@click.option("--token-file", metavar="FILE", envvar="HOTGATE_TOKEN_FILE", help="File with the services' bearer token.")
@click.option("--requests", nargs=2, type=click.FloatRange(0, 1e15, min_open=True), metavar="BASE NEW",
              help="Requests that each side served while its windows were taken.")  # fmt: skip
@click.option("--type", "column", default="", metavar="NAME", help="Sample type, such as inuse_space.")
@click.option("--page", metavar="FILE", help="Write a page with a differential flame graph.")
@click.option("--export", metavar="FORMAT=PATH", multiple=True,
              help="For other tools: base, new or diff, .pb.gz or .txt (collapsed), such as diff=diff.pb.gz.")  # fmt: skip
@policy_options
@click.option("--format", "format_name", type=click.Choice(formats.names()), help="What stdout gets.")
@click.option("--output", metavar="FORMAT=PATH", multiple=True, help="Write a report to a file as well; repeatable.")
def diff(  # noqa: PLR0913 - keywords, one a fact
    base: str,
    new: str,
    *,
    windows: int,
    window: float,
    token_file: str | None,
    requests: tuple[float, float] | None,
    column: str,
    page: str | None,
    export: tuple[str, ...],
    mode: str | None,
    fail_on: str | None,
    require: tuple[str, ...],
    policy: str | None,
    format_name: str | None,
    output: tuple[str, ...],
) -> int:
    """Compare the profiles of BASE with those of NEW: files, directories of windows, or two URLs.

    Directories of ten or more windows are compared statistically; two files give figures, and no verdict on them. Two
    running services are profiled in turns, so that what drifts drifts for both.
    """
    started = time.perf_counter()
    outputs = parse_outputs(format_name, output)
    exports = _exports(export)
    chosen = resolve_policy(policy, mode, fail_on, require)
    files = [*outputs, *(each for _, each in exports), *([Output("page", page)] if page else [])]
    refuse_overwriting(files, {"BASE": base, "NEW": new, "the policy": chosen.source or None})
    from gate.evidence.profiles import ProfileEvidence, settings_of
    from gate.runs.profiles import judge
    from probes.profile.comparison.compare import diff as compare
    from probes.profile.comparison.windows import compare_windows

    notes: list[str] = []
    sides, beats = _sides(base, new, windows, window, token_file, notes, chosen.profile)
    both = compare_windows(*sides, labels=(base, new), requests=requests or (None, None), column=column)
    compared = compare(both, settings_of(chosen.profile))
    evidence = ProfileEvidence(f"{base} → {new}", comparison=compared, notes=tuple(notes))
    report = judge(chosen, evidence, "comparison", started=started, read=time.perf_counter())
    _write_exports(both, exports)
    if page:
        from gate.report.pages.flame import page as flame

        write_whole(page, flame(both, report, beats))
    write_report(report, outputs)
    return report.exit_code


def _is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _sides(  # noqa: PLR0913, PLR0917 - what the command was given
    base: str, new: str, windows: int, window: float, token_file: str | None, notes: list[str], policy: ProfilePolicy
) -> tuple[Sides, Beats]:
    """The profiles of both sides, and the continuity of those that are heartbeats."""
    urls = [each for each in (base, new) if _is_url(each)]
    if len(urls) == 1:
        raise click.UsageError("a running service can be compared with another one only: pass two URLs")
    if urls:
        import asyncio

        from probes.live.collect_profiles import in_turns

        token = read_token(token_file) if token_file else ""
        found = asyncio.run(in_turns(urls, token, windows=windows, length=window, say=say))
        return (tuple(found[0]), tuple(found[1])), (None, None)
    from probes.live.profile_files import read_source

    first = read_source(base)
    second = read_source(new, first.kind)
    notes += [f"{side.path}/{name}: {what}" for side in (first, second) for name, what in side.problems]
    from probes.profile.heartbeat.continuity import continuity

    beats = [continuity(side.windows, hand_over_seconds=policy.hand_over_seconds) for side in (first, second)]
    return (first.profiles, second.profiles), (beats[0], beats[1])


def _exports(given: tuple[str, ...]) -> list[tuple[str, Output]]:
    out = []
    for each in given:
        name, equals, path = each.partition("=")
        if not equals or name not in ("base", "new", "diff") or not path.endswith((".pb.gz", ".txt")):
            raise click.UsageError(f"not base, new or diff=PATH.pb.gz or .txt: {each}")
        out.append((name, Output("export", path)))
    return out


def _write_exports(both: Comparison, exports: list[tuple[str, Output]]) -> None:
    for name, output in exports:
        from probes.profile.export import collapsed, pprof

        side = both.base if name == "base" else both.new
        other = both.base if name == "diff" else None
        if output.path.endswith(".txt"):
            write_whole(output.path, collapsed(both, side, other=other))
        else:
            write_whole(output.path, pprof(both, side, other=other))
