"""Libraries that replace a running Go service, and what went wrong with each when it was measured.

Each was put under load (new connections, POST requests on kept-alive ones, requests in flight), restarted 20 times, and
then given a new image that crashes or hangs at boot, and a container in which it is PID 1. Linux 6.18, Go 1.21
and 1.27.
"""

from __future__ import annotations

from msgspec import Struct

from gate.model import Severity


class Library(Struct, frozen=True):
    """One library. `hazard` is a sentence about the service, `measured` the figures behind it, `remedy` what to do.

    `severity` is `block` where every restart fails, and `warn` where one loses something under load, or where a new image
    that does not come up has consequences beyond this restart.
    """

    path: str
    severity: Severity
    hazard: str
    measured: str
    remedy: str


LIBRARIES = (
    Library(
        "github.com/cloudflare/tableflip",
        Severity.WARN,
        "Requests are lost while the old process drains, and as PID 1 the container ends with the first restart",
        "81 of 594,000 new connections and 148 of 645,000 keep-alive POSTs failed with Shutdown as the drain; 0 of 1,135,000 "
        "and 0 of 1,305,000 with the drain of the remedy. A new image that crashes leaves the old one serving; one that "
        "hangs is killed at its timeout",
        "Before Shutdown, answer with `Connection: close`, close the listener and wait 1 s; after it, linger 0.3 s. Do not "
        "run it as PID 1.",
    ),
    Library(
        "github.com/facebookgo/grace",
        Severity.WARN,
        "Requests on kept-alive connections are lost, a new image that hangs is never ended, and as PID 1 both versions serve",
        "50 of 260,000 keep-alive POSTs failed, 0 of 244,000 new connections. A new image that hangs at boot stays as a "
        "leaked child; one that crashes leaves the old one serving",
        "Have the old process answer with `Connection: close` before the restart, watch for children that do not come up, "
        "and do not run it as PID 1.",
    ),
    Library(
        "github.com/fvbock/endless",
        Severity.WARN,
        "After one new image that crashes or hangs at boot the process can never be upgraded again",
        "No upgrade worked after a failed start, crash and hang alike; 30 of 174,000 keep-alive POSTs failed, 0 of "
        "156,000 new connections; as PID 1 the container ends",
        "Try NEW's start elsewhere first, and restart the service from outside after a failed upgrade. Do not run it as PID 1.",
    ),
    Library(
        "github.com/jpillora/overseer",
        Severity.WARN,
        "The service is down when the new image crashes or hangs at boot",
        "Service down in both cases; 18 of 235,000 keep-alive POSTs failed, 0 of 285,000 new connections; it works as PID 1",
        "Try NEW's start elsewhere first, and keep OLD's file at hand to go back to.",
    ),
    Library(
        "github.com/rcrowley/goagain",
        Severity.BLOCK,
        "The process panics when it is told to restart: the library looks by reflection for a field that Go no longer has",
        "A panic on SIGUSR2 at every attempt, with current Go",
        "Stop and start the service from outside instead of signalling it, and move to a library that is maintained.",
    ),
)
