"""`hotgate policy show`: every setting, its value, and what it comes from."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from gate.cli import cli
from gate.policy.model import Policy

FILE = """fail_on = "warn"
protected_packages = ["a/...", "b"]

[severity]
HG403 = "block"
HG105 = "off"

[thresholds]
max_changed_functions = 50

[[suppress]]
rule = "HG408"
scope = "x"
reason = "OPS-1"
expires = 2020-01-01

[[suppress]]
rule = "HG404"
scope = "*"
reason = "OPS-2"
expires = 2999-01-01
owner = "payments"

[contract]
globals = ["main.orders"]

[contract.state]
"main.Order" = "gob"
"""


def show(*arguments: str, **env: str):
    result = CliRunner(catch_exceptions=False).invoke(cli, ["policy", "show", *arguments], env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def rows(*arguments: str, **env: str) -> dict[str, tuple[object, str]]:
    shape = json.loads(show("--format", "json", *arguments, **env))
    return {each["key"]: (each["value"], each["origin"]) for each in shape["settings"]}


def test_defaults():
    found = rows()
    assert {origin for _, origin in found.values()} == {"default"}
    assert found["require"] == (["functions", "build"], "default")
    assert found["thresholds.max_changed_functions"] == (None, "default")


def test_every_key_of_a_policy_is_shown():
    Path("hotgate.toml").write_text(FILE, "utf-8")
    shown = {key.partition(".")[0].partition("[")[0] for key in rows()}
    assert shown == set(Policy.__struct_fields__) - {"source", "mode_by"}


def test_origins():
    Path("hotgate.toml").write_text(FILE, "utf-8")
    found = rows(
        "--mode",
        "hotfix",
        HOTGATE_SEVERITY="HG105=info HG404=warn",
        HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS="7",
        HOTGATE_MODE="plugin",
        HOTGATE_REQUIRE="functions init",
    )
    assert found == {
        "mode": ("hotfix", "--mode"),
        "fail_on": ("warn", "hotgate.toml:1"),
        "require": (["functions", "init"], "HOTGATE_REQUIRE"),
        "severity.HG105": ("info", "HOTGATE_SEVERITY"),
        "severity.HG403": ("block", "hotgate.toml:5"),
        "severity.HG404": ("warn", "HOTGATE_SEVERITY"),
        "thresholds.max_changed_functions": (7, "HOTGATE_THRESHOLDS_MAX_CHANGED_FUNCTIONS"),
        "protected_packages": (["a/...", "b"], "hotgate.toml:2"),
        "require_symbols": (False, "default"),
        "debug_tags": (["debug"], "default"),
        "contract.state.main.Order": ("gob", "hotgate.toml:28"),
        "contract.interfaces": ([], "default"),
        "contract.globals": (["main.orders"], "hotgate.toml:25"),
        "contract.protected_packages": ([], "default"),
        "contract.budget": (None, "default"),
        "thresholds.min_health": (85, "default"),
        "profile.min_continuity": (90, "default"),
        "profile.hand_over_seconds": (60, "default"),
        "profile.growth_percent": (10, "default"),
        "profile.detect_percent": (50, "default"),
        "profile.detect_share_percent": (5, "default"),
        "profile.min_windows": (10, "default"),
        "profile.overlap_percent": (30, "default"),
        "profile.heat_percent": (5, "default"),
        "profile.leak_percent": (10, "default"),
        "live.in_flight": ("", "default"),
        "live.in_flight_limit": (0, "default"),
        "live.handed_over": ([], "default"),
        "live.connections_limit": (None, "default"),
        "live.argv": ("", "default"),
        "live.exec_path": ("", "default"),
        "live.needed": (["profiler", "calls", "image", "descriptors"], "default"),
        "data.values": (True, "default"),
        "way_back": ("", "default"),
        "docs_url": ("", "default"),
        "audit": (False, "default"),
        "store": (None, "default"),
        "suppress[0]": ("HG408 for x, expired on 2020-01-01: OPS-1", "hotgate.toml:12"),
        "suppress[1]": ("HG404 for *, until 2999-01-01: OPS-2 (payments)", "hotgate.toml:18"),
    }


def test_the_table_for_people():
    Path("other.toml").write_text('require_symbols = true\nprotected_packages = ["a\\u001b[31m"]\n', "utf-8")
    text = show("--policy", "other.toml", "--fail-on", "info")
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["setting", "value", "from"]
    assert ["fail_on", "info", "--fail-on"] in lines
    assert ["require_symbols", "true", "other.toml:1"] in lines
    assert ["protected_packages", "a\\x1b[31m", "other.toml:2"] in lines
    assert ["mode", "exec", "default"] in lines


def test_a_bad_file_is_exit_code_2():
    Path("hotgate.toml").write_text("fail_onn = 1\n", "utf-8")
    result = CliRunner(catch_exceptions=False).invoke(cli, ["policy", "show"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: hotgate.toml:1: unknown key fail_onn\n")
