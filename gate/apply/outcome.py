"""What an operation ends in: one line that says what runs now, one that says what to do, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, to_builtins

from gate.exits import EXIT_CODES, EXIT_TAKEN_BACK

if TYPE_CHECKING:
    from gate.apply.service.takeover import TakeOver

Ending = Literal[
    "done",
    "as-it-was",
    "would-pass",
    "blocked",
    "inconclusive",
    "unwatched",
    "taken-back",
    "stuck",
    "interfered",
    "abandoned",
]
"""`unwatched`: NEW runs, and its rules could not be evaluated. `stuck`: NEW was to be taken back, and that failed too.
`interfered`: somebody else changed the links or the process meanwhile. `abandoned`: killed before anything was changed."""

_CODES: dict[Ending, int] = {
    "done": 0,
    "as-it-was": 0,
    "would-pass": 0,
    "abandoned": 0,
    "blocked": EXIT_CODES["block"],
    "inconclusive": EXIT_CODES["inconclusive"],
    "unwatched": EXIT_CODES["inconclusive"],
    "interfered": EXIT_CODES["inconclusive"],
    "stuck": EXIT_CODES["inconclusive"],
    "taken-back": EXIT_TAKEN_BACK,
}


class Outcome(Struct, frozen=True):
    """The end of an operation on the service `name`. `runs`: the release that `current` names; `seconds`: of each stage.

    `unrecorded`: why something of it could not be written down; "" where all of it was.
    """

    name: str
    ending: Ending
    said: str
    hint: str = ""
    runs: str = ""
    version: str = ""
    reason: str = ""
    seconds: dict[str, float] = {}
    operation: str = ""
    audit: str = ""
    unrecorded: str = ""

    @property
    def exit_code(self) -> int:
        """The command's."""
        return _CODES[self.ending]

    def shape(self) -> dict[str, Any]:
        """As JSON has it."""
        found: dict[str, Any] = to_builtins(self)
        return {"schema_version": "1", **found, "exit_code": self.exit_code}


def why_taken_back(version: str, found: TakeOver) -> tuple[str, str, str]:
    """(a word for programs, what happened, what to do) of a release that did not take over."""
    match found.end:
        case "crashed":
            return (
                "crashed",
                f"{version} crashed at its start ({found.detail})",
                "its own log says why; start it on another host before it is released again",
            )
        case "hangs":
            return (
                "hangs",
                f"{version} did not get ready ({found.detail})",
                "look what it waits for at its start, or raise `within` if it needs longer",
            )
        case "refused":
            return (
                "refused",
                f"the running image did not go over to {version} ({found.detail})",
                "nothing is wrong with the release: apply it again when that has passed",
            )
        case "another":
            return (
                "another",
                f"another program was started instead of {version} ({found.detail})",
                "the service has to execute FOLDER/current/FILE: with goprobe, UpgradeOptions.Path",
            )
        case _:
            return (
                "not-started",
                f"{version} was never started ({found.detail})",
                "is `trigger` right, and does the service execute FOLDER/current/FILE when it comes?",
            )
