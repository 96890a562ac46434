"""The program that runs."""

from __future__ import annotations

from msgspec import Struct


class RunningImage(Struct, frozen=True):
    """The program that runs. Ids are "" where not known; `sha256` only where the file could be read."""

    source: str
    gnu_build_id: str = ""
    go_build_id: str = ""
    sha256: str = ""
    path: str = ""
    go_version: str = ""
    replaced: bool = False
    """The file that it runs has been removed or replaced on disk."""
    epoch: str = ""
    generation: int | None = None
    another: str = ""
    """How the service at the URL is seen to be another process than the one that the PID names."""
    unsure: str = ""
    """Why it may be."""
    entries: tuple[str, ...] | None = None
    """The entries of restart libraries that it calls; None where its file could not be read."""
    openers: tuple[str, ...] | None = ()
    """The functions that open listening sockets and are not of those libraries, looked for only where there is one; None where that cannot be told."""

    def summary(self) -> str:
        """What it comes to, in words."""
        name = self.gnu_build_id or self.go_build_id or self.sha256
        parts = [f"build {name[:16]}" if name else "build unknown"]
        if self.generation is not None:
            parts.append(f"generation {self.generation}")
        if self.replaced:
            parts.append("its file has been replaced on disk")
        return ", ".join(parts)
