"""Run the parts that are named, or all."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import scripts.truth.release_proof as package

PARTS = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def main() -> int:
    """Print what every part found; 1 when one did not hold."""
    parser = argparse.ArgumentParser(description=package.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    asked = parser.parse_args()
    unknown = sorted(set(asked.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {unknown[0]}; parts are {', '.join(PARTS)}")
    proofs = {name: importlib.import_module(f"{package.__name__}.{name}").prove for name in asked.parts or PARTS}
    broken = []
    for name, prove in proofs.items():
        started = time.monotonic()
        print(f"== {name}", flush=True)
        if not prove(quick=asked.quick):
            broken.append(name)
        print(f"   {time.monotonic() - started:.0f} s", flush=True)
    print(f"did not hold: {', '.join(broken)}" if broken else "all of it held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
