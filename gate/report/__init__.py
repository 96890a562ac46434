"""The report: its model, how a saved one is read back, and one renderer a format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from gate.report.formats import renderer
    from gate.report.models.report import Report
    from gate.report.saved import UnreadableReport, load_report

__all__ = ["Report", "UnreadableReport", "load_report", "renderer"]

__getattr__ = lazily(
    globals(),
    {
        "Report": "gate.report.models.report",
        "UnreadableReport": "gate.report.saved",
        "load_report": "gate.report.saved",
        "renderer": "gate.report.formats",
    },
)
