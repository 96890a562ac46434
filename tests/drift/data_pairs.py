"""`testdata/programs/datum` with one edit of its data each, and what has to be reported for it, no more and no less."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from probes.go import load
from scripts.programs.gobuild import ROOT, GoBuild, can_build_cgo
from tests.conftest import missing
from tests.drift.variable_pairs import toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from probes.drift.data.facts import DataDrift
    from probes.go.facts import BinaryFacts

SOURCE = ROOT / "testdata" / "programs" / "datum"
STORE = "example.com/datum/store."
FILE = "store/store.go"

Values = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Edit:
    """`replace`: pairs of text in `store.go`. `files`: what a file becomes, None to remove it.

    `values`: name and path of each change, without the package, and both values. `embedded`: path -> kind of change. `flags`: more of the linker's, for NEW.
    """

    name: str
    replace: tuple[tuple[str, str], ...] = ()
    values: Values = field(default_factory=dict)
    files: dict[str, bytes | None] = field(default_factory=dict)
    embedded: dict[str, str] = field(default_factory=dict)
    flags: str = ""

    def __str__(self) -> str:
        return self.name

    def plain(self) -> Values:
        """`values` as they are said where no types are known."""
        return {
            PLAIN.get(name, (name, value))[0]: PLAIN.get(name, (name, value))[1] for name, value in self.values.items()
        }


LOGO = (SOURCE / "store" / "logo.bin").read_bytes()
IMAGE = (SOURCE / "store" / "files" / "image.bin").read_bytes()


def _number(raw: bytes) -> str:
    return str(int.from_bytes(raw, "little"))


PLAIN: dict[str, tuple[str, tuple[str, str]]] = {
    "Step.Run": ("Step", ("one", "two")),
    "Rate": ("Rate", ("0.5 (as float64)", "0.75 (as float64)")),
    "Share": ("Share", ("1048576000", "1040187392")),
    "Flag": ("Flag", ("1", "0")),
    "Table[2]": ("Table+16", ("0.3 (as float64)", "0.4 (as float64)")),
    "Defaults.Port": ("Defaults", ("8080", "8081")),
    "Defaults.Limits.Most": ("Defaults+28", ("10", "12")),
    "Defaults.Host": ("Defaults+8", ('"localhost"', '"127.0.0.1"')),
    "Counts[2]": ("Counts→+16", ("30", "31")),
    "Days[2]": ("Days→+32", ('"wed"', '"web"')),
    "Logo[39]": ("Logo→+36", (_number(LOGO[36:40]), _number(LOGO[36:39] + b"\xff"))),
}
"""What is said of a change without types, by how it is said with them."""


EDITS = (
    Edit("nothing"),
    Edit("scalar", (("= 25", "= 35"),), {"Scalar": ("25", "35")}),
    Edit("float", (("= 0.5", "= 0.75"),), {"Rate": ("0.5", "0.75")}),
    Edit("float32", (("float32 = 0.25", "float32 = 0.125"),), {"Share": ("0.25", "0.125")}),
    Edit("bool", (("= true", "= false"),), {"Flag": ("true", "false")}),
    Edit("string", (('= "usd"', '= "eur"'),), {"Currency": ('"usd"', '"eur"')}),
    Edit("string-longer", (('= "usd"', '= "pound"'),), {"Currency": ('"usd"', '"pound"')}),
    Edit("string-emptied", (('= "usd"', '= ""'),), {"Currency": ('"usd"', '""')}),
    Edit("by-the-linker", flags="-X main.Version=1.2.3", values={"main.Version": ('"dev"', '"1.2.3"')}),
    Edit("array-element", (("0.2, 0.3}", "0.2, 0.4}"),), {"Table[2]": ("0.3", "0.4")}),
    Edit("struct-field", (("Port: 8080", "Port: 8081"),), {"Defaults.Port": ("8080", "8081")}),
    Edit("nested-field", (("{1, 10}}", "{1, 12}}"),), {"Defaults.Limits.Most": ("10", "12")}),
    Edit("struct-string", (('"localhost"', '"127.0.0.1"'),), {"Defaults.Host": ('"localhost"', '"127.0.0.1"')}),
    Edit("nested-pointer", (("&Node{3, nil}", "&Node{4, nil}"),), {"Chain→+8→+8→": ("3", "4")}),
    Edit("pointer-gone", (("&Node{2, &Node{3, nil}}", "&Node{2, nil}"),), {"Chain→+8→+8": ("value", "nil")}),
    Edit("pointer-elsewhere", (("= &Defaults", "= &Other"),), {"Backup": ("&Defaults", "&Other")}),
    Edit("slice-element", (("20, 30}", "20, 31}"),), {"Counts[2]": ("30", "31")}),
    Edit("slice-longer", (("20, 30}", "20, 30, 40}"),), {"Counts": ("3 elements", "4 elements")}),
    Edit("slice-of-strings", (('"wed"}', '"web"}'),), {"Days[2]": ('"wed"', '"web"')}),
    Edit("map", (('"tea": 2', '"tea": 3'),)),  # code fills it
    Edit("function", (("Hook = one", "Hook = two"),), {"Hook": ("one", "two")}),
    Edit("function-beside-a-number", (("{one, 3}", "{two, 3}"),), {"Step.Run": ("one", "two")}),
    Edit("interface", (('any = "text"', 'any = "next"'),), {"Any+8→": ('"text"', '"next"')}),
    Edit("text-file", embedded={"files/001.sql": "changed"}, files={"files/001.sql": b"select 2;\n"}),
    Edit("file-added", embedded={"files/002.sql": "added"}, files={"files/002.sql": b"select 3;\n"}),
    Edit("file-removed", embedded={"files/mail.txt": "removed"}, files={"files/mail.txt": None}),
    Edit("binary-file", embedded={"files/image.bin": "changed"}, files={"files/image.bin": IMAGE[:-1] + b"\0"}),
    Edit("embedded-string", files={"banner.txt": b"goodbye\n"}, values={"Banner": ('"welcome\\n"', '"goodbye\\n"')}),
    Edit("embedded-bytes", files={"logo.bin": LOGO[:-1] + b"\xff"}, values={"Logo[39]": (str(LOGO[39]), "255")}),
    Edit(
        "reordered",
        (
            ("var Scalar = 25\n", ""),
            ("var Counts = []int{10, 20, 30}\n", ""),
            ("var Silent [4]int64\n", "var Silent [4]int64\nvar Scalar = 25\n"),
            ("var Small", "var Counts = []int{10, 20, 30}\nvar Small"),
        ),
    ),
    Edit(
        "one-before",
        (
            ("var Scalar", 'var Fresh = [3]int{7, 8, 9}\nvar FreshOne = "fresh"\nvar Scalar'),
            ("Flag ||", "len(FreshOne) > Fresh[n%3] || Flag ||"),
        ),
    ),
)  # fmt: skip


def everything() -> Edit:
    """Edits of all kinds at once."""
    names = ["scalar", "string-longer", "by-the-linker", "array-element", "nested-field", "nested-pointer", "text-file", "file-added", "one-before"]  # fmt: skip
    edits = [edit for edit in EDITS if edit.name in names]
    return Edit(
        "everything",
        tuple(pair for edit in edits for pair in edit.replace),
        {name: value for edit in edits for name, value in edit.values.items()},
        {name: value for edit in edits for name, value in edit.files.items()},
        {name: value for edit in edits for name, value in edit.embedded.items()},
        " ".join(edit.flags for edit in edits if edit.flags),
    )


@dataclass(frozen=True)
class Config:
    """A way to build; `release` is another toolchain than the newest one, `strip`: "", "-w" or "-s -w"."""

    goarch: str = "amd64"
    buildmode: str = "exe"
    cgo: bool = False
    strip: str = ""
    release: str = ""

    def __str__(self) -> str:
        words = [self.goarch, self.buildmode, *(["cgo"] if self.cgo else []), self.strip.replace(" ", "")]
        return "-".join(filter(None, [*words, self.release and f"go{self.release}"]))


class Programs:
    """Builds each pair of edit and configuration once."""

    def __init__(self, newest: Path, folder: Path) -> None:
        self.newest = newest
        self.folder = folder
        self.facts = cache(self._facts)

    def path(self, edit: Edit, config: Config) -> Path:
        """The program; skips the test where it cannot be built."""
        out = self.folder / f"{edit.name}-{config}"
        if out.exists():
            return out
        if config.cgo and not can_build_cgo(config.goarch):
            missing(f"no C compiler for {config.goarch}")
        source = self.folder / f"source-{edit.name}"
        if not source.exists():
            _write(source, edit)
        flags = ("-trimpath", f"-ldflags={config.strip} {edit.flags}")
        GoBuild(
            toolchain(config, self.newest),
            source,
            buildmode=config.buildmode,
            goarch=config.goarch,
            cgo=config.cgo,
            flags=flags,
        ).run(out)
        return out

    def _facts(self, edit: str, config: Config) -> BinaryFacts:
        edits = {each.name: each for each in (*EDITS, everything())}
        return load(str(self.path(edits[edit], config)), examine=False)


def _write(source: Path, edit: Edit) -> None:
    shutil.copytree(SOURCE, source)
    file = source / FILE
    text = file.read_text("utf-8")
    for old, new in edit.replace:
        assert text.count(old) == 1, f"{edit.name}: {old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    file.write_text(text, "utf-8")
    for name, content in edit.files.items():
        if content is None:
            (source / "store" / name).unlink()
        else:
            (source / "store" / name).write_bytes(content)


def reported(drift: DataDrift) -> tuple[Values, dict[str, str]]:
    """The drift in the form of `Edit.values` and `Edit.embedded`."""
    values = {
        (each.name + each.path).removeprefix(STORE): tuple(v.replace(STORE, "").replace("example.com/datum/", "") for v in (each.old, each.new))
        for each in drift.variables
    }  # fmt: skip
    return values, {each.path: each.kind for each in drift.embedded}
