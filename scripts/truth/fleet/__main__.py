"""Ansible against a fleet on this machine: a good release, a bad one, a host that is down, a run that is killed, an inventory that changes.

`python -m scripts.truth.fleet [good] [bad] [killed] --hosts 24`. Each host is an address, 127.0.1.1 and up, with four components that really call
each other, releases, a sidecar; `hotgate`, Ansible and the playbooks are the real ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from scripts.programs.gobuild import BuildFailed, require_go
from scripts.truth.fleet.scenarios import SCENARIOS
from scripts.truth.fleet.site import build


def main() -> int:
    """Run the scenarios; 1 when something was wrong."""
    parser = argparse.ArgumentParser(description="Ansible against a fleet on this machine")
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS], metavar="SCENARIO")
    parser.add_argument("--hosts", type=int, default=24, choices=range(4, 101), metavar="N")
    arguments = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            repository = build(Path(folder) / "built", require_go())
        except BuildFailed as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 2
        for name in arguments.scenarios or SCENARIOS:
            begun = time.monotonic()
            print(f"{name}, {arguments.hosts} hosts", flush=True)
            problems = SCENARIOS[name](Path(folder), repository, arguments.hosts)
            for problem in problems:
                print(f"WRONG: {problem}", file=sys.stderr)
            status |= bool(problems)
            print(
                f"{name}: {'as it should be' if not problems else 'WRONG'}, {time.monotonic() - begun:.0f} s\n",
                flush=True,
            )
    return status


if __name__ == "__main__":
    sys.exit(main())
