"""Programs that Go's own linker did not write as they are: said by name.

The real ones are tried by `make wild`; what tells them apart is made here.
"""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from probes.errors import NotGo
from probes.go import load
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None or shutil.which("objcopy") is None:
        missing("no gcc and objcopy on PATH: apt-get install gcc binutils")
    folder = tmp_path_factory.mktemp("others")
    (folder / "main.c").write_text('const char text[] = "panic: runtime error";\nint main(void) { return text[0]; }\n')
    subprocess.run(["gcc", "-o", folder / "plain", folder / "main.c"], check=True)
    return folder / "plain"


def made(program: Path, tmp_path: Path, what: str) -> Path:
    out = tmp_path / what
    match what:
        case "upx":
            out.write_bytes(program.read_bytes() + b"\0" * 12 + b"UPX!" + b"\x0d\x16\x0d\x08" * 7)
        case "gccgo":
            (tmp_path / "export").write_bytes(b"v3;\npackage main\n")
            added = f".go_export={tmp_path / 'export'}"
            subprocess.run(["objcopy", "--add-section", added, program, out], check=True)
        case "libgo":
            text = b"%s:%U: libgo assertion failure"
            out.write_bytes(program.read_bytes().replace(b"panic: runtime error", b"libgo assertion fail") + text)
        case "tinygo":
            out.write_bytes(program.read_bytes() + b"tinygo_getCurrentStackPointer\0")
    return out


@pytest.mark.parametrize(
    ("what", "said", "hint"),
    [
        ("upx", "it is packed by UPX", "upx -d"),
        ("gccgo", "it was built by gccgo", "go build"),
        ("libgo", "it was built by gccgo", "go build"),
        ("tinygo", "it was built by TinyGo", "go build"),
    ],
)
def test_it_is_said_by_name(what, said, hint, program, tmp_path) -> None:
    path = made(program, tmp_path, what)
    with pytest.raises(NotGo, match=said) as caught:
        load(str(path))
    assert hint in caught.value.hint
    result = CliRunner(catch_exceptions=False).invoke(cli, ["check", str(path), str(path)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 2)
    assert said in result.stderr


def test_a_program_in_c_is_none_of_them(program) -> None:
    with pytest.raises(NotGo, match=r"^not a Go binary: "):
        load(str(program))
