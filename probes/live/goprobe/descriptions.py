"""The descriptions that goprobe writes beside its windows, `window-*.json`."""

from __future__ import annotations

from pydantic import ValidationError

from probes.live.goprobe import wire
from probes.live.goprobe.topics import heartbeat_window
from probes.profile.heartbeat.window import HeartbeatWindow


def described(text: bytes) -> HeartbeatWindow | None:
    """The window that a description is of; None when it is no description."""
    try:
        return heartbeat_window(wire.Window.model_validate_json(text))
    except ValidationError:
        return None
