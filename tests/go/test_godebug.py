from __future__ import annotations

import pytest

from probes.go.buildinfo.godebug import CHANGED, effective
from probes.go.module.layouts import NEWEST_MINOR


@pytest.mark.parametrize(
    ("name", "minor", "value"),
    [
        ("panicnil", 20, "1"),
        ("panicnil", 21, "0"),
        ("httpmuxgo121", 21, "1"),
        ("httpmuxgo121", 22, "0"),
        ("asynctimerchan", 22, "1"),
        ("asynctimerchan", 23, "0"),
        ("tlsmlkem", 23, "0"),
        ("tlsmlkem", 24, "1"),
        ("containermaxprocs", 24, "0"),
        ("containermaxprocs", 25, "1"),
        ("urlstrictcolons", 26, "1"),
        ("tracebacklabels", 26, "0"),
        ("tracebacklabels", 27, "1"),
    ],
)
def test_defaults_flip_with_the_toolchain(name: str, minor: int, value: str) -> None:
    settings, known = effective(minor, "")
    assert known
    assert settings[name] == value


def test_what_the_binary_says_wins() -> None:
    settings, known = effective(27, "panicnil=1, madvdontneed=1,broken,=x,httpmuxgo121=1")
    assert known
    assert (settings["panicnil"], settings["httpmuxgo121"], settings["madvdontneed"]) == ("1", "1", "1")
    assert set(settings) == {*CHANGED, "madvdontneed"}


@pytest.mark.parametrize("minor", [None, NEWEST_MINOR + 1])
def test_an_unknown_toolchain_gives_what_is_said_and_no_more(minor: int | None) -> None:
    assert effective(minor, "panicnil=1") == ({"panicnil": "1"}, False)


def test_the_number_of_settings_is_bounded() -> None:
    assert len(effective(None, ",".join(f"x{i}=1" for i in range(100_000)))[0]) == 1000
