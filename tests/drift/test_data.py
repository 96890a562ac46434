"""Data that changed: one edit of a program, in several ways to build it, and exactly what has to be reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from probes.drift import compare
from probes.errors import MalformedTable
from probes.go.embedded_files import MAX_SHARE, contents, digest, read_embedded
from tests.conftest import first
from tests.drift.data_pairs import EDITS, IMAGE, STORE, Config, Edit, Programs, everything, reported
from tests.groundtruth.data import drift_of, wrong

if TYPE_CHECKING:
    from pathlib import Path

PLAIN, STRIPPED = Config(), Config(strip="-s -w")
CONFIGS = (
    Config(strip="-w"),
    Config(buildmode="pie"),
    Config(buildmode="pie", strip="-s -w"),
    Config(goarch="arm64"),
    Config(goarch="arm64", buildmode="pie", strip="-s -w"),
    Config(cgo=True),
    Config(cgo=True, strip="-s -w"),
    Config(release="1.21.13"),
    Config(release="1.21.13", strip="-s -w"),
    Config(release="1.27.3"),
    Config(release="1.27.3", strip="-s -w"),
)


@pytest.fixture(scope="session")
def programs(go_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(go_toolchain, tmp_path_factory.mktemp("datum"))


@pytest.mark.parametrize("edit", first(10, EDITS), ids=str)
def test_what_one_edit_changes(edit: Edit, programs: Programs) -> None:
    assert wrong(edit, PLAIN, drift_of(programs, edit, PLAIN)) == []


@pytest.mark.parametrize("edit", first(4, EDITS), ids=str)
def test_what_one_edit_changes_in_a_stripped_program(edit: Edit, programs: Programs) -> None:
    assert wrong(edit, STRIPPED, drift_of(programs, edit, STRIPPED)) == []


@pytest.mark.parametrize("config", first(3, CONFIGS), ids=str)
def test_in_every_configuration(config: Config, programs: Programs) -> None:
    nothing, reordered = EDITS[0], next(edit for edit in EDITS if edit.name == "reordered")
    for edit in (everything(), reordered, nothing):
        assert wrong(edit, config, drift_of(programs, edit, config)) == []


@pytest.mark.parametrize("config", [each for each in CONFIGS if each.cgo], ids=str)
def test_a_build_with_cgo_has_c_in_it(config: Config, programs: Programs) -> None:
    assert programs.facts("nothing", config).cgo


def test_whose_data_it_is_in_a_stripped_program(programs: Programs) -> None:
    edit = next(edit for edit in EDITS if edit.name == "array-element")
    (change,) = drift_of(programs, edit, STRIPPED).variables
    assert (change.name, change.used_by, change.path) == ("", (f"{STORE}Sum",), "+16")
    assert change.package == "example.com/datum/store"


def test_the_difference_of_a_text_file_is_shown_and_that_of_others_not(programs: Programs) -> None:
    by_name = {edit.name: edit for edit in EDITS}
    (text,) = drift_of(programs, by_name["text-file"], PLAIN).embedded
    assert (text.variable, text.diff) == (f"{STORE}Files", ("@@ -1 +1 @@", "-select 1;", "+select 2;"))
    (image,) = drift_of(programs, by_name["binary-file"], PLAIN).embedded
    assert (image.old_size, image.new_size, image.diff) == (len(IMAGE), len(IMAGE), ())
    assert image.old_digest != image.new_digest


@pytest.mark.parametrize("config", [PLAIN, STRIPPED, Config(goarch="arm64", buildmode="pie", strip="-s -w")], ids=str)
def test_embedded_files_are_listed(config: Config, programs: Programs) -> None:
    facts = programs.facts("nothing", config)
    (files,) = read_embedded(facts.image, facts.symtab)
    assert files.variable == ("" if config.strip else f"{STORE}Files")
    assert [(f.path, f.size) for f in files.files] == [("files/001.sql", 10), ("files/image.bin", 3000), ("files/mail.txt", 28)]  # fmt: skip
    assert contents(facts.image, files.files[1]).tobytes() == IMAGE
    assert len(digest(facts.image, files.files[1])) == 64


def test_files_beyond_the_program_are_refused(programs: Programs) -> None:
    """Records may all lead to the same bytes, which would be read for each."""
    facts = programs.facts("nothing", STRIPPED)
    (files,) = read_embedded(facts.image, facts.symtab)
    image, span = facts.image, facts.image.span(files.address)
    assert span is not None
    size = span.end - files.files[1].address
    number = MAX_SHARE * image.data.size // size + 2
    at = image.offset(files.address, 24 + 48 * number)
    saved = bytes(image.buffer[at : at + 24 + 48 * number])
    name = image.u64(files.address + 24 + 48)
    length = image.u64(files.address + 24 + 48 + 8)
    record = b"".join(v.to_bytes(8, "little") for v in (name, length, files.files[1].address, size, 1, 1))
    try:
        image.buffer[at + 8 : at + 24] = number.to_bytes(8, "little") * 2
        image.buffer[at + 24 : at + 24 + 48 * number] = record * number
        with pytest.raises(MalformedTable, match="larger than the program"):
            read_embedded(image, None)
    finally:
        image.buffer[at : at + len(saved)] = saved


def test_what_the_linker_writes_is_no_data_of_the_program(programs: Programs) -> None:
    """Every build has another build ID, and here the module information differs too."""
    old, new = programs.facts("nothing", PLAIN), programs.facts("by-the-linker", PLAIN)
    assert old.go_build_id != new.go_build_id
    data = compare(old, new).data
    assert data is not None
    assert [each.name for each in data.variables] == ["main.Version"]
    assert reported(data)[1] == {}
