"""What every act of a rehearsal works with: the service, its images, the load, and what is known by now."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

from gate.evidence.rehearsal import Footprint
from gate.rehearsal.load.client import Load
from gate.rehearsal.load.external import External
from gate.rehearsal.load.generator import Order as LoadOrder
from gate.rehearsal.load.requests import Request
from gate.rehearsal.plan.addresses import filled
from gate.rehearsal.problem import CannotRehearse
from gate.rehearsal.rounds.fetch import fetch
from gate.rehearsal.stage.folder import remove
from gate.rehearsal.stage.processes import held

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gate.rehearsal.order import Order
    from gate.rehearsal.stage.images import Images, Name
    from gate.rehearsal.stage.service import Service

PPROF = ("/debug/pprof", "/debug/hotgate/pprof")
STATUS = "/debug/hotgate/status"
UNASKED = "goprobe's digests of the state that is handed over: it asks for a token, which --token-file passes"
MOST_FILES = 100_000
DRAIN = 5.0
"""Seconds in which connections that the generator has closed are closed by the service as well."""


class Scene:
    """The rehearsal so far. `serving` is the image that serves."""

    def __init__(
        self, folder: Path, order: Order, service: Service, images: Images, say: Callable[[str], None]
    ) -> None:
        self.folder, self.order, self.plan = folder, order, order.plan
        self.service, self.images, self.say = service, images, say
        self.serving: Name = "old"
        self.trigger: str | tuple[str, ...] = order.plan.trigger
        self.load: Load | None = None
        self.pprof = ""
        self.notes: list[str] = []
        self.not_tried: list[str] = []
        self.in_place = False
        self._begun = time.monotonic()

    @property
    def other(self) -> Name:
        """The image that the next update goes to."""
        return "new" if self.serving == "old" else "old"

    def leave_out(self, what: str) -> None:
        """Say, once, what is not tried, and why."""
        if what not in self.not_tried:
            self.not_tried.append(what)

    def left(self) -> float:
        """Seconds of the time budget that are left."""
        budget = self.order.budget
        return float("inf") if not budget else budget - (time.monotonic() - self._begun)

    def start(self, image: Name, *, clean: bool = True) -> float:
        """Start the service afresh with `image`, after ending what is there; the seconds until it was ready.

        `clean`: with the files that it had at first, whatever those that came before have made of them.
        """
        if self.load is not None:
            self.load.pause()
        self.service.end()
        if clean:
            remove(self.folder / "work")
            shutil.copytree(self.folder / "files", self.folder / "work")
        before = self.service.target
        if not self.plan.ready.startswith("http://") and "port" not in self.service.values:
            self.service.target = None
        self.images.place(image)
        took = self.service.start()
        self.serving = image
        if self.load is not None and self.service.target != before:
            self.stop_load()
            self.start_load()
        return took

    def start_load(self) -> None:
        """Start the generator, which sends nothing yet; nothing where there is nothing to send."""
        order = self._load_order()
        if order is None and self.plan.load.command:
            return
        if order is None:
            self.not_tried.append("load: the service speaks no HTTP on its port, and the plan keeps no connections")
            return
        environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": self.order.python}
        self.load = Load(order, self.folder, environment)
        self.service.helpers.add(self.load.pid)

    def _load_order(self) -> LoadOrder | None:
        target, plan = self.service.target, self.plan.load
        if target is None:
            return None
        requests = self.order.requests
        if not requests and target.path:
            requests = tuple(Request("GET", path) for path in self.plan.compare.paths) or (Request("GET", target.path),)
        if plan.command:
            requests = ()  # that command's business
        if not requests and not plan.keep:
            return None
        at = filled(plan.keep_at, self.service.values)
        host, _, port = (
            at.rpartition(":") if plan.keep_as == "lines" and plan.keep else (target.host, "", str(target.port))
        )
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CannotRehearse(f"rehearsal.load.keep_at is no address: {at}", hint="write 127.0.0.1:{port2}")
        return LoadOrder(
            target.host,
            target.port,
            requests,
            plan.rate,
            plan.new,
            plan.slow,
            plan.timeout,
            plan.expect,
            plan.keep,
            plan.keep_as,
            host or "127.0.0.1",
            int(port),
            at,
        )

    def stop_load(self) -> None:
        """End the generator."""
        if self.load is not None:
            self.load.stop()
            self.service.helpers.discard(self.load.pid)
            self.load = None

    def start_external(self) -> External | None:
        """Start the plan's own load; None where there is none."""
        command = self.plan.load.command
        if not command:
            return None
        target = self.service.target
        values = self.service.values | ({} if target is None else {"port": str(target.port)})
        found = External(
            [filled(part, values) for part in command], self.folder, {**os.environ, "PORT": values.get("port", "")}
        )
        self.service.helpers.add(found.pid)
        return found

    # What the service says of itself

    def find_pprof(self) -> None:
        """Look for net/http/pprof."""
        target = self.service.target
        if target is None or not target.path:
            return
        for path in (self.plan.pprof,) if self.plan.pprof else PPROF:
            answer = fetch(target, f"{path}/goroutine?debug=1")
            if answer is not None and answer.body.startswith(b"goroutine profile:"):
                self.pprof = path
                return

    def goroutines(self) -> int | None:
        """How many there are; None without net/http/pprof."""
        target = self.service.target
        answer = fetch(target, f"{self.pprof}/goroutine?debug=1") if self.pprof and target is not None else None
        match = re.match(rb"goroutine profile: total (\d{1,9})", answer.body) if answer is not None else None
        return None if match is None else int(match[1])

    def status(self) -> dict[str, Any] | None:
        """Goprobe's status; None without goprobe, and where it refuses the token, which is said."""
        target = self.service.target
        answer = fetch(target, STATUS, token=self.order.token) if target is not None and target.path else None
        if answer is not None and answer.status in {401, 403}:
            self.leave_out(UNASKED)
        if answer is None or answer.status != 200:
            return None
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def footprint(self) -> Footprint:
        """What the service holds, once the connections of the load are closed on its side too."""
        target = self.service.target
        if self.load is not None:
            self.load.pause()
        if target is not None:
            kept = self.plan.load.keep
            self.service.wait_for(lambda: self.service.connections() <= kept, DRAIN)
        found = held(self.service.processes())
        files = sum(
            len(names) for _, (_, _, names) in zip(range(MOST_FILES), os.walk(self.folder / "work"), strict=False)
        )
        return Footprint(found.descriptors, found.memory, found.threads, found.processes, files, self.goroutines())
