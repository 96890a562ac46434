"""Prepares a release: `python -m scripts.release 1.2.3` writes the version and the changelog, and tries the wheel.

The steps are those of docs/releasing.md. What follows (commit, tag, push, publish) is done by hand.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEADING = "## [Unreleased]\n"


class NotReady(Exception):
    """Why there can be no release yet."""


def dated(changelog: str, version: str, day: date) -> str:
    """The changelog with what is unreleased under `version`.

    Raises:
        NotReady: there is nothing new, or `version` is there already.
    """
    before, found, rest = changelog.partition(HEADING)
    news = re.split(r"(?m)^## \[", rest)[0].strip() if found else ""
    if not news:
        raise NotReady("CHANGELOG.md has nothing under [Unreleased]")
    if f"## [{version}]" in changelog:
        raise NotReady(f"CHANGELOG.md has {version} already")
    return f"{before}{HEADING}\n## [{version}] - {day}\n{rest}"


def numbered(module: str, version: str) -> str:
    """`gate/__init__.py` with that version.

    Raises:
        NotReady: it is no version, or not above the one that is there.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+(rc\d+)?", version):
        raise NotReady(f"not a version such as 1.2.3 or 1.2.3rc1: {version}")
    found = re.search(r'(?m)^__version__ = "([^"]+)"$', module)
    if found is None:
        raise NotReady("gate/__init__.py has no version")
    if _order(version) < _order(found[1]):
        raise NotReady(f"{version} is below {found[1]}")
    return module.replace(found[0], f'__version__ = "{version}"', 1)


def _order(version: str) -> tuple[int, ...]:
    numbers, _, candidate = version.partition("rc")
    return (*map(int, numbers.split(".")), int(candidate or 1 << 30))


def try_wheel(root: Path) -> str:
    """Build wheel and source archive of `root`, install the wheel into an empty environment, and say its version.

    Raises:
        NotReady: something failed; says what.
    """
    with tempfile.TemporaryDirectory(prefix="hotgate-release-") as folder:
        uv = str(Path(sys.executable).with_name("uv"))
        _run(uv, "build", "--quiet", "--out-dir", f"{folder}/dist", str(root))
        (wheel,) = Path(folder, "dist").glob("*.whl")
        _run(uv, "venv", "--quiet", "--python", sys.executable, f"{folder}/env")
        _run(uv, "pip", "install", "--quiet", "--python", f"{folder}/env/bin/python", str(wheel))
        program = f"{folder}/env/bin/hotgate"
        _run(program, "rules", cwd=folder)
        if _run(program, "check", program, program, cwd=folder, code=2).find("not an ELF file") < 0:
            raise NotReady("the installed hotgate does not refuse a script")
        return _run(program, "--version", cwd=folder).strip()


def _run(*argv: str, cwd: str | Path = ROOT, code: int = 0) -> str:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise NotReady(f"{' '.join(argv[:3])} exited with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return done.stdout + done.stderr


def prepare(version: str) -> str:
    """Write version, changelog and man page, and try the wheel; gives what the wheel says of itself.

    Raises:
        NotReady: says why not.
    """
    if _run("git", "status", "--porcelain").strip():
        raise NotReady("the working tree is not clean")
    module, changelog = ROOT / "gate" / "__init__.py", ROOT / "CHANGELOG.md"
    after = (
        numbered(module.read_text("utf-8"), version),
        dated(changelog.read_text("utf-8"), version, datetime.now(UTC).date()),
    )
    module.write_text(after[0], "utf-8")
    changelog.write_text(after[1], "utf-8")
    _run(sys.executable, "-m", "scripts.docs.man")
    said = try_wheel(ROOT)
    if version not in said:
        raise NotReady(f"the wheel says {said}")
    return said


def main() -> int:
    """Prepare the release; where that fails, everything is as it was."""
    parser = argparse.ArgumentParser(description="prepare a release")
    parser.add_argument("version", help="such as 1.2.3")
    version = parser.parse_args().version
    files = [ROOT / "gate" / "__init__.py", ROOT / "CHANGELOG.md", ROOT / "docs" / "hotgate.1"]
    before = [path.read_bytes() for path in files]
    try:
        said = prepare(version)
    except NotReady as exc:
        for path, content in zip(files, before, strict=True):
            path.write_bytes(content)
        print(f"error: {exc}", file=sys.stderr)
        return 1
    print(f"{said}\nnow: make wheels, .ci/run in a fresh clone, then commit, tag v{version}, push, publish")
    return 0


if __name__ == "__main__":
    sys.exit(main())
