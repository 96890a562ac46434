"""Names that a package offers and imports only when they are asked for (PEP 562): numpy is slow to import."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(namespace: dict[str, Any], modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A module's `__getattr__`: each name of `modules` comes from the module beside it, and is then kept in `namespace`."""

    def attribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        namespace[name] = getattr(importlib.import_module(modules[name]), name)
        return namespace[name]

    return attribute
