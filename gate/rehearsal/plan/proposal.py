"""A plan that is proposed: what a program and a running process tell, and comments on what only its author knows."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING

from gate.rehearsal.plan.addresses import elsewhere
from gate.rehearsal.plan.told import told
from gate.rehearsal.plan.usual import DEFAULT_TRIGGERS, USUAL
from probes.go.restarts import GOPROBE, entries_called, library_of

if TYPE_CHECKING:
    from gate.rehearsal.plan.seen import Seen
    from gate.rehearsal.plan.told import Told
    from probes.go.facts import BinaryFacts

MOST_PORTS = 9


def propose(facts: BinaryFacts, seen: Seen | None = None) -> str:
    """The text of a plan for the program of `facts`, with what the process `seen` shows of its command line."""
    names = facts.functions.name_bytes if facts.functions is not None else b""
    entries = entries_called(names)
    library = library_of(entries[0]) if entries else ""
    probed = GOPROBE.encode() in names
    trigger = USUAL.get(library, DEFAULT_TRIGGERS)[0]
    why = (
        f"what services with {library} use"
        if library
        else "what goprobe's examples use"
        if probed
        else "a guess: no restart library is called"
    )
    code = told(facts)
    command, notes = _command(seen, code)
    lines = [
        "# A rehearsal really performs the update of this service, where nothing can be hurt: hotgate rehearse OLD NEW.",
        "# {binary} is the path at which OLD and NEW are put, {port} and {port2} are free ports of loopback, {dir} is its folder.",
        "[rehearsal]",
        *(f"# {note}" for note in notes),
        *_flags(code),
        f"command = [{', '.join(json.dumps(part, ensure_ascii=False) for part in command)}]",
        'ready = "http://127.0.0.1:{port}/"      # an address that answers 2xx or 3xx, or "tcp", or "log:" and a part of a line'
        if any("{port}" in part for part in command)
        else 'ready = "tcp"                           # or an http address, or "log:" and a part of a line',
        f'trigger = "{trigger}"                     # {why}; or a command: ["systemctl", …] with {{pid}}',
        'within = "30s"                          # what a start and an update may take',
        "updates = 10                            # every second one is the way back",
    ]
    variables = seen.variables if seen is not None else ()
    if variables:
        lines.append("# Variables of the running process; those of inherit are taken from hotgate's own environment:")
        lines.append(f"# inherit = [{', '.join(json.dumps(name) for name in variables[:40])}]")
    lines += [
        "",
        "[rehearsal.load]",
        'requests = ["GET /"]                    # or a .http or HAR file; command = ["k6", "run", "load.js"] instead',
        "rate = 100",
        '# keep = 50                             # long-lived connections: keep_as = "websocket", keep_at = "/ws"',
        "",
        "[rehearsal.compare]",
        'paths = ["/"]                           # answers that OLD and NEW give alike',
        '# ignore = ["$.time", "header:etag"]',
        "",
        "[rehearsal.state]",
        f"# goprobe hands over {', '.join(code.states) or 'state'}: its digests are compared without being asked."
        if probed
        else "# The service's own answers on its state, the same before and after an update:",
        '# read = "/v1/state"',
        "",
        "# All drills are done unless one is switched off here.",
        "[rehearsal.drills]",
        "# kill = false",
    ]
    return "\n".join(lines) + "\n"


def _flags(code: Told) -> list[str]:
    if not code.flags:
        return []
    more = f" and {code.more} more" if code.more else ""
    return textwrap.wrap(
        f"Flags that the program defines: {', '.join(code.flags)}{more}.",
        width=118,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_on_hyphens=False,
    )


def _command(seen: Seen | None, code: Told) -> tuple[list[str], list[str]]:
    """The command with the ports of the process replaced, and what has to be looked at."""
    if seen is None and code.address:
        flag = code.address[0].partition("=")[0]
        return ["{binary}", *code.address], [
            f"A guess by the name of the flag {flag}; --pid PID tells how the service is really started."
        ]
    if seen is None:
        return ["{binary}"], [
            'How the service is started, such as ["{binary}", "-listen", "127.0.0.1:{port}"]; --pid PID tells.'
        ]
    names = {port: "port" if number == 1 else f"port{number}" for number, port in enumerate(seen.ports[:MOST_PORTS], 1)}
    command, notes = ["{binary}"], []
    for argument in seen.arguments:
        text = argument.replace("{", "").replace("}", "")
        for port, name in names.items():
            text = re.sub(rf"(?:[\w.*-]*|\[[^\]]*\]):{port}\b", f"127.0.0.1:{{{name}}}", text)
            text = f"{{{name}}}" if text == str(port) else text
        if elsewhere(text) is not None:
            notes.append(
                f"Argument {len(command)} names another machine, which a rehearsal does not: give it one of its own on 127.0.0.1."
            )
            text = "FILL-IN"
        command.append(text)
    if any("FILL-IN" in part for part in command):
        notes.append("FILL-IN stands for what looks like a secret or another machine.")
    return command, notes
