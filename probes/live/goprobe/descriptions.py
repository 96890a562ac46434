"""The descriptions that goprobe writes beside its windows, `window-*.json`."""

from __future__ import annotations

from probes.live.goprobe import wire
from probes.live.goprobe.topics import heartbeat_window
from probes.profile.heartbeat.window import HeartbeatWindow


def described(text: bytes) -> HeartbeatWindow | None:
    """The window that a description is of; None when it is no description."""
    try:
        return heartbeat_window(wire.read(text, wire.Window))
    except wire.NotThat:
        return None
