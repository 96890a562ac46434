"""Fetches the schemas that Argo Rollouts, Argo Workflows and Flagger publish for their documents into `.cache/schemas`.

They are not kept here. `go mod download` fetches the release that has them; what comes out must have the digest below.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.programs.gobuild import CACHE, BuildFailed, require_go

FOLDER = CACHE / "schemas"
SECONDS = 180
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml, where PyYAML has it: the definitions have up to 3.2 MB."""


@dataclass(frozen=True, slots=True)
class Published:
    """A custom resource definition in a release."""

    module: str
    member: str
    sha256: str


ARGO = Published(
    "github.com/argoproj/argo-rollouts@v1.8.3",
    "manifests/crds/analysis-template-crd.yaml",
    "0571c500c4dffbd3693a4bf4063b11f5b9e28296972ccab2b1e461642257f697",
)
ROLLOUT = Published(
    "github.com/argoproj/argo-rollouts@v1.8.3",
    "manifests/crds/rollout-crd.yaml",
    "1f1c5d67088ccf355d1e0681d58bbcaf46a9dd1bf7215769dcd3e6a62053d8aa",
)
WORKFLOW = Published(
    "github.com/argoproj/argo-workflows/v3@v3.7.4",
    "manifests/base/crds/full/argoproj.io_workflows.yaml",
    "ccbc7d66bcde1a5be0985630e13561f982800c47a8486d9ccb3dde6e7ddac068",
)
FLAGGER = Published(
    "github.com/fluxcd/flagger@v1.38.0",
    "artifacts/flagger/crd.yaml",
    "7c1215c445bdc7ce4124179fb7cb5384ed04e2b84a926d21b20c237a8eff6e42",
)


@cache
def schema(published: Published, kind: str) -> dict[str, Any]:
    """The OpenAPI schema of that kind, made strict: the API server drops fields that it does not know. Not to be changed.

    Raises:
        BuildFailed: it cannot be fetched, or is another one.
    """
    text = _text(published)
    for document in yaml.load_all(text, LOADER):
        if (
            document
            and document.get("kind") == "CustomResourceDefinition"
            and document["spec"]["names"]["kind"] == kind
        ):
            found: dict[str, Any] = _strict(document["spec"]["versions"][-1]["schema"]["openAPIV3Schema"])
            return found
    raise BuildFailed(f"{published.member} has no {kind}")


def _strict(value: Any) -> Any:
    if isinstance(value, list):
        return [_strict(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: _strict(item) for key, item in value.items()}
    known = isinstance(out.get("properties"), dict) and "additionalProperties" not in out
    if known and not out.get("x-kubernetes-preserve-unknown-fields"):
        out["additionalProperties"] = False
    if out.get("x-kubernetes-int-or-string") is True:
        out.pop("type", None)
        out["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    return out


def _text(published: Published) -> bytes:
    place = FOLDER / f"{published.sha256}.yaml"
    try:
        text = place.read_bytes()
    except OSError:
        text = _fetch(published)
    found = hashlib.sha256(text).hexdigest()
    if found != published.sha256:
        raise BuildFailed(f"{published.member} of {published.module} is another one, of sha256 {found}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=FOLDER, delete=False) as file:
        file.write(text)
    Path(file.name).replace(place)
    return text


def _fetch(published: Published) -> bytes:
    go = require_go() / "bin" / "go"
    env = {**os.environ, "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    with tempfile.TemporaryDirectory() as folder:
        argv = [str(go), "mod", "download", "-json", published.module]
        try:
            done = subprocess.run(
                argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=SECONDS
            )
            said = json.loads(done.stdout or "{}")
            if "Dir" not in said:
                raise BuildFailed(f"cannot fetch {published.module}: {said.get('Error') or done.stderr.strip()[-500:]}")
            return (Path(said["Dir"]) / published.member).read_bytes()
        except (OSError, ValueError, subprocess.TimeoutExpired) as exc:
            raise BuildFailed(f"cannot fetch {published.module}: {exc}") from exc


def main() -> int:
    """Fetch all of them."""
    try:
        schema(ARGO, "AnalysisTemplate")
        schema(ROLLOUT, "Rollout")
        schema(WORKFLOW, "Workflow")
        schema(FLAGGER, "Canary")
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
