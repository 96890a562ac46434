"""Profiles from a file or a directory: windows, and what is known of the heartbeat that took them."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from probes.errors import UnreadableFile
from probes.profile.facts import ProfileFacts
from probes.profile.heartbeat.window import HeartbeatWindow
from probes.profile.pprof.decompress import NotProfile
from probes.profile.pprof.reading import read_file

SUFFIXES = (".pb.gz", ".pprof", ".pb", ".prof", ".pgz")
MAX_FILES = 5_000
MAX_DESCRIPTION = 16 << 10
SECOND = 1_000_000_000
_NUMBER = re.compile(r"(\d{1,18})(?!.*\d)")


class ProfileSource(Struct, frozen=True):
    """What a path holds, in the order of time.

    `profiles`: those of one kind that could be read. `windows`: one for each file that belongs to that kind, one that
    could not be read as failed. `problems`: (file, why it was left out).
    """

    path: str
    kind: str
    profiles: tuple[ProfileFacts, ...]
    windows: tuple[HeartbeatWindow, ...]
    problems: tuple[tuple[str, str], ...]
    described: bool
    """Whether goprobe's descriptions say of the windows what their profiles do not: number, epoch, generation."""


def read_source(path: str, kind: str = "") -> ProfileSource:
    """The profile in the file at `path`, or those in the directory, of `kind`; of the most frequent one when empty.

    Raises:
        UnreadableFile: there is nothing at `path`, no profile in it, or more than `MAX_FILES`.
        NotProfile: the file, or every file of the directory, is no profile.
    """
    place = Path(path)
    if not place.is_dir():
        profile = read_file(path)
        return ProfileSource(path, profile.kind, (profile,), (_window(profile, 1),), (), described=False)
    try:
        files = sorted(each for each in place.iterdir() if each.name.endswith(SUFFIXES))
    except OSError as exc:
        raise UnreadableFile(f"cannot read ({exc.strerror or exc})", subject=path) from exc
    if not files:
        raise UnreadableFile("no profile in the directory", subject=path, hint=f"names end in {', '.join(SUFFIXES)}")
    if len(files) > MAX_FILES:
        raise UnreadableFile(
            f"{len(files):,} profiles, more than {MAX_FILES:,}", subject=path, hint="pass fewer windows"
        )
    return _directory(path, files, kind)


def _directory(path: str, files: list[Path], kind: str) -> ProfileSource:
    read: list[tuple[Path, ProfileFacts]] = []
    problems: list[tuple[str, str]] = []
    first: NotProfile | UnreadableFile | None = None
    for file in files:
        try:
            read.append((file, read_file(str(file))))
        except (NotProfile, UnreadableFile) as exc:
            first = first or exc
            problems.append((file.name, exc.what))
    if not read and first is not None:
        raise first
    kinds = [profile.kind for _, profile in read]
    wanted = kind or max(dict.fromkeys(kinds), key=lambda each: (kinds.count(each), each == "cpu"))
    mine = [(file, profile) for file, profile in read if profile.kind == wanted]
    if not mine:
        raise NotProfile(f"no profile of kind {kind}", subject=path, hint=f"there are {', '.join(sorted(set(kinds)))}")
    described = {file: window for file in files if (window := _description(file)) is not None}
    windows = [
        described.get(file) or _window(profile, _number(file, place)) for place, (file, profile) in enumerate(mine, 1)
    ]
    for place, file in enumerate(files, 1):
        if any(file.name == name for name, _ in problems):
            windows.append(
                replace(described[file], state="failed") if file in described else _failed(file, place, windows)
            )
    windows += [window for window in _without_profile(path) if window.seq not in {each.seq for each in windows}]
    mine.sort(key=lambda pair: (pair[1].time_nanos, pair[0].name))
    windows.sort(key=lambda window: (window.wall, window.seq))
    return ProfileSource(
        path, wanted, tuple(profile for _, profile in mine), tuple(windows), tuple(problems), described=bool(described)
    )


def _number(file: Path, place: int) -> int:
    """The number that ends the file's name; its place among the files when there is none."""
    name = file.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    match = _NUMBER.search(name)
    return int(match[1]) if match else place


def _window(profile: ProfileFacts, number: int) -> HeartbeatWindow:
    """What the profile itself says of its window. The wall clock is all the clock that it has."""
    rate = round(SECOND / profile.period) if profile.kind == "cpu" and profile.period else 0
    spent = profile.values[:, -1].sum() / SECOND if profile.kind == "cpu" else 0.0
    samples = int(profile.values[:, 0].sum()) if len(profile) else 0
    end = profile.time_nanos + profile.duration_nanos
    return HeartbeatWindow(
        number, "", 0, profile.time_nanos, end, profile.time_nanos / SECOND, rate, samples, float(spent), "ok"
    )


def _failed(file: Path, place: int, others: list[HeartbeatWindow]) -> HeartbeatWindow:
    """A file that cannot be read is a window that was lost, about when the file was written."""
    try:
        written = file.stat().st_mtime_ns
    except OSError:
        written = 0
    near = [each for each in others if each.seq < _number(file, place)]
    start = near[-1].start_ns + 1 if near else written
    return HeartbeatWindow(
        _number(file, place), "", 0, start, start, start / SECOND, 0, 0, 0.0, "failed", "its profile cannot be read"
    )


def _without_profile(path: str) -> list[HeartbeatWindow]:
    """Goprobe's windows that have no profile: those that gave way, or failed."""
    found = []
    for file in sorted(Path(path).glob("window-*.json"))[:MAX_FILES]:
        if not file.with_suffix(".pb.gz").exists():
            window = _described(file)
            if window is not None:
                found.append(window)
    return found


def _description(file: Path) -> HeartbeatWindow | None:
    """Goprobe writes NAME.json beside NAME.pb.gz."""
    return _described(file.with_name(file.name.removesuffix(".pb.gz") + ".json"))


def _described(file: Path) -> HeartbeatWindow | None:
    try:
        with file.open("rb") as opened:
            text = opened.read(MAX_DESCRIPTION)
    except OSError:
        return None
    from probes.live.goprobe.descriptions import described  # noqa: PLC0415 - most directories have none

    return described(text)
