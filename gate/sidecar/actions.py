"""What the sidecar does beside looking on, where its table [sidecar.actions] says so: rollbacks, and ending what was killed.

It runs hotgate's own commands, in processes of their own, which go on when the sidecar ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from gate.apply.errors import ApplyError
from gate.apply.pending import unfinished
from gate.report.models.reproducible import text
from gate.sidecar.verdicts.judge import NOT_INHERITED, Unanswerable
from gate.store import audit
from gate.store.chain import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

    from gate.sidecar.config.model import SidecarConfig
    from gate.store.database import Database

LOG = logging.getLogger("hotgate.actions")
SECONDS = 600.0
"""For which a client waits for the end; the rollback goes on then."""
MAX_SAID = 1 << 20
MAX_REASON = 400


class Actions:
    """Runs commands, one at a time for a service: the host's own lock sees to that. `ended`: (service, exit code) -> how often."""

    def __init__(self, database: Database, config: Callable[[], SidecarConfig], store: str) -> None:
        self._database, self._config, self._store = database, config, store
        self._running: set[asyncio.Task[dict[str, Any]]] = set()
        self.ended: dict[tuple[str, int], int] = {}

    def token(self) -> str:
        """What the client has to send for a rollback; "" where none is done."""
        actions = self._config().actions
        return actions.token if actions is not None and actions.rollback else ""

    async def rollback(self, name: str, by: str, reason: str, *, force: bool) -> dict[str, Any]:
        """Run `hotgate rollback NAME` for `by`, who has sent the token; what it ended in.

        Raises:
            Unanswerable: it may not be done, or could not be begun.
            StoreError: that it was asked for could not be put into the audit log, so it was not begun.
        """
        if not self.token():
            raise Unanswerable(403, "actions_off", "this sidecar only looks on: it has no [sidecar.actions]")
        if name not in self._config().hosts:
            raise Unanswerable(404, "no_releases", f"{name[:200]} has no releases on this host", hint="GET …/releases")
        if force and not reason.strip():
            raise Unanswerable(400, "bad_request", "force needs a reason")
        if len(reason) > MAX_REASON:
            raise Unanswerable(400, "bad_request", f"a reason has at most {MAX_REASON} characters")
        body = {
            "schema_version": "1",
            "kind": "rollback",
            "subject": name,
            "verdict": "asked",
            "by": by,
            "reason": reason,
        }
        asked = canonical({key: text(value) for key, value in body.items()} | {"force": force})
        await asyncio.to_thread(audit.append, self._database, asked)
        words = ["rollback", name, *(["--force", f"{reason} (by {by})"] if force else [])]
        task = asyncio.create_task(self._run(name, words))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(task), SECONDS)
        except TimeoutError as exc:
            raise Unanswerable(
                504, "too_slow", f"the rollback of {name} goes on", hint="GET …/releases shows where it is"
            ) from exc

    async def resume(self) -> None:
        """End what was killed before the sidecar was started, where it may; else say it."""
        config = self._config()
        for name, host in config.hosts.items():
            try:
                left = await asyncio.to_thread(unfinished, host)
            except (ApplyError, OSError) as exc:
                LOG.warning("%s: %s", name, exc)
                continue
            if left is None:
                continue
            if config.actions is None or not config.actions.resume:
                LOG.warning("%s: its last %s was killed; `hotgate apply %s --resume` ends it", name, left.kind, name)
                continue
            LOG.info("%s: its last %s was killed, and is ended now", name, left.kind)
            try:
                found = await self._run(name, ["apply", name, "--resume"])
            except Unanswerable as exc:
                LOG.error("%s: %s", name, exc)  # noqa: TRY400
            else:
                LOG.info("%s: %s", name, found["said"])

    async def _run(self, name: str, words: list[str]) -> dict[str, Any]:
        """What a command ends in, from its last line."""
        environment = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED - {"HOTGATE_STORE"}}
        if self._store:
            environment["HOTGATE_STORE"] = self._store  # not an argument: it may hold a password
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gate", *words, "--config", self._config().source, "--log", "json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # an end of the sidecar, or ctrl-C in its terminal, is none of the rollback
            limit=MAX_SAID,
        )
        said, complained = await process.communicate()
        code = process.returncode or 0
        if words[0] == "rollback":
            self.ended[name, code] = self.ended.get((name, code), 0) + 1
        try:
            found: Any = json.loads(said.splitlines()[-1])
        except (ValueError, IndexError, RecursionError):
            found = None
        if isinstance(found, dict) and found.get("event") == "outcome":
            return {key: value for key, value in found.items() if key != "event"}
        lines = complained.decode("utf-8", "replace").splitlines() or ["error: it failed"]
        hint = lines[1].removeprefix("hint: ") if len(lines) > 1 else ""
        raise Unanswerable(422, "not_begun", lines[0].removeprefix("error: "), hint=hint)
