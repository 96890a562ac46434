"""HG601: the profile endpoint is unreachable, empty, or gives something else."""

from collections.abc import Iterator

from gate.evidence.live import Pprof
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked


class ProfileEndpoint(Check):
    """The service cannot be profiled, so what the update does to it could not be seen."""

    id = "HG601"
    title = "The profile endpoint does not work"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="The profile endpoints are asked, and what they answer is decompressed, parsed and counted. An error page, a login page, "
        "half a file, a profile without a goroutine, or an answer that does not end in time is not a profile.",
        why="A page of HTML is longer than any limit on the length of an answer, so checks by length pass on it. A service that "
        "cannot be profiled before the update cannot be compared after it. `cpu profiling already in use` is a lock, not ill "
        "health, and does not count.",
        example="A reverse proxy answers /debug/pprof/profile with its own page and status 200.",
        remedy="Serve net/http/pprof or goprobe on an address that hotgate can reach, and pass that address with --live.",
    )
    samples = Samples(
        fires=(
            lambda: tweaked("pprof", answered=(), problems=(("status", "cannot connect (Connection refused)"),)),
            lambda: tweaked("pprof", problems=(("/debug/pprof/goroutine", "an HTML page, not a profile"),)),
        ),
        quiet=(running,),
    )

    def run(self, pprof: Pprof) -> Iterator[Finding]:
        """One finding for each endpoint that fails."""
        for endpoint, problem in pprof.problems:
            yield self.finding(
                endpoint,
                f"{endpoint} gave no profile: {problem}.",
                evidence={"problem": problem, "source": pprof.source},
            )
