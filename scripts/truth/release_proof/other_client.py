"""The repository read by another implementation of The Update Framework: go-tuf v2, in a small program of our own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import threading
from pathlib import Path

from gate.release.repository.renewing import renew
from gate.release.repository.rotating import rotate
from gate.release.repository.store import Repository
from gate.release.serving import Server
from scripts.programs.gobuild import CACHE, GO_CACHE, require_go
from scripts.truth.release_proof._scene import PASSPHRASE, SERVICE, Scene

MODULE = "github.com/theupdateframework/go-tuf/v2"
VERSION = "v2.4.1"
SOURCE = """// Reads a repository of The Update Framework and prints the SHA-256 of its targets.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"sort"

	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"
)

func run(url, rootFile, state string) error {
	root, err := os.ReadFile(rootFile)
	if err != nil {
		return err
	}
	settings, err := config.New(url+"/metadata", root)
	if err != nil {
		return err
	}
	settings.LocalMetadataDir = state
	settings.LocalTargetsDir = state
	settings.RemoteTargetsURL = url + "/targets"
	client, err := updater.New(settings)
	if err != nil {
		return err
	}
	if err := client.Refresh(); err != nil {
		return err
	}
	targets := client.GetTopLevelTargets()
	var names []string
	for name := range targets {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		_, data, err := client.DownloadTarget(targets[name], "", "")
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%x %s\\n", sha256.Sum256(data), name)
	}
	return nil
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
"""


def build(folder: Path) -> Path:
    """The client, built; its modules come from the module proxy once, into .cache.

    Raises:
        RuntimeError: it cannot be built.
    """
    go = str(require_go() / "bin" / "go")
    (folder / "main.go").write_text(SOURCE, "utf-8")
    (folder / "go.mod").write_text("module tufclient\n\ngo 1.24\n", "utf-8")
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GOMODCACHE": str(CACHE / "gomod"),
        "GOCACHE": str(GO_CACHE),
    }
    for argv in ([go, "get", f"{MODULE}@{VERSION}"], [go, "build", "-o", "tufclient", "."]):
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv[1:3])}: {done.stderr.strip()[-400:]}")
    return folder / "tufclient"


def read(client: Path, scene: Scene, state: Path) -> tuple[int, dict[str, str], str]:
    """The client's exit code, the digests by target, and what it said."""
    state.mkdir(exist_ok=True)
    server = Server(scene.repo, 0, quiet=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        done = subprocess.run(
            [client, server.url, scene.root, state], capture_output=True, text=True, timeout=120, check=False
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    found = (line.split(" ", 1) for line in done.stdout.splitlines())
    return done.returncode, {name: digest for digest, name in found}, done.stderr.strip()


def prove(*, quick: bool) -> bool:
    """The whole repository, again after keys were rotated, and once after it was tampered with."""
    del quick
    with tempfile.TemporaryDirectory(prefix="hotgate-proof-") as name:
        folder = Path(name)
        try:
            client = build(folder)
        except RuntimeError as exc:
            print(f"   BROKEN cannot build the client: {exc}")
            return False
        scene = Scene(folder / "scene")
        held = _same(client, scene, folder / "state", "as it was made")
        with Repository.changing(scene.repo) as repository:
            renew(repository, scene.ring())
        for role in ("timestamp", "snapshot", "targets", "root"):
            with Repository.changing(scene.repo) as repository:
                rotate(
                    repository,
                    scene.ring(),
                    role,
                    revoke=None,
                    add=None,
                    threshold=None,
                    key_folder=scene.keys,
                    passphrase=PASSPHRASE,
                )
        scene.add("1.2", scene.images[2])
        held &= _same(client, scene, folder / "state", "after every role's key was rotated and a release added")
        place = next((scene.repo / "targets" / SERVICE / "1.2").glob("*.image.zst"))
        place.write_bytes(place.read_bytes()[:-1] + b"\0")
        code, _, said = read(client, scene, folder / "state-new")
        print(
            f"   a changed image: go-tuf {'refuses it' if code else 'TAKES IT'} ({said.splitlines()[-1] if said else ''})"
        )
        return held and code != 0


def _same(client: Path, scene: Scene, state: Path, when: str) -> bool:
    code, found, said = read(client, scene, state)
    repository = Repository(scene.repo)
    wanted = {
        path: hashlib.sha256(repository.place(target).read_bytes()).hexdigest()
        for path, target in repository.targets.signed.targets.items()
    }
    held = code == 0 and found == wanted
    print(f"   {when}: go-tuf reads {len(found)} of {len(wanted)} targets{'' if held else f': BROKEN {said}'}")
    return held
