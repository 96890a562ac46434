"""The table [host.NAME]: what it takes, and in which words it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gate.apply.host.config import load_host
from gate.policy.errors import PolicyError
from gate.policy.file import load_policy

if TYPE_CHECKING:
    from gate.apply.host.config import Host

LEAST = '[host.orders]\nfolder = "/srv/orders"\npid_file = "/run/orders.pid"\ntrigger = "SIGUSR2"\n'


def read(folder: Path, text: str, name: str = "orders") -> Host:
    path = folder / "hotgate.toml"
    path.write_text(text, "utf-8")
    load_policy(str(path))
    return load_host(str(path), name)


def test_what_need_not_be_said(tmp_path: Path) -> None:
    host = read(tmp_path, LEAST)
    assert (host.file, host.state, host.within, host.keep, host.mode) == (
        "orders",
        Path("/srv/orders/.hotgate"),
        30.0,
        3,
        0o755,
    )
    assert (host.trigger, host.start, host.watch) == ("SIGUSR2", (), None)


def test_a_unit_is_started_by_systemd_and_told_by_a_command_without_a_shell(tmp_path: Path) -> None:
    host = read(
        tmp_path,
        '[host.orders]\nfolder = "/srv/orders"\nunit = "orders.service"\ntrigger = ["systemctl", "reload", "orders; id"]\n',
    )
    assert host.trigger == ("systemctl", "reload", "orders; id")
    assert host.start == ("systemctl", "start", "orders.service")


@pytest.mark.parametrize(
    ("more", "said", "hint"),
    [
        ('folders = "/x"\n', "hotgate.toml:5: unknown key host.orders.folders", "did you mean folder?"),
        ('unit = "orders"\n', "names both pid_file and unit", "one of them"),
        ("keep = 1\n", "host.orders.keep", ""),
        ('mode = "0644"\n', "lets the owner execute it", ""),
        ('mode = "rwx"\n', "lets the owner execute it", ""),
        ('file = "../orders"\n', "the name of a file without a folder", ""),
        ('within = "soon"\n', "not a time", "write it like"),
        ('ready = "http://example.com/"\n', "an http address of this host", "such as"),
        ('owner = "a b"\n', "USER or USER:GROUP", ""),
        ('[host.orders.watch]\nwithin = "5m"\nrule = []\n', "host.orders.watch.rule", ""),
        ('[host.orders.watch]\nwithn = "5m"\n', "unknown key host.orders.watch.withn", "did you mean within?"),
        (
            '[[host.orders.watch.rule]]\nname = "e"\nkind = "ratio"\nsource = "expvar"\nbad = "f"\ntotal = "r"\ntimes = 2.0\n',
            "has no url to read them from",
            "",
        ),
        ('[host."a/b"]\nfolder = "/x"\n', "a name has letters", ""),
    ],
)
def test_what_means_nothing_is_refused_in_one_line(tmp_path: Path, more: str, said: str, hint: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(tmp_path, LEAST + more)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[host.orders]\nfolder = "srv"\npid_file = "/p"\ntrigger = "SIGHUP"\n', "an absolute path"),
        ('[host.orders]\nfolder = "/srv"\npid_file = "/p"\ntrigger = "SIGKIL"\n', "unknown signal: SIGKIL"),
        ('[host.orders]\nfolder = "/srv"\npid_file = "/p"\n', "host.orders.trigger is missing"),
        ('[host.orders]\nfolder = "/srv"\ntrigger = "SIGHUP"\n', "names neither pid_file nor unit"),
    ],
)
def test_what_is_needed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        read(tmp_path, text)


def test_a_service_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no table \[host.order\]") as refused:
        read(tmp_path, LEAST, "order")
    assert "did you mean orders?" in refused.value.hint
