"""systemd's notification protocol: one datagram with lines of KEY=VALUE to the socket in NOTIFY_SOCKET (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notifier:
    """Tells the service manager; silent where there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        limit = environ.get("WATCHDOG_USEC", "")
        mine = environ.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self.watchdog = int(limit) / 2e6 if mine and limit.isascii() and limit.isdecimal() and int(limit) else None
        """Seconds between two signs of life: half of what the manager waits; None without a watchdog."""

    def tell(self, *lines: str) -> None:
        """Send `lines`. A manager that is gone is no reason to fail."""
        if not self._address.startswith(("/", "@")):
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            try:
                sock.sendto("\n".join(lines).encode("utf-8", "replace"), address)
            except OSError:
                return

    def ready(self, status: str) -> None:
        """The services are polled and the address is served."""
        self.tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again; `ready` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Nothing new is begun."""
        self.tell("STOPPING=1")

    def alive(self, status: str) -> None:
        """A sign of life."""
        self.tell("WATCHDOG=1", f"STATUS={status}")
