"""Rendered playbooks, played by the real Ansible over hosts that are this machine and have a simulated `hotgate` each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gate.fleet.engines.rendering import MARK, render
from gate.fleet.engines.writing import write as write_files
from gate.fleet.plan.model import make_plan
from gate.fleet.release.reading import load_release
from tests.ci.test_hooks import environment
from tests.fleet.plans import write

VENV = Path(sys.executable).parent
SIMULATED = Path(__file__).with_name("simulated.py")


class Played:
    """A folder with an inventory, the state of every host, and the files that were rendered of `text`."""

    def __init__(self, folder: Path, text: str, hosts: int) -> None:
        self.folder = folder
        self.names = [f"h{number}" for number in range(1, hosts + 1)]
        release = load_release(write(folder, text))
        self.components = [each.name for each in release.components]
        write_files(str(folder / "deploy"), render(make_plan(release, None), "ansible"), MARK)
        program = folder / "hotgate"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {SIMULATED} "$@"\n', "utf-8")
        program.chmod(0o755)
        self.down: set[str] = set()
        for name in self.names:
            self.set(
                name, {"components": {each: {"current": "v1", "previous": "v0"} for each in self.components}, "bad": {}}
            )

    def set(self, name: str, state: dict[str, Any]) -> None:
        (self.folder / f"{name}.json").write_text(json.dumps(state), "utf-8")

    def state(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text("utf-8"))
        return found

    def spoil(self, component: str, how: str, *names: str) -> None:
        """Have the new version of a component be bad, on all hosts or on those named."""
        for name in names or self.names:
            state = self.state(name)
            state["bad"][component] = how
            self.set(name, state)

    def versions(self) -> dict[str, str]:
        """What runs: of each host the components' versions, in the plan's order, such as `v2 v2 v1 v1`."""
        return {
            name: " ".join(each["current"] for each in self.state(name)["components"].values()) for name in self.names
        }

    def calls(self, *commands: str) -> list[tuple[str, str, str]]:
        """(host, command, component) of the calls that change something, or of `commands`, in order of time."""
        found = []
        for name in self.names:
            log = self.folder / f"{name}.log"
            for line in log.read_text("utf-8").splitlines() if log.exists() else ():
                call = json.loads(line)
                changing = call["command"] in ("apply", "rollback") and "--dry-run" not in call
                if call["command"] in commands or (not commands and changing):
                    found.append((call["at"], name, call["command"], " ".join(call["names"])))
        return [tuple(call[1:]) for call in sorted(found)]  # type: ignore[misc]

    def command(self, playbook: str, *more: str) -> tuple[list[str], dict[str, str]]:
        """What plays it, and the environment."""
        lines = ["[shop]"]
        for name in self.names:
            how = (
                "ansible_host=127.0.0.1 ansible_port=1 ansible_ssh_common_args='-o ConnectTimeout=2'"
                if name in self.down
                else "ansible_connection=local"
            )
            lines.append(f"{name} hotgate_config={self.folder}/{name}.json {how}")
        lines += [
            "[shop:vars]",
            f"hotgate_program={self.folder}/hotgate",
            f"ansible_python_interpreter={sys.executable}",
        ]
        (self.folder / "hosts.ini").write_text("\n".join(lines) + "\n", "utf-8")
        argv = [str(VENV / "ansible-playbook"), "-i", str(self.folder / "hosts.ini"), playbook, *more]
        env = environment(
            self.folder,
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_HOME=str(self.folder / "ansible"),
            LC_ALL="C.UTF-8",
            ANSIBLE_ASYNC_DIR=str(self.folder / "async"),
        )
        return argv, env

    def play(self, playbook: str = "site.yml", *more: str) -> tuple[int, str]:
        """Exit code and output."""
        argv, env = self.command(playbook, *more)
        done = subprocess.run(
            argv, env=env, cwd=self.folder / "deploy", capture_output=True, text=True, check=False, timeout=600
        )
        return done.returncode, done.stdout + done.stderr
