"""What is asked of the process that performs: a plan that is ready to be followed, and what is known of both images."""

from __future__ import annotations

from msgspec import Struct

from gate.rehearsal.load.requests import Request  # noqa: TC001 - msgspec reads the annotation
from gate.rehearsal.plan.model import Plan  # noqa: TC001 - msgspec reads the annotation
from gate.rehearsal.stage.isolation import Level  # noqa: TC001 - msgspec reads the annotation


class Order(Struct, frozen=True):
    """One rehearsal.

    Args:
        plan: what is done.
        requests: those of the plan's file, read.
        name: of the program, as it is put at its path.
        arch: Go's name of the processor.
        build_ids: image -> its build ID, "" where it has none.
        triggers: signals to try where the plan names none, the likeliest first.
        level: the isolation that was found to be possible.
        library: the restart library that OLD calls; "" for none.
        budget: seconds that all of it may take; 0 for no limit.
        python: the folder that this package is imported from.
        show_values: what answers hold may be shown.
        token: the bearer token of the service's probe; "" for none. It goes to this process alone, and into no file.
    """

    plan: Plan
    requests: tuple[Request, ...]
    name: str
    arch: str
    build_ids: dict[str, str]
    triggers: tuple[str, ...]
    level: Level
    library: str
    budget: float
    python: str
    show_values: bool
    token: str = ""
