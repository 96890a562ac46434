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
    unit: str = ""
    """Its systemd service; "" for none."""
    unit_type: str = ""
    """`Type=` of that, "" where its file could not be read."""
    pid_file: bool = False
    """Whether the unit names a PID file."""
    notify_access: str = ""
    notifies: bool = False
    """Whether it was told where to send notifications of its state."""

    def summary(self) -> str:
        """What it comes to, in words."""
        inside = f", {self.namespace_pid} in its namespace" if self.namespace_pid != self.pid else ""
        parent = f", started by {self.parent_name}" if self.parent_name else ""
        unit = f", unit {self.unit}" + (f" (Type={self.unit_type})" if self.unit_type else "") if self.unit else ""
        return f"PID {self.pid}{inside}{parent}{unit}"
