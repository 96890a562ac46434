"""What rules ask of a hand-off: which restart library passes the listeners on, and whether it knows of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.go.restarts import entries_called, library_of

if TYPE_CHECKING:
    from probes.go.facts import BinaryFacts
    from probes.live.topics import Listening, RunningImage

TABLEFLIP = "github.com/cloudflare/tableflip"
OVERSEER = "github.com/jpillora/overseer"


def restart_library(image: RunningImage | None, old: BinaryFacts | None) -> str:
    """The module path of the restart library that the running program calls, or OLD where that is not known; "" for none."""
    entries: tuple[str, ...] = ()
    if image is not None and image.entries is not None:
        entries = image.entries
    elif old is not None and old.functions is not None:
        entries = entries_called(old.functions.name_bytes)
    return library_of(entries[0]) if entries else ""


def passes(library: str, image: RunningImage | None, listener: Listening) -> bool | None:
    """Whether a hand-off passes a listening socket to the child; None where nothing tells.

    A socket that the process got from its parent, who has it still, is that one's to pass: so do overseer's first process and
    a service manager with socket activation. A second descriptor of a socket is made to pass it on: tableflip makes one for each
    of its sockets when it opens it (`Fds.Listen`, `dupConn`), the others not before the update.
    """
    if listener.handed_over or listener.shared or listener.passed or listener.copies > 1:
        return True
    if library == OVERSEER:
        return (
            True  # the process that starts children listens for them alone; a child's own is not shared with its parent
        )
    if library and library != TABLEFLIP and image is not None and image.entries and image.openers == ():
        return True  # nobody else opens one
    return False if library == TABLEFLIP else None
