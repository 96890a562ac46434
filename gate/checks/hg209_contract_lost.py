"""HG209: a type of the contract is not in NEW."""

from collections.abc import Iterator

from gate.evidence.model import Types
from gate.model import Finding, Severity
from gate.policy.contract import Contract
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, types


class ContractLost(Check):
    """A type or interface of the contract is not found in NEW."""

    id = "HG209"
    title = "A type of the contract is gone"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="A type of `contract.state` or an interface of `contract.interfaces` is not among the types of NEW. The linker "
        "keeps a type only if the program can need it at run time.",
        why="OLD will hand over values of it, and nothing in NEW reads them: they are lost, or the hand-over fails after the "
        "old image is gone. A name that was misspelt would otherwise never be compared.",
        example="The package moved from `example.com/shop/order` to `example.com/shop/orders`; gob refuses the old name.",
        remedy="Keep the type and its name until nothing of it is handed over any more, or correct the contract.",
    )
    samples = Samples(
        fires=(
            lambda: Case(
                types=types(lost={"main.Order": ("main.Orders",)}),
                policy=Policy(contract=Contract(state={"main.Order": "gob"})),
            ),
            lambda: Case(
                types=types(lost={"main.Store": ()}), policy=Policy(contract=Contract(interfaces=("main.Store",)))
            ),
        ),
        quiet=(
            Case,
            lambda: Case(
                types=types(reached={"main.Order": ()}), policy=Policy(contract=Contract(state={"main.Order": "gob"}))
            ),
            lambda: Case(
                types=types(fresh=("main.Order",)), policy=Policy(contract=Contract(state={"main.Order": "gob"}))
            ),
        ),
    )

    def run(self, found: Types, policy: Policy) -> Iterator[Finding]:
        """One finding for each name."""
        for name, similar in found.lost.items():
            if found.problems:
                yield self.unverified(
                    name,
                    f"{name} was not found in NEW, but not all types could be read: {found.problems[0]}.",
                    remedy="Build NEW again; its type descriptors are damaged.",
                )
                continue
            what = "handed over" if name in policy.contract.state else "relied on by others"
            near = f" NEW has {' and '.join(similar)}." if similar else ""
            yield self.finding(
                name, f"{name} is {what}, and NEW has no type of that name.{near}", evidence={"similar": list(similar)}
            )
