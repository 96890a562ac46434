"""HG415: the running command line has a flag that NEW does not define."""

from collections.abc import Iterator

from gate.evidence.live import Arguments
from gate.inflection import count, some
from gate.model import Finding, Mode, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import with_arguments
from probes.commandline.facts import ArgumentFacts, Gone

MAX_FLAGS = 20
ERRORS = {
    "flag": "flag provided but not defined",
    "pflag": "unknown flag",
    "urfave/cli": "flag provided but not defined",
    "kong": "unknown flag",
    "go-flags": "unknown flag",
}
"""What each library says of a flag that it does not know."""


class UnknownFlag(Check):
    """NEW would refuse the command line that the service runs with."""

    id = "HG415"
    title = "The command line has a flag that NEW does not define"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The flags of the running command line (/proc/PID/cmdline, --argv, or the policy's live.argv) that OLD defines and NEW does "
        "not. Which ones a program defines is read from its code and its type descriptors: calls of the packages flag and pflag "
        "(cobra), the structs of urfave/cli, and the struct tags of kong and go-flags; nothing is run. It blocks only where both "
        "sides use the same library, every definition in NEW could be read, and an unknown flag ends the program; else it is not verified.",
        why="exec passes the command line on. The new image prints its usage and exits right after exec, when the old one is gone.",
        example="-listen was renamed to -address, and ExecStart= still has -listen: exit status 2 at the first request.",
        remedy="Keep the old name as an alias in NEW until the command line is changed, or restart the service with another command line "
        "instead of an update in place.",
    )
    samples = Samples(
        fires=(
            lambda: with_arguments(gone=(Gone("-listen", "flag"),), fresh=("-address",)),
            lambda: with_arguments(gone=(Gone("--listen", "pflag", ("FParseErrWhitelist of cobra.Command is set",)),)),
            lambda: with_arguments(used=(), unknown=2, old=()),
        ),
        quiet=(
            with_arguments,
            lambda: with_arguments(used=(), words=0),
            lambda: with_arguments(unknown=1),
        ),
    )

    def run(self, arguments: Arguments, mode: Mode) -> Iterator[Finding]:
        """One finding a flag; one for a command line of which nothing is known."""
        if mode is Mode.PLUGIN:
            return
        for gone in arguments.gone[:MAX_FLAGS]:
            yield self._gone(arguments, gone)
        if len(arguments.gone) > MAX_FLAGS:
            rest = len(arguments.gone) - MAX_FLAGS
            yield self.unverified(
                "command line", f"{count(rest, 'flag')} more of the command line were not found in NEW."
            )
        why = arguments.problem or _why(arguments)
        if why:
            yield self.finding(
                "command line",
                f"Not verified: whether NEW knows the flags of the running command line; {why}.",
                severity=Severity.INFO,
                remedy="Try NEW with this command line before the update.",
                evidence={"source": arguments.source, "words": arguments.words, "unknown": arguments.unknown},
            )

    def _gone(self, arguments: ArgumentFacts, gone: Gone) -> Finding:
        hint = f" Only NEW defines {some(arguments.fresh, 5)}." if arguments.fresh else ""
        evidence = {"flag": gone.flag, "library": gone.library, "source": arguments.source}
        if gone.doubts:
            return self.unverified(
                gone.flag,
                f"Whether NEW starts with {gone.flag} is unknown: OLD defines it ({gone.library}), and it was not found in NEW. "
                f"{_sentence(gone.doubts)}{hint}",
                remedy=f"Try NEW with the running command line before the update, or keep {gone.flag} in NEW.",
                evidence={**evidence, "doubts": list(gone.doubts), "fresh": list(arguments.fresh)},
            )
        return self.finding(
            gone.flag,
            f"The new image exits right after exec: the running command line has {gone.flag}, which NEW does not define "
            f"(“{ERRORS[gone.library]}”).{hint}",
            evidence={**evidence, "fresh": list(arguments.fresh)},
        )


def _sentence(reasons: tuple[str, ...]) -> str:
    text = "; ".join(reasons)
    return f"{text[:1].upper()}{text[1:]}."


def _why(arguments: ArgumentFacts) -> str:
    """Why nothing is known of flags that the command line has; "" where something is."""
    if not arguments.unknown or arguments.used:
        return ""
    if not arguments.old:
        return "how OLD reads it is not known: by no library that hotgate knows"
    return f"OLD may define more flags than were found: {some(arguments.gaps, 2)}" if arguments.gaps else ""
