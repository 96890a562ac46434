"""The files for pipelines, each run as its runner would: pre-commit itself, and the shells that the others start.

Here hotgate is on PATH already; test_installs.py installs it as the files say.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import first

REPO = Path(__file__).parents[2]
VENV = Path(sys.executable).parent
JENKINSFILE = REPO / "ci" / "Jenkinsfile"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """What a runner gives, with this tree's hotgate on PATH."""
    bin_folder = folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    program = bin_folder / "hotgate"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gate "$@"\n', "utf-8")
    program.chmod(0o755)
    base = {name: value for name, value in os.environ.items() if not name.startswith(("HOTGATE_", "GIT_"))}
    return {**base, "PATH": f"{bin_folder}:{base['PATH']}", "PYTHONPATH": str(REPO), **more}


CASES = [
    ("build/running", "build/new", 0),
    ("build/running", "build/blocked", 10),
    ("build/forgotten", "build/new", 11),
]


def github(job: Path, old: str, new: str) -> tuple[subprocess.CompletedProcess[str], dict[str, str], str]:
    """Run the steps of action.yml as the runner does: `bash --noprofile --norc -eo pipefail` (docs.github.com)."""
    action = yaml.safe_load((REPO / "action.yml").read_text("utf-8"))
    given = {"old": old, "new": new}
    inputs = {name: given.get(name, str(spec.get("default", ""))) for name, spec in action["inputs"].items()}
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert "pip install" in steps[0]["run"]
    summary, output = job / "summary", job / "output"

    def filled(text: str) -> str:
        return re.sub(
            r"\$\{\{ (\w+)\.(\w+) \}\}",
            lambda m: inputs[m[2]] if m[1] == "inputs" else {"action_path": str(REPO)}[m[2]],
            text,
        )

    assert "${{" not in "".join(step["run"] for step in steps), "values come as variables"
    step = steps[1]
    env = {name: filled(value) for name, value in step["env"].items()}
    env |= {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    script = job / "step.sh"
    script.write_text(step["run"], "utf-8")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=job,
        env=environment(job, **env),
        capture_output=True,
        text=True,
        check=False,
    )
    outputs = dict(line.split("=", 1) for line in output.read_text().splitlines()) if output.exists() else {}
    return done, outputs, summary.read_text("utf-8") if summary.exists() else ""


@pytest.mark.parametrize(("old", "new", "code"), CASES)
def test_the_github_action(job: Path, old: str, new: str, code: int) -> None:
    done, outputs, summary = github(job, old, new)
    assert done.returncode == code, done.stderr
    assert outputs["verdict"] == {0: "pass", 10: "block", 11: "inconclusive"}[code]
    if code == 11:
        assert "inconclusive: no such file: build/forgotten" in done.stderr
        assert "sarif" not in outputs
        return
    assert done.stdout.startswith("::")
    assert summary.strip()
    sarif = json.loads((job / outputs["sarif"]).read_text("utf-8"))
    assert sarif["version"] == "2.1.0"


@pytest.mark.parametrize(("old", "new"), [("", "build/running"), ("build/running", ""), ("", "")])
def test_an_output_of_a_step_that_was_left_out_is_inconclusive(job: Path, old: str, new: str) -> None:
    """GitHub gives an empty text for it, and does not enforce `required`."""
    done, outputs, _ = github(job, old, new)
    assert (done.returncode, outputs["verdict"]) == (11, "inconclusive"), done.stderr


def test_a_hostile_name_of_a_branch_stays_a_name(job: Path) -> None:
    done, outputs, _ = github(job, "build/running", "build/$(touch owned);new")
    assert (done.returncode, outputs["verdict"]) == (11, "inconclusive")
    assert not (job / "owned").exists()


GITLAB = yaml.safe_load((REPO / "ci" / "gitlab.yml").read_text("utf-8"))["hotgate"]
GITLAB_REPORTS = [*GITLAB["artifacts"]["paths"], *GITLAB["artifacts"]["reports"].values()]


def gitlab(job: Path, old: str, new: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the job as GitLab's shell executor does: line after line, until one fails (`set -eo pipefail`)."""
    variables = {**GITLAB["variables"], "OLD_BINARY": old, "NEW_BINARY": new}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(GITLAB["script"])],
        cwd=job,
        env=environment(job, **{**variables, **env}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("old", "new", "code"), CASES)
def test_the_gitlab_job(job: Path, old: str, new: str, code: int) -> None:
    done = gitlab(job, old, new, HOTGATE_PACKAGE="git+https://example.com/hotgate@v1")
    assert done.returncode == code, done.stderr
    assert [name for name in GITLAB_REPORTS if (job / name).exists()] == ([] if code == 11 else GITLAB_REPORTS)
    assert GITLAB["artifacts"]["when"] == "always"


@pytest.mark.parametrize("given", [{}, {"HOTGATE_PACKAGE": ""}])
def test_the_gitlab_job_installs_nothing_that_was_not_named(job: Path, given: dict[str, str]) -> None:
    """Whoever registers the name in a package index would have their code run in every pipeline."""
    tools = job / "tools"
    tools.mkdir()
    pip = tools / "pip"
    pip.write_text('#!/bin/sh\necho "$@" >>pip-was-asked\n', "utf-8")
    pip.chmod(0o755)
    done = gitlab(job, "build/running", "build/new", **given, PATH=f"{tools}:/usr/bin:/bin")
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "HOTGATE_PACKAGE" in done.stderr
    assert not (job / "pip-was-asked").exists()


def test_no_file_installs_by_a_bare_name() -> None:
    """What is installed is a folder or an address; a name is for the package index to resolve."""
    action = yaml.safe_load((REPO / "action.yml").read_text("utf-8"))
    scripts = [step["run"] for step in action["runs"]["steps"]]
    scripts += [(REPO / "ci" / "github.sh").read_text("utf-8"), *GITLAB["script"], JENKINSFILE.read_text("utf-8")]
    found = re.findall(r"\bpip[0-9.]* install\b(.*)", "\n".join(scripts))
    named = [word for line in found for word in line.split() if not word.startswith("-")]
    assert named == ['"$ACTION_PATH"', '"$HOTGATE_PACKAGE"']
    assert action["runs"]["steps"][0]["env"] == {"ACTION_PATH": "${{ github.action_path }}"}
    assert "HOTGATE_PACKAGE" not in GITLAB["variables"]


def jenkins_steps() -> list[str]:
    """The scripts of the `sh` steps of the one stage, of which each fails the stage, and by that the build, unless it is 0.

    Asserts that the stage has no other steps: `script` blocks, `returnStatus`, `catchError` and the like could let it go on.
    """
    text = re.sub(r"^\s*//.*\n", "", JENKINSFILE.read_text("utf-8"), flags=re.MULTILINE)
    (steps,) = re.findall(r"\bsteps \{\n(.*?)\n      \}\n", text, re.DOTALL)
    step = re.compile(r"\s*sh '''([^\\']*)'''\s*", re.DOTALL)
    assert re.fullmatch(f"(?:{step.pattern})+", steps, re.DOTALL), steps
    assert re.findall(r"\b(\w+) ?\(", text) == ["stage", "junit", "archiveArtifacts"]
    return step.findall(steps)


def jenkins(job: Path, old: str, new: str) -> tuple[int, bool]:
    """Run the stage as Jenkins does, `sh -xe` a step (durable-task plugin): the exit code, and whether the next stage runs."""
    for script in jenkins_steps():
        assert "build/running build/new" in script
        body = script.replace("build/running", old).replace("build/new", new)
        argv = ["sh", "-xe", "-c", body]
        done = subprocess.run(argv, cwd=job, env=environment(job), capture_output=True, text=True, check=False)
        if done.returncode:
            return done.returncode, False
    return 0, True


@pytest.mark.parametrize(("old", "new", "code"), CASES)
def test_the_jenkins_stage(job: Path, old: str, new: str, code: int) -> None:
    """A stage that deploys comes after it: it runs on pass, and on nothing else."""
    assert jenkins(job, old, new) == (code, code == 0)
    (archived,) = re.findall(r"artifacts: '([^']*)'", JENKINSFILE.read_text("utf-8"))
    assert {name for name in archived.split(",") if (job / name).exists()} == (
        set(archived.split(",")) if code != 11 else set()
    )


def test_a_run_does_not_publish_what_an_earlier_one_left(job: Path) -> None:
    """Workspaces are kept: a pass of yesterday must not stand beside the inconclusive of today. What is not ours stays."""
    first, outputs, _ = github(job, "build/running", "build/new")
    assert (first.returncode, outputs["verdict"]) == (0, "pass")
    ours = sorted(path.name for path in (job / "hotgate-reports").iterdir())
    assert ours == ["hotgate.json", "hotgate.sarif", "summary.md"]
    assert gitlab(job, "build/running", "build/new").returncode == 0
    assert jenkins(job, "build/running", "build/new") == (0, True)
    kept = [job / "hotgate.toml", job / "hotgate-reports" / "other.json"]
    for path in kept:
        path.write_text("", "utf-8")
    for path in (job / "summary", job / "output"):
        path.unlink()

    again, outputs, summary = github(job, "build/forgotten", "build/new")
    assert again.returncode == 11
    assert outputs == {"verdict": "inconclusive"}
    assert "PASS" not in summary
    assert gitlab(job, "build/forgotten", "build/new").returncode == 11
    assert [name for name in GITLAB_REPORTS if (job / name).exists()] == []
    assert jenkins(job, "build/forgotten", "build/new") == (11, False)
    left = [*job.glob("hotgate.*"), *job.glob("hotgate-reports/*")]
    assert sorted(left) == sorted(kept)


@pytest.mark.parametrize(("old", "new", "code"), first(1, CASES))
def test_the_pre_commit_hook(job: Path, tmp_path: Path, old: str, new: str, code: int) -> None:
    """pre-commit itself, with the hook's file as a repository of its own; test_installs.py lets it install the package, too."""

    def git(*arguments: str, cwd: Path) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, env=environment(job))

    hooks = tmp_path / "hooks"
    hooks.mkdir()
    shutil.copy(REPO / ".pre-commit-hooks.yaml", hooks)
    for folder in (hooks, job):
        git("init", "-q", cwd=folder)
    git("add", ".", cwd=hooks)
    git("commit", "-qm", "hooks", cwd=hooks)
    git("tag", "v1", cwd=hooks)
    hook: dict[str, Any] = {"id": "hotgate", "language": "system", "args": [old, new]}
    config = {"repos": [{"repo": str(hooks), "rev": "v1", "hooks": [hook]}]}
    (job / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    git("add", ".pre-commit-config.yaml", cwd=job)
    env = environment(job, PRE_COMMIT_HOME=str(tmp_path / "cache"))
    argv = [VENV / "pre-commit", "run", "--hook-stage", "pre-push", "--all-files", "--color", "never"]
    done = subprocess.run(argv, cwd=job, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
    if code:
        assert f"exit code: {code}" in done.stdout, done.stdout


def test_the_rehearsal_jobs_call_the_command_as_it_is(job: Path) -> None:
    """A plan that is refused ends every one of them with 2, and what it says is the command's own line."""
    (job / "hotgate.toml").write_text("[rehearsal]\nupdats = 3\n", "utf-8")
    scripts = [
        "\n".join(yaml.safe_load((REPO / "ci" / "gitlab.yml").read_text("utf-8"))["hotgate-rehearsal"]["script"])
    ]
    scripts += re.findall(r"sh '''([^']*)'''", (REPO / "ci" / "Jenkinsfile.rehearsal").read_text("utf-8"))
    assert len(scripts) == 2
    for script in scripts:
        more = {"OLD_BINARY": "build/running", "NEW_BINARY": "build/new"}
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=job,
            env=environment(job, **more),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "hotgate.toml:2: unknown key rehearsal.updats" in done.stderr
    more = {
        "INPUT_OLD": "build/running",
        "INPUT_NEW": "build/new",
        "INPUT_REHEARSE": "true",
        "INPUT_REPORTS": str(job / "reports"),
    }
    done = subprocess.run(
        ["bash", REPO / "ci" / "github.sh"],
        cwd=job,
        env=environment(job, **more),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "unknown key rehearsal.updats" in done.stderr) == (2, True), done.stderr
