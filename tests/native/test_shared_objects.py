"""HG302 and HG306 on C and C++ shared objects that the tests compile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gate.rules.support.cxx_names import readable
from tests.native.conftest import found, run_check
from tests.native.libraries import CPP, VERSIONS, Built, C, build

BASE = Built()
CLASSES = Built(CPP, "c++")


def edited(old: str, new: str, base: Built = BASE) -> Built:
    assert old in base.source
    return replace(base, source=base.source.replace(old, new))


QUIET = [
    pytest.param(BASE, edited("w * h", "w * h * 2"), id="a body"),
    pytest.param(replace(BASE, strip=True), replace(edited("x / 2", "x / 3"), strip=True), id="a body, stripped"),
    pytest.param(CLASSES, edited("return 1;", "return 2;", CLASSES), id="a virtual function's body"),
    pytest.param(BASE, replace(BASE, flags=("-O2",)), id="other optimisation"),
    pytest.param(
        replace(BASE, script=VERSIONS), replace(edited("x / 2", "x / 3"), script=VERSIONS), id="with versions"
    ),
]


@pytest.mark.parametrize(("old", "new"), QUIET)
def test_bodies_may_change(old, new, compared) -> None:
    code, report = compared(old, new)
    assert not found(report, "HG302")
    assert not found(report, "HG306")
    assert (code, report["verdict"]) == (0, "pass")
    assert report["policy"]["require"] == ["native"]


FIRES = [
    pytest.param(BASE, edited("int half(", "static __attribute__((used)) int half("), "half", "", id="export removed"),
    pytest.param(
        BASE,
        edited("int half(", '__attribute__((visibility("hidden"))) int half('),
        "half",
        "no longer exports",
        id="export hidden",
    ),
    pytest.param(BASE, edited("int table[4]", "int table[8]"), "table", "16 → 32 bytes", id="exported variable grown"),
    pytest.param(
        replace(BASE, strip=True),
        replace(edited("int table[4]", "int table[8]"), strip=True),
        "table",
        "16 → 32 bytes",
        id="exported variable grown, stripped",
    ),
    pytest.param(
        BASE, edited("int half(int x) { return x / 2; }", "int half = 2;"), "half", "function → object", id="retyped"
    ),
    pytest.param(
        CLASSES,
        edited("virtual int area();", "virtual int area(); virtual int edge() { return 4; }", CLASSES),
        "_ZTVN3geo5ShapeE",
        "Virtual calls on geo::Shape can run other functions: its vtable went 40 → 48 bytes.",
        id="virtual function added",
    ),
    pytest.param(
        replace(BASE, script=VERSIONS),
        replace(BASE, script=VERSIONS.replace("V_1", "V_2")),
        "area",
        "area@V_1",
        id="version changed",
    ),
    pytest.param(
        replace(BASE, script=VERSIONS),
        replace(BASE, script=VERSIONS.replace("half;", "")),
        "half@V_1",
        "",
        id="dropped from the version script",
    ),
    pytest.param(
        BASE,
        edited("static int calls;", "static int calls; int *seen(int i) { static int kept[64]; return kept + i; }"),
        "static state",
        "added kept; .bss 8 → ",
        id="static state added",
    ),
    pytest.param(
        replace(BASE, strip=True),
        replace(
            edited("static int calls;", "static int calls; int *seen(int i) { static int kept[64]; return kept + i; }"),
            strip=True,
        ),
        "static state",
        ".bss 8 → ",
        id="static state added, stripped",
    ),
    pytest.param(
        BASE,
        replace(BASE, source=C + "__attribute__((constructor)) static void more(void) { calls++; }\n"),
        "initialisers",
        "3 → 4 initialisers",
        id="initialiser added",
    ),
    pytest.param(
        BASE,
        replace(BASE, source=C + "__attribute__((destructor)) static void last(void) { calls++; }\n"),
        "finalisers",
        "2 → 3 finalisers",
        id="finaliser added",
    ),
    pytest.param(
        replace(BASE, flags=("-Wl,-soname,liba.so.1",)),
        replace(BASE, flags=("-Wl,-soname,liba.so.2",)),
        "soname",
        "liba.so.1 → liba.so.2",
        id="soname changed",
    ),
]


@pytest.mark.parametrize(("old", "new", "subject", "words"), FIRES)
def test_what_users_bind_to_may_not_change(old, new, subject, words, compared) -> None:
    code, report = compared(old, new)
    finding = found(report, "HG306")[subject]
    assert (finding["severity"], code) == ("block", 10)
    assert words in finding["message"]


def test_an_added_export_is_a_note(compared) -> None:
    code, report = compared(BASE, replace(BASE, source=C + "int third(int x) { return x / 3; }\n"))
    assert {subject: f["severity"] for subject, f in found(report, "HG306").items()} == {"added exports": "info"}
    assert code == 0


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (edited("int depth = 3;", "int depth = 3; __thread long width = 5;"), "added width"),
        (edited("__thread int depth", "__thread __attribute__((aligned(64))) int depth"), "aligned to 64"),
        (edited("int depth = 3", "long depth = 3"), "resized depth 4 → 8 bytes"),
        (edited("__thread int depth", "int depth"), "is absent"),
    ],
)
def test_thread_local_storage(new, words, compared) -> None:
    code, report = compared(BASE, new)
    finding = found(report, "HG302")["thread-local storage"]
    assert (finding["severity"], code) == ("block", 10)
    assert words in finding["message"]


def test_room_in_the_static_block(compared) -> None:
    _, report = compared(BASE, replace(BASE, flags=("-ftls-model=initial-exec",)))
    assert found(report, "HG302")["static thread-local storage"]["severity"] == "block"


def test_the_section_headers_are_not_asked(tmp_path) -> None:
    """A file whose section headers were cut off is compared as well: the loader does not read them."""
    old = build(tmp_path / "old", BASE)
    new = build(tmp_path / "new", edited("int half(", "static __attribute__((used)) int half("))
    for path in (old, new):
        data = bytearray(path.read_bytes())
        data[40:48] = bytes(8)  # e_shoff
        data[60:64] = bytes(4)  # e_shnum, e_shstrndx
        path.write_bytes(data)
    code, report = run_check(old, new, "--mode", "plugin")
    assert list(found(report, "HG306")) == ["half"]
    assert code == 10


@pytest.mark.parametrize("style", ["gnu", "sysv"])
def test_both_kinds_of_hash_table_count_the_symbols(style, tmp_path) -> None:
    from probes.elf.exports import read_shared  # noqa: PLC0415
    from probes.go import load  # noqa: PLC0415

    path = build(tmp_path, replace(BASE, flags=(f"-Wl,--hash-style={style}",)))
    data = bytearray(path.read_bytes())
    data[40:48], data[60:64] = bytes(8), bytes(4)
    path.write_bytes(data)
    facts = load(str(path), foreign=True)
    assert set(read_shared(facts.image, None, None).exports) == {"area", "half", "table", "depth"}


def test_other_modes_refuse_and_say_which_mode_does_not(tmp_path) -> None:
    from click.testing import CliRunner  # noqa: PLC0415

    from gate.cli import cli  # noqa: PLC0415

    path = str(build(tmp_path, BASE))
    for mode in ("exec", "hotfix"):
        result = CliRunner(catch_exceptions=False).invoke(cli, ["check", path, path, "--mode", mode])
        assert (result.exit_code, result.stdout) == (2, "")
        assert "not a Go binary" in result.stderr
        assert "--mode plugin" in result.stderr.splitlines()[1]


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZTV5Shape", "Shape"),
        ("_ZTIN3geo5ShapeE", "geo::Shape"),
        ("_ZTSN3geo5ShapeE@V_1", "geo::Shape (V_1)"),
        ("_ZTVSt9exception", "_ZTVSt9exception"),
        ("_ZTV3BoxIiE", "_ZTV3BoxIiE"),
        ("_ZTV99Shape", "_ZTV99Shape"),
        ("_ZTV", "_ZTV"),
        ("area", "area"),
        ("_ZN3geo5Shape4areaEv", "_ZN3geo5Shape4areaEv"),
    ],
)
def test_plain_class_names_are_readable(symbol, name) -> None:
    assert readable(symbol) == name
