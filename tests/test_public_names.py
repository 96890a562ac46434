"""The names that other programs may import."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "stability.md"
PACKAGES = ("gate.policy", "gate.report", "gate.runs", "probes.drift", "probes.go", "probes.live", "probes.profile")


def test_the_page_lists_the_packages_that_offer_names() -> None:
    assert tuple(sorted(re.findall(r"^\| `([\w.]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))) == PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_is_there_documented_and_typed(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__doc__
    assert list(module.__all__) == sorted(module.__all__)
    for name in module.__all__:
        found = getattr(module, name)
        assert inspect.getdoc(found), f"{package}.{name} has no docstring"
        if inspect.isfunction(found):
            parameters = inspect.signature(found).parameters.values()
            assert all(each.annotation is not inspect.Parameter.empty for each in parameters), name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_is_quick(package: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {package}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    ).stdout.split()
    assert not {"numpy", "pydantic", "rich", "httpx", "scipy"} & set(said)
