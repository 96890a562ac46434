"""Shows what hotgate does: one release that may replace a running service in place, one that must not, and a running one.

Builds the orders service of `testdata/services` three times, runs `hotgate check` on both pairs, then lets a running
service be updated, and exits 1 if a verdict is not the expected one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.demo import live as demo_live
from scripts.programs.gobuild import ROOT, BuildFailed, GoBuild, can_build_cgo, go_version, host_arch, require_go

SERVICES = ROOT / "testdata" / "services"
PASS, BLOCK = 0, 10


@dataclass(frozen=True, slots=True)
class Release:
    """A build of the service: the overlay in `variants`, how it is built, and what to say about it."""

    variant: str
    cgo: bool
    flags: tuple[str, ...]
    expected: int
    lines: tuple[str, ...]


def releases() -> tuple[Release, Release]:
    """The two candidates; without a C compiler the second is only a coverage build, which blocks by itself."""
    cgo = can_build_cgo(host_arch())
    switched = "switches cgo on, " if cgo else ""
    return (
        Release(
            variant="harmless",
            cgo=False,
            flags=(),
            expected=PASS,
            lines=(
                "A rounding bug is fixed in one function, with a new helper and comments that move every line.",
                "Hundreds of other functions moved, and their bytes with them; hotgate names the one that really changed.",
            ),
        ),
        Release(
            variant="harmful",
            cgo=cgo,
            flags=("-cover",),
            expected=BLOCK,
            lines=(
                f"The same service, but the artefact {switched}carries coverage counters and flips a GODEBUG default,",
                "and a field was put into the middle of the orders that are handed over in memory.",
                "Each of these hurts only after the exec, when the old image is gone; hotgate stops it before.",
            ),
        ),
    )


def build(release: Release | None, goroot: Path, out: Path) -> None:
    """Build the service, as it is or as a variant.

    Raises:
        BuildFailed: from the toolchain.
    """
    source = out.with_name(f"{out.name}.src")
    shutil.copytree(SERVICES / "orders", source)
    if release is not None:
        # A copy, not an overlay: the coverage tool reads the files themselves.
        shutil.copytree(SERVICES / "variants" / release.variant, source, dirs_exist_ok=True)
    revision = _commit(source, "2026-02-02" if release is None else "2026-02-09")
    GoBuild(
        goroot=goroot,
        source=source,
        goarch=host_arch(),
        cgo=release.cgo if release else False,
        flags=("-trimpath", *revision, *(release.flags if release else ())),
    ).run(out)


def _commit(source: Path, day: str) -> tuple[str, ...]:
    """Make `source` a repository with one commit, and give the flag that records it; nothing where there is no git."""
    if shutil.which("git") is None:
        return ()
    moment = f"{day}T12:00:00Z"
    author = {f"GIT_{role}_{part}": "demo" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    dates = {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "release"]):
        done = subprocess.run(
            ["git", *command],
            cwd=source,
            env={**os.environ, **author, **dates, **alone},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            return ()
    return ("-buildvcs=true",)


def main() -> int:
    """Build, check, explain."""
    try:
        goroot = require_go()
        print(f"Building three releases of the orders service with Go {go_version(goroot)} …", flush=True)
        with tempfile.TemporaryDirectory(prefix="hotgate-demo-") as scratch:
            folder = Path(scratch)
            build(None, goroot, folder / "orders-1.0.0")
            shutil.copy(SERVICES / "orders" / "hotgate.toml", folder)  # what `hotgate check` obeys there
            wrong = 0
            for release in releases():
                new = folder / f"orders-1.0.1-{release.variant}"
                build(release, goroot, new)
                wrong += _show(release, folder / "orders-1.0.0", new)
            if can_build_cgo(host_arch()):
                (folder / "live").mkdir()
                wrong += demo_live.show(goroot, folder / "live")
            else:
                print("\nleft out: the running service, which needs a C compiler (apt-get install gcc libc6-dev)")
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    return int(wrong > 0)


def _show(release: Release, old: Path, new: Path) -> bool:
    """Check one pair and print the report; true when the verdict is not the expected one."""
    title = f"{release.variant}: hotgate check {old.name} {new.name}"
    print(f"\n{title}\n{'=' * len(title)}")
    print("\n".join(release.lines) + "\n", flush=True)
    done = subprocess.run([sys.executable, "-m", "gate", "check", old.name, new.name], cwd=old.parent, check=False)
    words = {PASS: "pass", BLOCK: "block", 11: "inconclusive"}
    print(f"\nexit code {done.returncode} ({words.get(done.returncode, 'failure')})", flush=True)
    if done.returncode != release.expected:
        print(f"error: expected {release.expected} ({words[release.expected]})", file=sys.stderr)
    return done.returncode != release.expected


if __name__ == "__main__":
    sys.exit(main())
