"""The tests with the oldest versions of all dependencies that pyproject.toml allows, in an environment of their own.

`python -m scripts.truth.oldest [PYTEST ARGUMENT…]`; without arguments everything but the long tests, and those that need
developers' tools beside the product.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".cache" / "oldest"
TOOLS = ("ansible-core", "hypothesis", "iced-x86", "jsonschema", "pytest", "pytest-xdist", "python-hcl2", "pyyaml")
"""What the tests themselves use, in the versions of the `dev` extra."""
WITHOUT = ("ci", "docs", "goprobe", "groundtruth")
"""Folders of tests that say nothing of the product's dependencies."""


def main() -> int:
    """Make the environment and run the tests in it."""
    uv, python = str(Path(sys.executable).with_name("uv")), str(PLACE / "bin" / "python")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    tools = [each for each in project["optional-dependencies"]["dev"] if each.partition("==")[0] in TOOLS]
    for argv in (
        # With pip, by which tests fetch older Go.
        [uv, "venv", "--quiet", "--clear", "--seed", "--python", sys.executable, str(PLACE)],
        # Own dependencies at their lowest, theirs as they come: what the index has of those is not ours to say.
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "--resolution",
            "lowest-direct",
            "--only-binary",
            ":all:",
            "--no-binary",
            "hotgate",
            f"{ROOT}[all]",
            *tools,
        ],
        [uv, "pip", "uninstall", "--quiet", "--python", python, "hotgate"],
    ):
        done = subprocess.run(argv, cwd=ROOT, check=False)
        if done.returncode:
            return done.returncode
    wanted = sys.argv[1:] or ["-m", "not long", "-n", "3", *(f"--ignore=tests/{folder}" for folder in WITHOUT)]
    return subprocess.run([python, "-m", "pytest", "-p", "no:cacheprovider", *wanted], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
