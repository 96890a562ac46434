"""What an endpoint answers that refuses or fails."""

from __future__ import annotations

from typing import Literal

from probes.live.goprobe.wire.base import Wire


class ErrorBody(Wire, frozen=True):
    """What went wrong."""

    code: str
    message: str
    hint: str = ""


class ErrorAnswer(Wire, frozen=True):
    """Any answer from 400 on."""

    schema_version: Literal["1"]
    kind: Literal["error"]
    error: ErrorBody
