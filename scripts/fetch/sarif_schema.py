"""Fetches the official JSON Schema of SARIF 2.1.0 (errata 01) into `.cache/sarif`.

The schema is not kept here. A Go module that validates reports carries it, and `go mod download` fetches that module.
What comes out must have the digest below, whatever the source.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.programs.gobuild import CACHE, BuildFailed, require_go

MODULE = "github.com/owenrumney/go-sarif/v3@v3.3.1"
MEMBER = "pkg/report/v210/sarif/schema.go"
SHA256 = "393c05a9d5c01a644e167b47ea8504409b03602a265eba5650d91af932586ecd"
TARGET = CACHE / "sarif" / "sarif-schema-2.1.0.json"
SECONDS = 120
"""For the download, of 1.5 MB; a machine without a network may wait for its name server."""


def official_schema() -> dict[str, Any]:
    """The schema; it is fetched if it is not in the cache.

    Raises:
        BuildFailed: it cannot be fetched, or is another one.
    """
    try:
        text = TARGET.read_bytes()
    except OSError:
        text = b""
    if hashlib.sha256(text).hexdigest() != SHA256:
        text = _fetch()
        found = hashlib.sha256(text).hexdigest()
        if found != SHA256:
            raise BuildFailed(f"{MEMBER} of {MODULE} holds another schema, of sha256 {found}")
        _keep(text)
    schema: dict[str, Any] = json.loads(text)
    return schema


def _fetch() -> bytes:
    """The schema as the module has it: between backticks in a Go file."""
    go = require_go() / "bin" / "go"
    with tempfile.TemporaryDirectory() as folder:  # outside of any module, whose settings would count
        try:
            done = subprocess.run(
                [go, "mod", "download", "-json", MODULE],
                cwd=folder,
                env={**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"},
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise BuildFailed(f"cannot fetch {MODULE}: {exc}") from exc
    try:
        said = json.loads(done.stdout or "{}")
        if "Dir" not in said:
            raise BuildFailed(f"cannot fetch {MODULE}: {said.get('Error') or done.stderr.strip()[-500:]}")
        source = (Path(said["Dir"]) / MEMBER).read_text("utf-8")
    except (ValueError, OSError) as exc:
        raise BuildFailed(f"cannot read what came of {MODULE}: {exc}") from exc
    found = re.search(r"`(\{.*\})\s*`", source, re.DOTALL)
    if found is None:
        raise BuildFailed(f"{MEMBER} of {MODULE} holds no schema")
    return found[1].encode()


def _keep(text: bytes) -> None:
    """Write the cache, whole: tests run beside each other."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=TARGET.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(TARGET)


def main() -> int:
    """Fetch, and say where it is."""
    try:
        official_schema()
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    print(TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
