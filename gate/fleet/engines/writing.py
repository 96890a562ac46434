"""Writes rendered files into a folder that people keep: what they wrote themselves is never replaced."""

from __future__ import annotations

from pathlib import Path

from gate.fleet.errors import FleetError

HEAD = 400
"""Bytes in which the mark has to be."""


def write(folder: str, files: dict[str, str], mark: str) -> tuple[int, int]:
    """Write `files`, path below `folder` -> text, and remove what an earlier plan had there and this one has not.

    Returns:
        How many files were written because they differ, and how many removed.

    Raises:
        FleetError: a file is in the way that was not rendered, or nothing can be written. Nothing has been changed then.
    """
    root = Path(folder)
    try:
        if root.exists() and not root.is_dir():
            raise FleetError(f"not a folder: {folder}")
        there = {path for path in _below(root) if _is_rendered(path, mark)}
        wanted = {root / name: text for name, text in files.items()}
        for path in wanted:
            if path.is_symlink() or (path.exists() and path not in there):
                hint = "move it away, or choose another folder"
                raise FleetError(f"a file is in the way that was not rendered: {path}", hint=hint)
        differ = {path: text for path, text in wanted.items() if path not in there or path.read_text("utf-8") != text}
        for path, text in differ.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        gone = there - wanted.keys()
        for path in gone:
            path.unlink()
    except OSError as exc:
        raise FleetError(f"cannot write ({exc.strerror}): {exc.filename or folder}") from exc
    return len(differ), len(gone)


def _below(root: Path) -> list[Path]:
    return (
        [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()] if root.is_dir() else []
    )


def _is_rendered(path: Path, mark: str) -> bool:
    with path.open("rb") as file:
        return mark.encode() in file.read(HEAD)
