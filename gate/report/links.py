"""Links from a report to the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gate.policy.errors import PolicyError, checked_docs_url

if TYPE_CHECKING:
    from gate.report.models.report import Report


def rule_page(report: Report, rule: str) -> str:
    """The address of the page of `rule`, "" where the report does not say where the documentation is.

    A saved report may come from anywhere: an address that no policy could have is none.
    """
    try:
        base = checked_docs_url(report.policy.docs_url or "")
    except PolicyError:
        return ""
    return f"{base}/rules/{rule}/" if base and rule.isalnum() else ""
