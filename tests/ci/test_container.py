"""The steps of the Containerfile, without a container: what is copied is enough, and what is built runs without a home."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", " ")


def test_it_runs_as_a_user_without_privileges() -> None:
    last = TEXT.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 65532:65532$", last, re.MULTILINE)
    assert "PYTHONDONTWRITEBYTECODE=1" in last, "its root file system may be read-only"
    assert re.search(r'^ENTRYPOINT \["hotgate"\]$', last, re.MULTILINE)


@pytest.mark.long
def test_what_is_copied_is_enough_to_build_and_to_run(tmp_path: Path) -> None:
    build = TEXT.rpartition("\nFROM ")[0]
    source, place = tmp_path / "source", tmp_path / "opt"
    source.mkdir()
    for line in re.findall(r"^COPY (.*)$", build, re.MULTILINE):
        *names, target = line.split()
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (source / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, source / target)
    (command,) = re.findall(r"^RUN (.*)$", build, re.MULTILINE)
    command = command.replace("/opt/hotgate", str(place)).replace("python -m venv", f"{sys.executable} -m venv", 1)
    done = subprocess.run(["sh", "-ec", command], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    environment = {"PATH": os.defpath, "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    for arguments in (["--version"], ["rules"], ["sidecar", "--help"]):
        said = subprocess.run(
            [place / "bin" / "hotgate", *arguments], env=environment, cwd="/", capture_output=True, check=True
        )
        assert said.stdout
    assert (place / "share" / "man" / "man1" / "hotgate.1").is_file()
