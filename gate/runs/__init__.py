"""A whole run, from paths or a service to a report.

`check` compares two binaries, `verify` holds one against a lock, `probe` asks a service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.lazily import lazily

if TYPE_CHECKING:
    from gate.runs.comparison import check
    from gate.runs.contract import verify
    from gate.runs.service import probe

__all__ = ["check", "probe", "verify"]

__getattr__ = lazily(
    globals(),
    {
        "check": "gate.runs.comparison",
        "probe": "gate.runs.service",
        "verify": "gate.runs.contract",
    },
)
