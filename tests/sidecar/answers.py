"""What a service answers."""

from __future__ import annotations

import json
from typing import Any

from scripts.measure.simulated import examples
from tests.live.servers import http


def goprobe(**changed: object) -> dict[str, bytes]:
    """What goprobe answers, but for some parts: `heartbeat__windows__0__seq=1`."""
    shapes = examples()
    for name, value in changed.items():
        *way, last = (int(part) if part.isdecimal() else part for part in name.split("__"))
        inner: Any = shapes
        for part in way:
            inner = inner[part]
        inner[last] = value
    return {f"/debug/hotgate/{name}": http(json.dumps(shape).encode()) for name, shape in shapes.items()}
