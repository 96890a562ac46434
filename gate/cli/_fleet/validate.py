"""Check a release plan: its keys and names, its order, its hosts, and the interfaces that it changes."""

from __future__ import annotations

import click

from gate.cli._fleet._options import load, plan_options
from gate.cli._shared.ending import clean_up_on_sigterm
from gate.cli._shared.output import print_text


@click.command(
    "validate",
    epilog="Exit codes: 0 pass, 10 an interface breaks somebody, 11 a tool that was to be asked gave no answer, 2 usage, or a plan that "
    "cannot be carried out.",
)
@plan_options
@click.option(
    "--tools/--no-tools",
    default=True,
    show_default=True,
    help="Ask buf, oasdiff and squawk where the plan names files.",
)
@click.option("--format", "format_name", type=click.Choice(("text", "json")), default="text", show_default=True)
def command(release: str, *, inventory: str | None, tools: bool, format_name: str) -> int:
    """Check RELEASE: that there is an order, that the batches reach all hosts, and that no interface breaks who uses it.

    `buf breaking`, `oasdiff` and `squawk` are run where the plan names files for them. What they find keeps their names, and there is
    one verdict.
    """
    from gate.fleet.interfaces import verdict as verdicts
    from gate.inflection import count

    plan = load(release, inventory)
    clean_up_on_sigterm()
    found = verdicts.judge(plan.release) if tools else verdicts.Verdict(())
    size = f"{count(len(plan.order.names), 'component')} in {count(len(plan.stages), 'stage')}"
    if format_name == "json":
        import json

        shape = {
            "schema_version": verdicts.SCHEMA_VERSION,
            "source": release,
            **verdicts.shape(found),
            "notes": list(plan.notes),
        }
        print_text(json.dumps(shape, indent=1, ensure_ascii=False) + "\n")
    else:
        notes = "".join(f"Note: {note}\n" for note in plan.notes)
        print_text(f"{release}: {size}, in order\n{notes}{verdicts.render(found)}")
    return found.exit_code
