"""Whether every dependency comes as a wheel, for each Python and platform that hotgate is for.

`python -m scripts.truth.wheels` asks the package index by uv, which resolves for other platforms than its own and, told so, takes
no source archive. A dependency that has none sends its users to a compiler.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86_64, glibc": "x86_64-manylinux_2_28",
    "Linux arm64, glibc": "aarch64-manylinux_2_28",
    "Linux x86_64, musl": "x86_64-unknown-linux-musl",
    "Linux arm64, musl": "aarch64-unknown-linux-musl",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86_64": "x86_64-apple-darwin",
}
EXTRAS = ("", "all")


def resolve(requirements: Path, extra: str, python: str, platform: str) -> str:
    """Why the dependencies of `requirements` do not resolve to wheels; "" when they do."""
    argv = [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    argv += ["--only-binary", ":all:", "--python-platform", platform, "--python-version", python]
    argv += ["--extra", extra] if extra else []
    done = subprocess.run([*argv, requirements], capture_output=True, text=True, check=False)
    if done.returncode == 0 and "==" in done.stdout:
        return ""
    return " ".join((done.stderr or done.stdout or "no answer").split())


def main() -> int:
    """Print a line for each platform; 1 when something has no wheel."""
    parser = argparse.ArgumentParser(description="is there a wheel of every dependency?")
    parser.add_argument("--requirements", type=Path, default=ROOT / "pyproject.toml", metavar="FILE")
    requirements = parser.parse_args().requirements
    extras = EXTRAS if requirements.name == "pyproject.toml" else ("",)
    cases = list(product(PLATFORMS, PYTHONS, extras))
    with ThreadPoolExecutor(4) as pool:
        problems = pool.map(lambda case: resolve(requirements, case[2], case[1], PLATFORMS[case[0]]), cases)
        found = dict(zip(cases, problems, strict=True))
    for platform in PLATFORMS:
        bad = [case for case in cases if case[0] == platform and found[case]]
        print(f"{platform:<20} {'all wheels' if not bad else f'{len(bad)} without'}")
        for case in bad:
            print(f"  Python {case[1]}{f', [{case[2]}]' if case[2] else ''}: {found[case][:300]}", file=sys.stderr)
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
