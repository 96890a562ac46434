"""Installs the tools that a fleet's tests run into `.cache/tools`: ansible-lint, squawk, buf and oasdiff.

`python -m scripts.fetch.fleet_tools` gets all of them, from the package indexes of Python and of Go, at the versions below; what is there
already is left alone. hotgate itself needs none: it uses those that it finds on PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.programs.gobuild import CACHE, FEW_COLLECTIONS, ONE_LIBRARY, BuildFailed, require_go

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = CACHE / "tools"
SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: a package of Python's index, or a Go package with its module's version."""

    name: str
    version: str
    python: str = ""
    go: str = ""

    @property
    def place(self) -> Path:
        """Where it is once it is installed."""
        return FOLDER / f"{self.name}-{self.version}" / "bin" / self.name


ANSIBLE_LINT = Tool("ansible-lint", "26.10.1", python="ansible-lint")
SQUAWK = Tool("squawk", "2.70.0", python="squawk-cli")
BUF = Tool("buf", "1.75.0", python="buf-bin")
OASDIFF = Tool("oasdiff", "1.37.0", go="github.com/oasdiff/oasdiff")
TOOLS = (ANSIBLE_LINT, SQUAWK, BUF, OASDIFF)


def installed(tool: Tool) -> Path | None:
    """Its program, where `fetch` has installed it."""
    return tool.place if tool.place.exists() else None


def fetch(tool: Tool) -> None:
    """Install it.

    Raises:
        BuildFailed: it cannot be had.
    """
    if tool.place.exists():
        return
    root = tool.place.parents[1]
    steps: list[list[str]]
    env = dict(os.environ)
    if tool.python:
        steps = [
            [sys.executable, "-m", "venv", str(root)],
            [
                str(root / "bin" / "pip"),
                "install",
                "--quiet",
                "--disable-pip-version-check",
                f"{tool.python}=={tool.version}",
            ],
        ]
    else:
        env |= FEW_COLLECTIONS | {
            "GOBIN": str(root / "bin"),
            "GOFLAGS": ONE_LIBRARY,
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }
        steps = [[str(require_go() / "bin" / "go"), "install", f"{tool.go}@v{tool.version}"]]
    for argv in steps:
        try:
            done = subprocess.run(
                argv, env=env, cwd=FOLDER.parent, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise BuildFailed(f"cannot install {tool.name}: {exc}") from exc
        if done.returncode:
            raise BuildFailed(f"cannot install {tool.name}: {done.stderr.strip()[-800:]}")
    if not tool.place.exists():
        raise BuildFailed(f"{tool.name} {tool.version} brought no {tool.place}")


def main() -> int:
    """Install all of them, or those that are named."""
    names = sys.argv[1:]
    status = 0
    for tool in TOOLS:
        if names and tool.name not in names:
            continue
        try:
            fetch(tool)
            print(f"{tool.name} {tool.version}")
        except BuildFailed as exc:
            print(f"error: {exc}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
