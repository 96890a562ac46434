"""The runbook: what a person does and looks at, before, during and after, and every month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from gate.fleet.plan.text import duration
from gate.inflection import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.fleet.plan.model import Plan


class Words(Struct, frozen=True):
    """What an engine calls its steps: shell commands and what to look at."""

    begin: str
    resume: str
    look: str
    back: str
    dry: str
    warm: str


def render(plan: Plan, words: Words, mark: str) -> str:
    """Markdown. `mark` goes into the first line."""
    release = plan.release
    by_name = plan.components
    size = f"{count(len(release.components), 'component')} in {count(len(plan.stages), 'stage')}"
    how = f"batches of {', '.join(release.batches)}, each observed for {duration(release.observe)}"
    lines = [
        f"<!-- {mark} from the release {release.name} -->",
        f"# Runbook of the release {release.name}",
        "",
        f"{size}; {how}. ![The order](plan.svg)",
        "",
        "## Who",
        "",
        *(f"- {_text(each)}" for each in release.contacts),
        *(f"- {name}: {_text(each.owner)}" for name, each in by_name.items() if each.owner),
    ]
    if not release.contacts and not any(each.owner for each in release.components):
        lines.append("Nobody is named: `contacts` of the plan and `owner` of a component do that.")
    lines += [
        "",
        "## Before",
        "",
        "1. `hotgate fleet validate release.yaml --inventory hosts.ini` ends with 0.",
        "2. The drill of this month is recorded, with these versions: `hotgate rehearse list`.",
        "3. `hotgate fleet status release.yaml --inventory hosts.ini` shows every host on the release before.",
        f"4. {words.warm}",
        f"5. What would happen: `{words.dry}`",
        "",
        "## Begin",
        "",
        f"    {words.begin}",
        "",
        f"It was interrupted, or a host was down: {words.resume}",
        "",
        "## Order",
        "",
        "| stage | hosts | component | version | after | taken back with it |",
        "|---|---|---|---|---|---|",
    ]
    for each in plan.stages:
        for name in each.stage.components:
            before = ", ".join(dict.fromkeys(edge.before for edge in plan.order.before[name]))
            back = [other for other in plan.taken_back(each.stage, name) if other != name]
            lines.append(
                f"| {each.stage.number} | {each.stage.hosts} | {name} | {by_name[name].version} | {before} | {_some(back)} |"
            )
    reasons = [edge for edge in plan.order.edges if edge.everywhere]
    if reasons:
        lines += ["", "First on all hosts, and then:", "", *(f"- {e.before} → {e.after}: {e.why}" for e in reasons)]
    lines += [
        "",
        "## Look at",
        "",
        f"- {words.look}",
        "- The page of the control host's sidecar: versions by component and host, and what differs from the plan.",
        "- A host's own story: `hotgate releases COMPONENT`, with every stage and why it ended.",
        "",
        "## Back",
        "",
        _back_words(plan),
        "All of it, from any point on, in reverse order; hosts that do not run what the plan brought are left alone:",
        "",
        f"    {words.back}",
        "",
        "| once this stage has begun | taken back in this order |",
        "|---|---|",
        *(f"| {each.stage.number} | {_way(plan.moved_until(each.stage.number))} |" for each in plan.stages),
        "",
        "The gate of each host is asked on the way back, too. If it holds back what has to go, a reason goes past it and into the audit",
        "log; say it as in the commands above.",
        "",
        "## Every month",
        "",
        "Rehearse the whole plan on one machine, with the binaries of both versions, and keep the record:",
        "",
        "    hotgate fleet drill release.yaml --binaries DIR --audit",
        "",
        "Then go through this page with the people above, and take a host back by hand: `hotgate rollback COMPONENT`.",
    ]
    return "\n".join(lines) + "\n"


def _back_words(plan: Plan) -> str:
    if plan.release.rollback_policy == "manual":
        return (
            "`rollback_policy` is manual: a batch that fails stops the release, and nothing is taken back by itself.\n"
        )
    return (
        "A component that fails is taken back by itself, with what depends on it (the table above), wherever this release has brought it "
        "in its stage. What it depends on stays: it serves both versions.\n"
    )


def _text(words: str) -> str:
    """Words of the plan as Markdown that shows them as they are."""
    return "".join(f"\\{char}" if char in "\\`*_[]<>#|!&" else char for char in words)


def _some(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _way(names: tuple[str, ...]) -> str:
    return " → ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")


def commands(engine: str) -> Words:
    """What an engine calls its steps."""
    return _WORDS[engine]


_WORDS: Mapping[str, Words] = {
    "ansible": Words(
        begin="ansible-playbook -i hosts.ini site.yml",
        resume="the same command again. It goes on where it stopped: what is there already is left alone.",
        look="The run's own output: the first line with `failed:` names the component and what its host said.",
        back="ansible-playbook -i hosts.ini rollback.yml        # past the gate: -e hotgate_force='why'",
        dry="ansible-playbook -i hosts.ini site.yml --check",
        warm="Every host is up and has the release (prewarm): `ansible-playbook -i hosts.ini preflight.yml`. `site.yml` begins with it, too.",
    ),
    "argo-workflows": Words(
        begin="kubectl apply -f analysis/ && kubectl create -f workflow.yaml     # once before: the patches of rollouts/",
        resume="create it again. What is there already changes nothing.",
        look="`argo get @latest`, and `kubectl argo rollouts get rollout COMPONENT --watch`.",
        back="kubectl argo rollouts undo COMPONENT        # in the order of the table below; the exit handler does it by itself",
        dry="kubectl create --dry-run=server -f workflow.yaml",
        warm="The images are in the registry: `docker manifest inspect IMAGE:VERSION`, or what your registry has for it.",
    ),
}
