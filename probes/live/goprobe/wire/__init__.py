"""What goprobe's endpoints answer, as types: `goprobe/WIRE.md` describes each field.

Answers come from outside: every one is checked here before anything else sees it. Fields that a newer goprobe adds are
ignored; lists and texts are bounded by the size of the answer.
"""

from __future__ import annotations

from probes.live.goprobe.wire.base import Answer, NotThat, Wire
from probes.live.goprobe.wire.canary import CanaryPassing, CanaryRule, CanarySide, CanaryStatus
from probes.live.goprobe.wire.cgo import (
    CallRow,
    Calls,
    Canaries,
    Canary,
    CgoAnswer,
    HandlerRow,
    Handlers,
    Heap,
    ThreadRow,
    Threads,
    Walk,
)
from probes.live.goprobe.wire.errors import ErrorAnswer, ErrorBody
from probes.live.goprobe.wire.health import HealthAnswer, HealthPart
from probes.live.goprobe.wire.heartbeat import HeartbeatAnswer, Settings, Window
from probes.live.goprobe.wire.reading import read
from probes.live.goprobe.wire.status import (
    Cgo,
    Descriptors,
    Gc,
    Image,
    InFlight,
    Inheritable,
    Listener,
    Listeners,
    Listening,
    Profiler,
    Refusal,
    Reload,
    Resource,
    Resources,
    Restored,
    Signals,
    State,
    States,
    Status,
    Timer,
    Update,
    Work,
)

SCHEMA_VERSION = "1"

__all__ = [
    "SCHEMA_VERSION",
    "Answer",
    "CallRow",
    "Calls",
    "Canaries",
    "Canary",
    "CanaryPassing",
    "CanaryRule",
    "CanarySide",
    "CanaryStatus",
    "Cgo",
    "CgoAnswer",
    "Descriptors",
    "ErrorAnswer",
    "ErrorBody",
    "Gc",
    "HandlerRow",
    "Handlers",
    "HealthAnswer",
    "HealthPart",
    "Heap",
    "HeartbeatAnswer",
    "Image",
    "InFlight",
    "Inheritable",
    "Listener",
    "Listeners",
    "Listening",
    "NotThat",
    "Profiler",
    "Refusal",
    "Reload",
    "Resource",
    "Resources",
    "Restored",
    "Settings",
    "Signals",
    "State",
    "States",
    "Status",
    "ThreadRow",
    "Threads",
    "Timer",
    "Update",
    "Walk",
    "Window",
    "Wire",
    "Work",
    "read",
]
