"""Time and memory of whole processes: hotgate on pairs of public releases, next to other tools that are installed.

Every round runs all commands once, so that other work on the machine affects all of them alike; the table has medians
of the wall time and the largest resident set of each. A comparison is also given as a multiple of its *floor*, measured
in the same round: a Python that imports the modules of a check and hashes both files. So are the small commands that people
and pipelines wait for. The multiples are compared with those of the last recorded run (`history.json`), because times of
different machines cannot be.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from probes.drift.arch.amd64.blocks import taken_apart
from probes.go import load
from probes.profile.pprof.profile_pb2 import Profile
from scripts.demo.demo import build, releases
from scripts.fetch.public_binaries import NotFetched, by_name, fetch
from scripts.programs import live_service
from scripts.programs.gobuild import CACHE, ROOT, BuildFailed, can_build_cgo, host_arch, require_go
from scripts.truth.hazards import running

if TYPE_CHECKING:
    from probes.go.table.functions import FuncTable

ROUNDS = 7
PATCHED_FUNCTIONS = 5
BENCH = CACHE / "bench"
HISTORY = Path(__file__).with_name("history.json")
SLOWER = 1.15
"""A multiple of the floor that is larger than the recorded one by this factor is reported."""
PAIRS = (
    ("esbuild 0.25.0 -> 0.25.1, 10 MB", "esbuild-0.25.0", "esbuild-0.25.1"),
    ("tsgo 20260705.1 -> 20260707.2, 24 MB", "tsgo-20260705.1", "tsgo-20260707.2"),
    ("wandb-core 0.22.0 -> 0.22.1, 42 MB", "wandb-core-0.22.0", "wandb-core-0.22.1"),
    ("wandb-core 0.21.0 -> 0.21.1, 54 MB", "wandb-core-0.21.0", "wandb-core-0.21.1"),
    ("caddy 2.11.4 -> 2.11.7, 52 MB", "caddy-2.11.4", "caddy-2.11.7"),
)
"""Published releases: everything moved, and up to thousands of functions changed."""
INSPECT = "inspect orders (9 MB)"
VERIFY = "contract verify orders (9 MB)"
SMALL_DIFF = "profile diff, two small profiles"
LIVE = "check live 1.0.0 -> 1.0.1 (13 MB), --live and --pid"
SMALL = (INSPECT, VERIFY, SMALL_DIFF, LIVE)
"""Commands on what the demo builds, and on profiles that a service of its size gives."""
_FLOOR = """
import hashlib, importlib, sys
for name in sys.argv[1].split():
    importlib.import_module(name)
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256")
"""
_MODULES = """
import atexit, sys
from gate import cli
atexit.register(lambda: print(*(name for name in sys.modules if name.partition(".")[0] in ("gate", "probes")), file=sys.stderr))
sys.argv = ["hotgate", *sys.argv[1:]]
cli.main()
"""
# pass, block and inconclusive are all answers.
_HOTGATE_CODES = (0, 10, 11)


@dataclass(slots=True)
class Command:
    """What is measured. `codes`: exit codes that mean it did its work; `floor`: what it is given as a multiple of."""

    label: str
    argv: list[str]
    codes: tuple[int, ...] = (0,)
    floor: Command | None = None
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    failure: str = ""

    def run(self) -> None:
        """Run it once and keep wall time and peak resident set."""
        program = shutil.which(self.argv[0]) or self.argv[0]
        launcher = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launch.py"))]
        # Compiled modules are kept, as they are wherever the tool is installed; the first run writes them.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(
            [*launcher, program, *self.argv[1:]], capture_output=True, text=True, check=False, env=environment
        )
        *said, measured = done.stderr.strip().splitlines() or [""]
        if done.returncode:
            self.failure = measured[:120]
            return
        taken, kibibytes, code, _ = measured.split()
        if int(code) not in self.codes:
            self.failure = f"exit code {code} {' '.join(said[-1:])[:100]}"
        self.seconds.append(float(taken))
        self.megabytes.append(int(kibibytes) / 1024)

    @property
    def multiple(self) -> float | None:
        """Median of the rounds' multiples of the floor, None without one."""
        if self.floor is None or self.failure or self.floor.failure:
            return None
        return statistics.median(mine / theirs for mine, theirs in zip(self.seconds, self.floor.seconds, strict=True))

    def row(self) -> str:
        """One line of the table."""
        if self.failure:
            return f"{self.label:<52} failed: {self.failure}"
        spread = f"{min(self.seconds):.2f}-{max(self.seconds):.2f}"
        line = f"{self.label:<52} {statistics.median(self.seconds):>7.2f} s {spread:>13} {max(self.megabytes):>8.0f} MB"
        return line if self.multiple is None else f"{line} {self.multiple:>7.2f} x floor"


def patched_copy(source: Path, count: int) -> Path:
    """A copy of an amd64 binary in which `count` functions compare with another constant.

    Only the immediate operand of one `cmp` in each is changed, so sizes and addresses stay.

    Raises:
        ProbeError: when the binary cannot be read.
    """
    BENCH.mkdir(parents=True, exist_ok=True)
    target = BENCH / f"{source.name}-patched-{count}"
    facts = load(str(source))
    table = facts.functions
    if table is None:
        raise BuildFailed(f"{source}: its functions cannot be read")
    content = bytearray(source.read_bytes())
    step = len(table) // (count + 1)
    for number in range(1, count + 1):
        _patch_after(content, table, number * step)
    target.write_bytes(content)
    target.chmod(0o755)
    return target


def _patch_after(content: bytearray, table: FuncTable, first: int) -> None:
    for index in range(first, len(table)):
        entry = int(table.entry[index])
        offset = table.image.offset(entry, 1)
        code = bytes(content[offset : offset + table.size(index)])
        found = taken_apart(code, texts=True)
        for place, size, (mnemonic, _) in zip(
            found.fields.immediate.tolist(), found.fields.immediate_size.tolist(), found.texts, strict=True
        ):
            if mnemonic == "cmp" and size == 1:
                content[offset + place] ^= 1
                return


def large_profile(seed: int, samples: int = 200_000, depth: int = 30) -> bytes:
    """A CPU profile of as many different stacks, the hotter functions in most of them."""
    rng = np.random.default_rng(seed)
    functions, locations = 5_000, 20_000
    profile = Profile()
    profile.string_table.extend(["", "samples", "count", "cpu", "nanoseconds"])
    profile.sample_type.add(type=1, unit=2)
    profile.sample_type.add(type=3, unit=4)
    profile.period_type.type, profile.period_type.unit, profile.period = 3, 4, 10_000_000
    profile.string_table.extend(f"example.com/p{number % 97}.function{number}x" for number in range(functions))
    for number in range(functions):
        profile.function.add(id=number + 1, name=5 + number)
    for number in range(locations):
        profile.location.add(id=number + 1, address=0x400000 + 16 * number).line.add(
            function_id=1 + number * functions // locations
        )
    stacks = np.minimum(rng.zipf(1.3, size=(samples, depth)), locations)
    for stack, length in zip(stacks, rng.integers(5, depth + 1, samples).tolist(), strict=True):
        profile.sample.add(location_id=stack[:length].tolist(), value=[1, 10_000_000])
    return gzip.compress(profile.SerializeToString(), 1)


def commands(scratch: Path, stay: ExitStack) -> list[Command]:
    """All commands whose programs and files are here; says what is left out. What has to run for them is ended by `stay`."""
    hotgate = str(Path(sys.executable).with_name("hotgate"))
    found = [Command("hotgate --help", [hotgate, "--help"])]

    def check(label: str, old: Path, new: Path) -> None:
        found.append(Command(f"hotgate check {label}", [hotgate, "check", str(old), str(new)], _HOTGATE_CODES))

    for label, before, after in PAIRS:
        try:
            pair = [str(fetch(by_name(name))) for name in (before, after)]
        except NotFetched as exc:
            print(f"left out: {exc}", file=sys.stderr)
            continue
        found += _beside_floor(f"check {label}", ["check", *pair, "--format", "json"], pair)
    dockerd = None
    try:
        dockerd = fetch(by_name("dockerd"))
        check(
            f"dockerd, {PATCHED_FUNCTIONS} functions patched (75 MB), easy",
            dockerd,
            patched_copy(dockerd, PATCHED_FUNCTIONS),
        )
        script = "import sys; from probes.go import load; load(sys.argv[1], examine=False).types.read().full_names"
        found.append(Command("read dockerd and its types (75 MB)", [sys.executable, "-c", script, str(dockerd)]))
    except NotFetched as exc:
        print(f"left out: {exc}", file=sys.stderr)
    goroot = require_go()
    old, new = scratch / "orders-1.0.0", scratch / "orders-1.0.1"
    build(None, goroot, old)
    build(releases()[0], goroot, new)
    check("orders 1.0.0 -> 1.0.1 (9 MB), easy", old, new)
    found += _small(scratch, goroot, old, new, stay)
    profiles = [scratch / f"samples-{number}.pb.gz" for number in (1, 2)]
    for number, path in enumerate(profiles, 1):
        path.write_bytes(large_profile(number))
    argv = [hotgate, "profile", "diff", *map(str, profiles), "--format", "json"]
    found.append(Command("hotgate profile diff, 200,000 samples a side", argv, _HOTGATE_CODES))
    return found + _peers(goroot, old, new, dockerd)


def _small(scratch: Path, goroot: Path, old: Path, new: Path, stay: ExitStack) -> list[Command]:
    policy, lock = ROOT / "testdata" / "services" / "orders" / "hotgate.toml", scratch / "hotgate.lock"
    locking = [sys.executable, "-m", "gate", "contract", "lock", str(old), "--policy", str(policy), "-o", str(lock)]
    done = subprocess.run(locking, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"hotgate contract lock: {done.stderr.strip()[-300:]}")
    profiles = [str(ROOT / "testdata" / "profiles" / name) for name in ("cpu.pb.gz", "cpu-slower.pb.gz")]
    verify = ["contract", "verify", str(new), "--lock", str(lock), "--policy", str(policy)]
    found = [
        *_beside_floor(INSPECT, ["inspect", str(new)], [str(new)]),
        *_beside_floor(VERIFY, verify, [str(new), str(lock), str(policy)]),
        *_beside_floor(SMALL_DIFF, ["profile", "diff", *profiles], profiles),
    ]
    if not can_build_cgo(host_arch()):
        print(f"left out, for want of a C compiler: {LIVE}", file=sys.stderr)
        return found
    pair = [scratch / "live-1.0.0", scratch / "live-1.0.1"]
    live_service.build(pair[0], goroot)
    live_service.build(pair[1], goroot, "better")
    process, port = stay.enter_context(running(pair[0], "-window", "500ms", "-interval", "30s"))
    service = ["--live", f"http://127.0.0.1:{port}", "--pid", str(process.pid)]
    return found + _beside_floor(LIVE, ["check", *map(str, pair), *service], [*map(str, pair)])


def _beside_floor(label: str, arguments: list[str], files: list[str]) -> list[Command]:
    """`hotgate` with `arguments`, which reads `files`, behind its floor."""
    floor = [sys.executable, "-c", _FLOOR, " ".join(_modules(arguments)), *files]
    argv = [str(Path(sys.executable).with_name("hotgate")), *arguments]
    beneath = Command(f"floor of {label.removeprefix('check ')}", floor)
    return [beneath, Command(f"hotgate {label}", argv, _HOTGATE_CODES, beneath)]


def _modules(arguments: list[str]) -> list[str]:
    """The modules of hotgate that it imports with `arguments`; with them come those of other packages."""
    done = subprocess.run([sys.executable, "-c", _MODULES, *arguments], capture_output=True, text=True, check=False)
    if done.returncode not in _HOTGATE_CODES:
        raise BuildFailed(f"hotgate {' '.join(arguments)}: {done.stderr.strip()[-300:]}")
    return done.stderr.splitlines()[-1].split()


def compare_with_history(found: list[Command], path: Path = HISTORY) -> list[str]:
    """A line for each comparison whose multiple of the floor grew beyond `SLOWER` since the run that is recorded."""
    recorded = json.loads(path.read_text("utf-8"))["multiples"] if path.is_file() else {}
    out = []
    for command in found:
        before = recorded.get(command.label)
        if before is not None and command.multiple is not None and command.multiple > before * SLOWER:
            out.append(f"slower: {command.label}: {command.multiple:.2f} x floor, recorded {before:.2f}")
    return out


def record(found: list[Command], path: Path = HISTORY) -> None:
    """Write the multiples of this run as those that later runs are compared with."""
    multiples = {command.label: round(command.multiple, 3) for command in found if command.multiple is not None}
    path.write_text(json.dumps({"multiples": multiples}, indent=2) + "\n", "utf-8")


def _peers(goroot: Path, old: Path, new: Path, dockerd: Path | None) -> list[Command]:
    large = dockerd or new
    peers = [
        Command("go tool nm orders", [str(goroot / "bin" / "go"), "tool", "nm", str(new)]),
        Command(f"GoReSym {large.name} (one file)", ["GoReSym", str(large)]),
        # Both say with their exit code that the files differ.
        Command("abidiff orders", ["abidiff", str(old), str(new)], (0, 4, 8, 12)),
        Command("diffoscope orders", ["diffoscope", str(old), str(new)], (0, 1)),
    ]
    missing = [peer.argv[0] for peer in peers if shutil.which(peer.argv[0]) is None]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}", file=sys.stderr)
    return [peer for peer in peers if peer.argv[0] not in missing]


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="time and memory of hotgate and other tools")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--record", action="store_true", help="keep this run's multiples of the floor")
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="hotgate-bench-") as scratch, ExitStack() as stay:
            found = commands(Path(scratch), stay)
            for _ in range(options.rounds):
                for command in found:
                    if not command.failure:
                        command.run()
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    print(f"{'median of ' + str(options.rounds) + ' rounds':<52} {'wall':>9} {'spread':>13} {'peak RSS':>11}")
    print("\n".join(command.row() for command in found))
    print("\n".join(compare_with_history(found)))
    if options.record:
        record(found)
    return int(any(command.failure for command in found if command.label.startswith("hotgate")))


if __name__ == "__main__":
    sys.exit(main())
