"""HG106: the build id does not tell the two images apart."""

from collections.abc import Iterator

from gate.evidence.model import Functions, NewBinary, OldBinary
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, binary, change, functions, other
from probes.go.facts import SHARED


class BuildId(Check):
    """NEW's build id is missing, or is OLD's although the code differs."""

    id = "HG106"
    title = "Build id missing or shared"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="Profile stores, symbolisers and crash collectors keep images apart by build id (the GNU note, else Go's). "
        "NEW has none, or has the same one as OLD although its code differs.",
        why="With one id for two images, samples of the new code are named with the functions of the old: the profiles "
        "look sound and are wrong.",
        example="The build sets a constant with -ldflags=-buildid=shop.",
        remedy="Let the linker choose the build id: drop -buildid from -ldflags (and -B, when it is a constant).",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(go_build_id=None)),
            lambda: Case(new=other(go_build_id="old/build/id"), functions=functions(changed=(change(),))),
        ),
        quiet=(
            Case,
            lambda: Case(new=other(go_build_id="old/build/id")),
            lambda: Case(
                old=binary(linkage=SHARED),
                new=other(go_build_id="old/build/id", linkage=SHARED, stripped=True),
                functions=None,
            ),
        ),
    )

    def run(self, old: OldBinary, new: NewBinary, drift: Functions | None) -> Iterator[Finding]:
        """Equal ids with other code block; a missing id warns. Stripping alone keeps the id and the code: no finding."""
        if old.sha256 == new.sha256:
            return
        if new.go_build_id is None and new.gnu_build_id is None:
            yield self.finding(
                "build id",
                "Profile stores cannot tell this image from the one before: NEW has no build id.",
                severity=Severity.WARN,
                key="missing",
            )
            return
        same_code = drift is not None and not (
            drift.changed or drift.added or drift.removed or drift.undecided or drift.remapped
        )
        if same_code or (SHARED in {old.linkage, new.linkage} and old.stripped != new.stripped):
            return  # without Go's table it cannot be shown that stripping, which keeps the id, was all that happened
        pairs = {"GNU": (old.gnu_build_id, new.gnu_build_id), "Go": (old.go_build_id, new.go_build_id)}
        shared = {kind: after for kind, (before, after) in pairs.items() if after is not None and before == after}
        if shared:
            ids = f"{' and '.join(shared)} build id{'s' if len(shared) > 1 else ''}"
            yield self.finding(
                "build id",
                f"Profile stores would mix the two images and name new code with old functions: OLD and NEW differ "
                f"and have the same {ids}.",
                evidence={f"{kind.lower()}_build_id": after for kind, after in shared.items()},
            )
