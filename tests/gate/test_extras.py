"""The plain install has what a check needs; what is missing is one line, with the command that brings it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from gate.extras import EXTRAS, extra_for
from tests import matrix

REPO = Path(__file__).parents[2]
MODULES = {"pyyaml": "yaml"}
"""Packages whose module has another name."""
HIDDEN = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from gate.cli import main
sys.argv = ["hotgate", *{arguments!r}]
main()
"""


def hotgate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run hotgate as if no extra was installed."""
    program = HIDDEN.format(names=set(EXTRAS), arguments=arguments)
    return subprocess.run([sys.executable, "-c", program], cwd=REPO, capture_output=True, text=True, check=False)


def test_every_package_of_an_extra_is_known() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]
    optional = {
        name: extra for name, extra in project["optional-dependencies"].items() if name not in {"dev", "go", "all"}
    }
    told: dict[str, str] = {}
    for extra, packages in optional.items():
        for package in packages:
            name = re.split(r"[^\w-]", package)[0].replace("-", "_")
            if name != "hotgate":
                told[MODULES.get(name, name)] = extra
    assert told == EXTRAS
    required = {re.split(r"[^\w-]", package)[0].replace("-", "_") for package in project["dependencies"]}
    assert not required & set(EXTRAS)


def test_a_check_needs_none_of_them(tmp_path: Path) -> None:
    binary = str(matrix.select(stripped=False, goarch="amd64", buildmode="exe", minor=27)[0].path)
    store = str(tmp_path / "audit.db")
    done = hotgate("check", binary, binary, "--audit", "--store", store)
    assert done.stdout.startswith(("PASS", "BLOCK", "INCONCLUSIVE")), done.stderr
    for command in (
        ["inspect", binary],
        ["rules"],
        ["schema"],
        ["policy", "show"],
        ["audit", "list", "--store", store],
        ["sidecar", "--help"],
        ["profile", "--help"],
        ["fleet", "schema"],
    ):
        assert hotgate(*command).returncode == 0, command


def test_what_is_missing_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "hotgate.toml").write_text('[[sidecar.service]]\nname = "a"\nurl = "http://127.0.0.1:1"\n', "utf-8")
    done = hotgate("sidecar", "--config", str(tmp_path / "hotgate.toml"))
    assert done.returncode == 2
    assert re.fullmatch(
        r"error: this command needs the package \w+, which is not installed\nhint: pip install 'hotgate\[sidecar\]'\n",
        done.stderr,
    ), done.stderr
    assert extra_for("os") is None
