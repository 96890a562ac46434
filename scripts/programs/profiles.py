"""Writes testdata/profiles: profiles of every kind, taken from our own program testdata/programs/hot.

What the tests hold against `go tool pprof` is in these files, so they are written once and checked in.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from scripts.programs.gobuild import ROOT, BuildFailed
from scripts.programs.hot import build, run

PROFILES = ROOT / "testdata" / "profiles"
SECONDS = 60.0


def main() -> int:
    """Take the profiles and put them in place."""
    PROFILES.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="hotgate-profiles-") as scratch:
            kinds, slower = Path(scratch, "kinds"), Path(scratch, "slower")
            run(build(), kinds, "-kinds", "-window", "3s", seconds=SECONDS)
            run(build("slower"), slower, "-window", "3s", seconds=SECONDS)
            for path in sorted(kinds.glob("*.pb.gz")):
                (PROFILES / path.name).write_bytes(path.read_bytes())
            (PROFILES / "cpu-slower.pb.gz").write_bytes((slower / "000001.pb.gz").read_bytes())
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    for path in sorted(PROFILES.glob("*.pb.gz")):
        print(f"{path.stat().st_size:>8,}  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
