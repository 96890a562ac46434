"""Every error message that the program can end with, from its source: text, and what to do next."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = ("gate", "probes")
_ERRORS = {"ApplyError", "Failure", "PolicyError", "StoreError"}


@cache
def found() -> list[tuple[str, str]]:
    """(message, hint) of each place that raises an error of one line; what is put in at run time is `…`."""
    texts: dict[str, str] = {}
    trees = {path: ast.parse(path.read_text("utf-8")) for name in SHOWN for path in sorted((ROOT / name).rglob("*.py"))}
    kinds = _kinds(trees)
    for path, tree in trees.items():
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in kinds and node.args:
                message = _text(node.args[0], constants)
                hints = [_text(each.value, constants) for each in node.keywords if each.arg == "hint"]
                if message.strip("… "):
                    texts.setdefault(message, next(iter(hints), ""))
        del path
    return sorted(texts.items(), key=lambda item: item[0].casefold())


def _kinds(trees: dict[Path, ast.Module]) -> set[str]:
    kinds = {"ProbeError", *_ERRORS}
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := {each.name for each in classes if {_name(base) for base in each.bases} & kinds} - kinds:
        kinds |= more
    return kinds


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(each, constants) for each in values)
        case ast.Name(id=name) if name in constants:
            return _text(constants[name], {})
    return "…"


def page() -> str:
    """The page as Markdown."""
    lines = [
        "# Messages",
        "",
        "Every error of one line that hotgate can end with, by its text, and the hint that it gives. `…` stands for what is put in:",
        "a path, a name, a number. The exit code is 2. What to do about the usual ones is in [Troubleshooting](troubleshooting.md).",
        "",
        "| error | hint |",
        "|---|---|",
    ]
    lines += [f"| {_cell(message)} | {_cell(hint)} |" for message, hint in found()]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
