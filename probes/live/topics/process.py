"""Where the process stands among others."""

from __future__ import annotations

from msgspec import Struct


class ProcessNumbers(Struct, frozen=True):
    """Where the process stands among others. `namespace_pid`: its own view of its PID."""

    source: str
    pid: int
    namespace_pid: int
    parent: int | None = None
    parent_name: str = ""

    def summary(self) -> str:
        """What it comes to, in words."""
        inside = f", {self.namespace_pid} in its namespace" if self.namespace_pid != self.pid else ""
        parent = f", started by {self.parent_name}" if self.parent_name else ""
        return f"PID {self.pid}{inside}{parent}"
