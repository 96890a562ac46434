"""The services that are rehearsed, each built once, and rehearsals of them as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.programs import handoff_services, live_service, rehearsed_services
from scripts.programs.gobuild import CACHE, ROOT, BuildFailed, GoBuild, host_arch, require_go

EXAMPLES = ("lines", "gorilla", "coder")
"""Services of `goprobe/examples` that keep connections."""
VEGETA = "github.com/tsenart/vegeta/v12@v12.13.0"
PLAN = """[rehearsal]
command = ["{{binary}}", "-listen", "127.0.0.1:{{port}}"{extra}]
ready = {ready}
trigger = {trigger}
within = "12s"
updates = {updates}
pause = "{pause}"
[rehearsal.load]
rate = {rate}
{load}
{more}
"""
STATE = '[rehearsal.compare]\npaths = ["/"]\n[rehearsal.state]\nread = "/state"\nignore = ["$.at"]\n'
NO_DRILLS = (
    "[rehearsal.drills]\ncrash = false\nhang = false\ncut_off = false\ntwice = false\nbusy = false\nkill = false\n"
)
GOOD = "expect = [200, 201, 202, 400]\n"


def plan(path: str = "/", **changes: object) -> str:
    """A plan's text: for a service that answers at `path`, with `changes` to what is planned."""
    given = {
        "extra": "",
        "ready": f'"http://127.0.0.1:{{port}}{path}"' if path else '"tcp"',
        "trigger": '"SIGUSR2"',
        "updates": 8,
        "pause": "1500ms",
        "rate": 100,
        "load": f'requests = ["GET {path}", "POST {path}"]\n{GOOD}',
        "more": STATE,
    }
    return PLAN.format(**(given | changes))


def rules_of(report: dict[str, Any]) -> set[str]:
    """The rules that found something."""
    return {each["rule"] for each in report["findings"]}


class Bench:
    """A folder with the services, and rehearsals of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._goroot = folder, require_go()

    def program(self, name: str, variant: str | None = None) -> Path:
        """A service, built once."""
        out = self.folder / f"{name}-{variant or 'plain'}"
        if out.exists():
            return out
        if name in handoff_services.NAMES:
            handoff_services.build(out, name, self._goroot)
        elif name == "live":
            live_service.build(out, self._goroot, variant)
        elif name in EXAMPLES:
            source = ROOT / "goprobe" / "examples" / name
            flags = ("-trimpath", "-buildvcs=false", "-modcacherw")
            environment = handoff_services.with_modules(self._goroot)
            GoBuild(goroot=self._goroot, source=source, goarch=host_arch(), flags=flags, env=environment).run(out)
        else:
            rehearsed_services.build(out, self._goroot, "" if name == "good" else name)
        return out

    def vegeta(self) -> Path:
        """The load generator of that name, which comes by Go's module proxy."""
        folder = CACHE / "vegeta"
        if not (folder / "vegeta").exists():
            environment = {**os.environ, **handoff_services.with_modules(self._goroot), "GOBIN": str(folder)}
            command = [str(self._goroot / "bin" / "go"), "install", "-modcacherw", VEGETA]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise BuildFailed(f"vegeta cannot be built: {done.stderr.strip()}")
        return folder / "vegeta"

    def rehearse(self, name: str, old: Path, new: Path, text: str, *options: str) -> dict[str, Any]:
        """The report on one rehearsal by the plan `text`; without a plan where that is ""."""
        where = Path(tempfile.mkdtemp(prefix=f"{name.split(',', maxsplit=1)[0].replace(' ', '-')}-", dir=self.folder))
        if text:
            (where / "hotgate.toml").write_text(text, "utf-8")
        (where / "requests.http").write_text(REQUESTS, "utf-8")
        command = [sys.executable, "-m", "gate", "rehearse", str(old), str(new), "--format", "json", *options]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(where)}
        done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
        left = list(where.glob("hotgate-rehearsal-*"))
        if not done.stdout or left:
            raise SystemExit(f"{name}: exit code {done.returncode}, {done.stderr.strip()} {left or ''}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found


REQUESTS = """GET /
Accept: text/plain

###
POST /
Content-Type: application/json

{"lines": [{"article": "tea", "count": 2}]}
"""
