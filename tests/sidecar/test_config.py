"""The sidecar's configuration: units, addresses, files, and what is refused."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from gate.policy.errors import PolicyError
from gate.policy.units import parse_seconds, parse_size
from gate.sidecar.config.model import ServiceConfig, load_sidecar
from gate.sidecar.verdicts.judge import Unanswerable
from gate.sidecar.verdicts.judge import _old as named
from gate.sidecar.web.guard import _is_local
from gate.store.retention import Retention

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("10s", 10), ("1.5m", 90), ("12h", 43200), ("30d", 2592000)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 s", "1e3s", "٣s", "1y", "9999999999s"])
def test_no_times(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_seconds(text)


def test_sizes() -> None:
    assert (parse_size("500MB"), parse_size("1GiB"), parse_size("1.5kB")) == (500_000_000, 1 << 30, 1500)
    for text in ("1", "1B", "MB", "-1MB", "1 MB"):
        with pytest.raises(PolicyError):
            parse_size(text)


@pytest.mark.parametrize(
    ("host", "local"), [(b"", True), (b"[::1]", True), (b"[::1", False), (b"\xff", False), (b":80", False)]
)
def test_local_names(host: bytes, local: bool) -> None:
    assert _is_local(host) is local


def test_a_pid_file_that_is_a_pipe_or_without_end_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pid").write_text("71\n", "ascii")
    config = ServiceConfig("orders", "http://h", "", 1.0, 1.0)
    assert named(replace(config, pid_file=str(tmp_path / "pid"))) == ["--pid", "71"]
    for path in (str(tmp_path / "pipe"), "/dev/zero", "/dev/null", "a\0b", str(tmp_path)):
        with pytest.raises(Unanswerable) as caught:
            named(replace(config, pid_file=path))
        assert caught.value.status == 422


def test_a_token_file_that_is_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    config = tmp_path / "hotgate.toml"
    for path in (json.dumps(str(tmp_path / "pipe")), '"a\\u0000b"'):
        config.write_text(f"[sidecar]\ntoken_file = {path}\n", "utf-8")
        with pytest.raises(PolicyError):
            load_sidecar(str(config))


@pytest.mark.parametrize("listen", ["a\\u0000b:1", "127.0.0.1:" + "9" * 5000, "127.0.0.1:", ":1"])
def test_what_is_no_address(tmp_path: Path, listen: str) -> None:
    (tmp_path / "hotgate.toml").write_text(f'[sidecar]\nlisten = "{listen}"\n', "utf-8")
    with pytest.raises(PolicyError, match="not an address"):
        load_sidecar(str(tmp_path / "hotgate.toml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('releases = ["/srv", "/srv/a\\u0000b"]', "NUL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h"\nold = "a\\u0000"', "NUL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h"\npid_file = "a\\u0000"', "NUL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h:80 /"', "not an http or https URL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h:99999"', "not an http or https URL"),
        ('[[sidecar.service]]\nname = "a"\nurl = "http://h/?token=geheim"', "no query"),
    ],
)
def test_what_could_not_be_asked_for_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "hotgate.toml").write_text(f"[sidecar]\n{text}\n", "utf-8")
    with pytest.raises(PolicyError, match=said) as caught:
        load_sidecar(str(tmp_path / "hotgate.toml"))
    assert "\n" not in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "hotgate.toml:" in str(caught.value)


def test_the_defaults_of_a_configuration(tmp_path: Path) -> None:
    path = tmp_path / "hotgate.toml"
    path.write_text('[[sidecar.service]]\nname = "a"\nurl = "http://h:1/debug/hotgate/"\n', "utf-8")
    found = load_sidecar(str(path))
    assert (found.host, found.port, found.retention) == ("127.0.0.1", 9847, Retention(30 * 86400.0, 10**9))
    assert found.services == (ServiceConfig("a", "http://h:1", "", 10.0, 5.0),)
