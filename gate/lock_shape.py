"""The shape of a lock file, for pydantic. Import it only to read one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from probes.binary.types_saved import SavedType  # noqa: TC001 - pydantic evaluates the annotation


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _State(_Part):
    codec: Literal["memory", "gob", "json", "protobuf"]
    fingerprint: str


class _Interface(_Part):
    fingerprint: str


class LockShape(_Part):
    """What `gate.lock.dump_lock` writes."""

    about: str
    schema_version: Literal["1"]
    goos: str
    goarch: Literal["amd64", "arm64"]
    state: dict[str, _State]
    interfaces: dict[str, _Interface]
    types: dict[str, SavedType]
