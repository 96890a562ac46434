"""A simulation of `hotgate` on a host, so that what playbooks do with its answers is tried in seconds.

The file of --config has the host's state. `bad` maps a component to what its new version does: `crash` (apply takes it back), `block`,
`inconclusive`, `refuse` (the running image does not go over), `worse` (the watch says rollback), `unknown` (the watch cannot tell), `unfinished`. Every call is a line of FILE.log.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main() -> int:
    """One call."""
    words = sys.argv[1:]
    command, options = words[0], {}
    names = []
    at = 1
    while at < len(words):
        if words[at].startswith("--"):
            takes = words[at] != "--dry-run"
            options[words[at]] = words[at + 1] if takes else ""
            at += 2 if takes else 1
        else:
            names.append(words[at])
            at += 1
    path = Path(options["--config"])
    began, state = time.time(), json.loads(path.read_text("utf-8"))
    code, answer = {"releases": releases, "apply": apply, "rollback": rollback, "watch": watch}[command](
        state, names, options
    )
    whole = path.with_suffix(f".{os.getpid()}")  # a test reads while plays go on
    whole.write_text(json.dumps(state), "utf-8")
    whole.replace(path)
    with path.with_suffix(".log").open("a", encoding="utf-8") as log:  # a call that can be read there is done
        log.write(json.dumps({"at": began, "command": command, "names": names, **options}) + "\n")
    sys.stdout.write(json.dumps(answer) + "\n")
    return code


def releases(state: dict[str, Any], names: list[str], options: dict[str, str]) -> tuple[int, dict[str, Any]]:
    del options
    own = state["components"][names[0]]
    operations = [{"ending": "done", "version": own["current"], "at": own["at"], "stages": []}] if own.get("at") else []
    return 0, {
        "current": own["current"],
        "previous": own["previous"],
        "busy": "",
        "problems": [],
        "unfinished": own.get("unfinished", ""),
        "operations": operations,
    }


def apply(state: dict[str, Any], names: list[str], options: dict[str, str]) -> tuple[int, dict[str, Any]]:
    own, wanted, bad = state["components"][names[0]], options["--version"], state["bad"].get(names[0], "")
    if own["current"] == wanted:
        return 0, {"event": "outcome", "ending": "as-it-was", "said": "is there"}
    if bad in ("block", "inconclusive"):
        return {"block": 10, "inconclusive": 11}[bad], {
            "event": "outcome",
            "ending": f"{bad}ed".replace("inconclusiveed", bad),
            "said": "HG999 says so",
        }
    if "--dry-run" in options:
        return 0, {"event": "outcome", "ending": "would-pass", "said": "would pass"}
    if bad == "refuse":
        return 12, {"event": "outcome", "ending": "taken-back", "reason": "refused", "said": "a request does not end"}
    if bad == "crash":
        return 12, {"event": "outcome", "ending": "taken-back", "said": f"{wanted} crashed at its start"}
    own.update(
        previous=own["current"], current=wanted, at=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), unfinished=""
    )
    return 0, {"event": "outcome", "ending": "done", "said": f"{names[0]} runs {wanted}"}


def rollback(state: dict[str, Any], names: list[str], options: dict[str, str]) -> tuple[int, dict[str, Any]]:
    del options
    own = state["components"][names[0]]
    own.update(previous=own["current"], current=own["previous"], at="")
    return 0, {"event": "outcome", "ending": "done", "said": f"{names[0]} runs {own['current']}"}


def watch(state: dict[str, Any], names: list[str], options: dict[str, str]) -> tuple[int, dict[str, Any]]:
    del options
    services = []
    for name in names:
        found = {"worse": "rollback", "unknown": "inconclusive"}.get(state["bad"].get(name, ""), "clear")
        services.append(
            {"service": name, "state": found, "exit_code": {"rollback": 10, "inconclusive": 11}.get(found, 0)}
        )
    if all(each["state"] == "clear" for each in services):
        time.sleep(1)
    code = max(each["exit_code"] for each in services)
    return code, services[0] if len(services) == 1 else {"exit_code": code, "services": services}


if __name__ == "__main__":
    sys.exit(main())
