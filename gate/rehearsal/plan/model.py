"""A plan as the rehearsal follows it: every key has its value, times are in seconds and sizes in bytes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

DRILLS = ("crash", "hang", "cut_off", "twice", "busy", "kill")
"""Every drill there is, in the order in which they are done."""

KeptAs = Literal["lines", "websocket", "events"]


class LoadPlan(Struct, frozen=True):
    """What asks the service for something while its image changes.

    Args:
        requests: a path of a `.http` or HAR file, or requests such as `GET /orders`; empty for the path of `ready`.
        command: an external generator and its arguments, instead of the built-in one; empty for none.
        rate: requests a second.
        new: the share, in percent, of requests that open a connection of their own.
        slow: the share whose body, or else whose head, comes slowly.
        timeout: seconds after which an answer is too late.
        expect: status codes that are good answers; empty for all below 500.
        keep: long-lived connections.
        keep_as: what is spoken on them. `lines`: each line comes back; `websocket`: each text message comes back;
            `events`: server-sent events.
        keep_at: the path of a WebSocket or of events, or the address of `lines`.
    """

    requests: str | tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    rate: int = 100
    new: int = 30
    slow: int = 10
    timeout: float = 5.0
    expect: tuple[int, ...] = ()
    keep: int = 0
    keep_as: KeptAs = "lines"
    keep_at: str = ""


class ComparePlan(Struct, frozen=True):
    """Answers that OLD and NEW must give alike. `ignore`: JSON pointers such as `$.time`, and `header:NAME`."""

    paths: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class StatePlan(Struct, frozen=True):
    """Answers that an update must not change. `read`: their paths."""

    read: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class LimitsPlan(Struct, frozen=True):
    """What the service may use together with all its children: bytes of memory, processes, and bytes of one file."""

    memory: int = 2 << 30
    processes: int = 200
    file: int = 1 << 30


class Plan(Struct, frozen=True):
    """The whole plan.

    Args:
        source: the file that it is from; "" for the default one.
        command: starts the service; `{binary}`, `{dir}`, `{port}` and `{port2}` … stand for the path at which images are
            put, the rehearsal's own folder, and free ports. Empty: the program alone, and its listener is looked for.
        environment: variables of the service, beside a few that every program needs.
        inherit: names of variables that it gets from hotgate's own environment.
        folder: where the service starts: a path below `{dir}`.
        files: what is copied into `{dir}` first: name there -> path.
        ready: an http address, `tcp`, or `log:` and a part of a line that it writes.
        trigger: a signal's name, or a command; empty for the restart library's.
        within: seconds that a start and an update may take.
        updates: how many, every second one the way back; 0 for a control run, in which the image stays.
        pause: the longest time without an answer, in seconds, before it is reported; 0 for no limit.
        pprof: the path of net/http/pprof; "" to look for it.
        max_age: seconds for which a rehearsal counts where the policy requires one.
        drills: the names of those that are done.
    """

    source: str = ""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    inherit: tuple[str, ...] = ()
    folder: str = ""
    files: dict[str, str] = {}
    ready: str = ""
    trigger: str | tuple[str, ...] = ""
    within: float = 30.0
    updates: int = 10
    pause: float = 5.0
    pprof: str = ""
    max_age: float = 31 * 86400.0
    load: LoadPlan = LoadPlan()
    compare: ComparePlan = ComparePlan()
    state: StatePlan = StatePlan()
    limits: LimitsPlan = LimitsPlan()
    drills: tuple[str, ...] = DRILLS

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that placeholders may stand in."""
        trigger = (self.trigger,) if isinstance(self.trigger, str) else self.trigger
        return (*self.command, *self.environment.values(), self.ready, *trigger, self.load.keep_at, *self.load.command)
