"""Hotgate installed as each pipeline installs it: from a clone of the repository, with what it needs from a package index."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

from tests.ci.test_hooks import CASES, GITLAB, GITLAB_REPORTS, REPO, VENV
from tests.conftest import missing

pytestmark = [pytest.mark.long, pytest.mark.patient]

SECONDS = 600
NOT_IN_A_CLONE = (".*", "__pycache__", "*.egg-info")
NOT_NEEDED = {"build", "dist", "testdata", "tests", "goprobe"}
"""Folders of the root."""
TAG = "v1"
NOT_INSTALLED = {"profile.proto"}
VERDICTS = {0: "pass", 10: "block", 11: "inconclusive"}

IMPORT_ALL = """
import gate, pkgutil, probes
from gate.extras import extra_for
missing = []
for package in (gate, probes):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith(("__main__", "migrations.env")):  # which only run, and in Alembic
            try:
                __import__(module.name)
            except ModuleNotFoundError as exc:  # the plain install
                if extra_for(exc.name) is None:
                    raise
                missing.append(module.name)
assert missing and all(name.startswith(("gate.fleet.", "gate.release.", "gate.sidecar.", "probes.profile.")) for name in missing), missing
print(gate.__path__[0], probes.__path__[0])
"""


def bare(folder: Path, *first: Path, **more: str) -> dict[str, str]:
    """The environment of a runner that has no hotgate but the one in the folders `first`, and knows nothing of this tree."""
    kept = [each for each in os.environ["PATH"].split(os.pathsep) if not Path(each, "hotgate").exists()]
    drop = ("HOTGATE_", "GIT_", "PYTHON", "VIRTUAL_ENV", "PRE_COMMIT")
    base = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    path = os.pathsep.join([*map(str, first), *kept])
    assert first or shutil.which("hotgate", path=path) is None
    return {**base, "PATH": path, "TMPDIR": str(folder), **more}


def git(*arguments: str, cwd: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, env=bare(cwd))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index that answers: what builds the package comes from there at every install."""
    wanted = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "setuptools>=77"]
    done = subprocess.run(
        wanted, cwd=tmp_path_factory.mktemp("index"), capture_output=True, text=True, check=False, timeout=SECONDS
    )
    if done.returncode:
        missing(f"no package index that pip can reach: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="module")
def clone(index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with this tree as its tag v1, as whoever uses the files would name it."""
    del index
    if shutil.which("git") is None:
        missing("no git: apt-get install git")
    folder = tmp_path_factory.mktemp("clone") / "hotgate"
    everywhere = shutil.ignore_patterns(*NOT_IN_A_CLONE)

    def ignored(place: str, names: list[str]) -> set[str]:
        return everywhere(place, names) | (NOT_NEEDED if Path(place) == REPO else set())

    shutil.copytree(REPO, folder, ignore=ignored)
    shutil.copy(REPO / ".pre-commit-hooks.yaml", folder)
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "-qm", "all", cwd=folder)
    git("tag", TAG, cwd=folder)
    return folder


def shell(script: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step as the runners of GitHub (docs.github.com) and, but for the first two options, GitLab do."""
    argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)


def fresh(folder: Path) -> Path:
    """The folder of programs of a new environment, which has pip and nothing else."""
    venv.create(folder, with_pip=True, symlinks=True)
    return folder / "bin"


def installed(programs: Path, clone: Path) -> None:
    """Assert that a whole hotgate is installed there: every file, and whatever its modules import."""
    argv = [str(programs / "python"), "-c", IMPORT_ALL]
    done = subprocess.run(argv, cwd="/", env=bare(programs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, found in zip(("gate", "probes"), map(Path, done.stdout.split()), strict=True):
        assert found.is_relative_to(programs.parent)
        there, wanted = (
            {path.relative_to(root) for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
            for root in (found, clone / name)
        )
        assert {path for path in wanted - there if path.name not in NOT_INSTALLED} == set()


def test_the_github_action_installs_what_it_runs(clone: Path, job: Path, tmp_path: Path) -> None:
    programs = fresh(tmp_path / "python")
    action = yaml.safe_load((clone / "action.yml").read_text("utf-8"))
    install, check = action["runs"]["steps"]
    env = bare(tmp_path, programs, ACTION_PATH=str(clone))
    assert shutil.which("hotgate", path=env["PATH"]) is None
    done = shell(install["run"], job, env)
    assert done.returncode == 0, done.stderr
    installed(programs, clone)
    for old, new, code in CASES:
        output = job / f"output-{code}"
        given = {"INPUT_OLD": old, "INPUT_NEW": new, "GITHUB_OUTPUT": str(output)}
        done = shell(check["run"], job, env | given)
        assert done.returncode == code, done.stderr
        assert output.read_text("utf-8").splitlines()[0] == f"verdict={VERDICTS[code]}"


def test_the_gitlab_job_installs_what_it_runs(clone: Path, job: Path, tmp_path: Path) -> None:
    programs = fresh(tmp_path / "python")
    env = bare(tmp_path, programs, **GITLAB["variables"], HOTGATE_PACKAGE=f"git+{clone.as_uri()}@{TAG}")
    assert shutil.which("hotgate", path=env["PATH"]) is None
    for old, new, code in CASES:
        done = shell("\n".join(GITLAB["script"]), job, env | {"OLD_BINARY": old, "NEW_BINARY": new})
        assert done.returncode == code, done.stderr
        assert [name for name in GITLAB_REPORTS if (job / name).exists()] == ([] if code == 11 else GITLAB_REPORTS)
        if code == 0:
            assert json.loads((job / "hotgate.json").read_text("utf-8"))["verdict"] == "pass"
    installed(programs, clone)


def test_pre_commit_installs_what_it_runs(clone: Path, job: Path, tmp_path: Path) -> None:
    """pre-commit clones the repository at `rev`, makes an environment, and installs the package and what it needs."""
    env = bare(tmp_path, PRE_COMMIT_HOME=str(tmp_path / "cache"))
    git("init", "-q", cwd=job)
    for old, new, code in CASES:
        config = {"repos": [{"repo": str(clone), "rev": TAG, "hooks": [{"id": "hotgate", "args": [old, new]}]}]}
        (job / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), "utf-8")
        git("add", ".pre-commit-config.yaml", cwd=job)
        argv = [VENV / "pre-commit", "run", "--hook-stage", "pre-push", "--all-files", "--color", "never"]
        done = subprocess.run(argv, cwd=job, env=env, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
        assert ("exit code: " not in done.stdout) if code == 0 else (f"exit code: {code}" in done.stdout), done.stdout
    (programs,) = (path.parent for path in (tmp_path / "cache").rglob("bin/hotgate"))
    installed(programs, clone)
