"""Builds the documentation site below `.cache/docs`; a link that leads nowhere is an error.

The pages of `docs/` and those made from the program are staged in `.cache/docs/pages`, and zensical builds the site of them. It
runs in the staged folder with a copy of the configuration, because it empties the folder `.cache` beside that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from gate.fleet.release.schema import shipped
from scripts.docs import commands, messages, rules

ROOT = Path(__file__).parents[2]
STAGED = ROOT / ".cache" / "docs"
SITE = STAGED / "site"
CONFIG = ROOT / "mkdocs.yml"
COPIED = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "wire.md": "goprobe/WIRE.md",
}
"""Pages of the site that are files of the project."""


def generated() -> dict[str, str]:
    """Path in the site -> text, of the pages and files that are made from the program."""
    pages = {
        **rules.pages(),
        "commands.md": commands.page(),
        "messages.md": messages.page(),
        "release.schema.json": shipped(),
    }
    return {**pages, **{path: (ROOT / source).read_text("utf-8") for path, source in COPIED.items()}}


def stage(folder: Path = STAGED) -> None:
    """Put all pages into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "pages")
    shutil.copy(CONFIG, folder)
    for path, text in generated().items():
        target = folder / "pages" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def unlisted(config: str, folder: Path) -> list[str]:
    """Pages that the navigation does not have; a page of a rule is reached by the list of rules."""
    listed = set(re.findall(r"[\w/-]+\.md", config))
    pages = {str(path.relative_to(folder)) for path in folder.rglob("*.md")}
    return sorted(page for page in pages - listed if not page.startswith("rules/"))


def main() -> int:
    """Build the site; 1 when a page is missing or a link is broken."""
    stage()
    done = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=STAGED,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print((done.stdout + done.stderr).partition("Traceback")[0], file=sys.stderr)
        return 1
    problems = unlisted(CONFIG.read_text("utf-8"), STAGED / "pages")
    for page in problems:
        print(f"error: not in the navigation: {page}", file=sys.stderr)
    if not problems:
        print(f"{len(list(SITE.rglob('*.html')))} pages in {SITE.relative_to(ROOT)}, every link leads somewhere")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
