"""release.yaml: the seed's example is valid, everything wrong is one line with file and line."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from jsonschema import Draft202012Validator

from gate.fleet.errors import FleetError
from gate.fleet.release.reading import load_release
from gate.fleet.release.schema import generate, shipped
from tests.fleet.plans import SEED, TOGETHER, hotgate, write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_example_of_the_design_is_valid_as_it_stands(tmp_path: Path) -> None:
    release = load_release(write(tmp_path, SEED))
    assert [each.name for each in release.components] == ["database", "cache", "api", "gateway"]
    assert release.batches == ("2", "10%", "100%")
    assert (release.observe, release.strategy, release.rollback_policy) == (600.0, "rolling", "auto")
    assert release.components[2].phase == "expand"
    Draft202012Validator(generate()).validate(yaml.safe_load(SEED))


def test_the_schema_that_ships_is_the_one_of_the_tables() -> None:
    assert json.loads(shipped()) == generate()
    done = hotgate("fleet", "schema")
    assert done.exit_code == 0
    Draft202012Validator.check_schema(json.loads(done.stdout))


@pytest.mark.parametrize("text", [SEED + "batches_: [1]\n", "components: []\n", "components: [{name: a}]\n"])
def test_the_schema_refuses_what_the_reader_refuses(text: str, tmp_path: Path) -> None:
    assert not Draft202012Validator(generate()).is_valid(yaml.safe_load(text))
    with pytest.raises(FleetError):
        load_release(write(tmp_path, text))


def test_a_version_is_text_however_it_looks(tmp_path: Path) -> None:
    text = "components: [{name: a, version: 1.10}, {name: b, version: 010}, {name: c, version: on}]\n"
    assert [each.version for each in load_release(write(tmp_path, text)).components] == ["1.10", "010", "on"]
    Draft202012Validator(generate()).validate(
        yaml.safe_load("components: [{name: a, version: 1.10}]\nbatches: [2, 100%]")
    )


ONE = "components:\n  - name: a\n    version: v1\n"
WRONG = {
    "unknown key": (SEED.replace("strategy:", "strategie:"), r"16: unknown key strategie", "did you mean strategy"),
    "unknown key of a component": (
        SEED.replace("    depends_on: [api]", "    depend_on: [api]"),
        r"15: unknown key components\[3\]\.depend_on",
        "did you mean depends_on",
    ),
    "unknown key of a schema": (
        SEED.replace("phase:", "phse:"),
        r"12: unknown key components\[2\]\.schema\.phse",
        "phase",
    ),
    "cycle": (
        SEED.replace("depends_on: []", "depends_on: [gateway]"),
        r"2: these components wait for each other: database → api → gateway → database \(.*api uses the expanded schema",
        "two releases",
    ),
    "itself": (ONE + "    depends_on: [a]\n", r"2: these components wait for each other: a → a \(a depends on a\)", ""),
    "missing component": (
        SEED.replace("[database]", "[databse]"),
        r"7: cache depends on databse, which is no component of the plan",
        "did you mean database",
    ),
    "missing schema": (
        SEED.replace("of: database", "of: db"),
        r"12: api names the schema of db, which is no component",
        "",
    ),
    "two versions": (
        SEED.replace("name: gateway\n    version: v2", "name: api\n    version: v3"),
        r"13: the component api is here twice, as v2 \(line 8\) and as v3",
        "",
    ),
    "twice the same": (ONE + "  - {name: a, version: v1}\n", r"4: the component a is here twice, first in line 2", ""),
    "listed twice": (SEED.replace("[cache]", "[cache, cache]"), r"10: api lists cache twice in depends_on", ""),
    "a key twice": (ONE + "    version: v2\n", r"4: the key 'version' is here twice, first in line 3", ""),
    "no batches": (ONE + "batches: []\n", r"4: batches is empty", ""),
    "an empty batch": (ONE + "batches: [1, 0, 100%]\n", r"4: batches\[1\]: a batch of 0 is empty", "10%"),
    "an empty share": (ONE + "batches:\n  - 0%\n  - 100%\n", r"5: batches\[0\]: a batch of 0% is empty", ""),
    "more than all": (ONE + "batches: [110%]\n", r"4: batches\[0\]: a batch of 110% is more than all hosts", ""),
    "no batch": (ONE + "batches: [some]\n", r"4: batches\[0\]: 'some' is no batch", "a share such as 10%"),
    "a negative one": (ONE + "batches: [-1, 100%]\n", r"4: batches\[0\]: '-1' is no batch", ""),
    "never all": (
        ONE + "batches:\n  - 2\n  - 10%\n",
        r"6: the batches never reach all hosts: the last one is 10%",
        "100%",
    ),
    "all too early": (ONE + "batches: [100%, 2]\n", r"4: no hosts are left after the batch of 100%", ""),
    "no components": ("strategy: rolling\n", r"1: components is missing", ""),
    "no version": ("components:\n  - name: a\n", r"2: components\[0\]\.version is missing", ""),
    "an empty list": ("components: []\n", r"1: components is empty", ""),
    "nothing": ("", r" nothing is in it", ""),
    "nothing for a name": ("components: [{name: , version: v1}]\n", r"1: components\[0\]\.name: .*nothing is here", ""),
    "no mapping": ("- a\n", r"1: a plan has keys", ""),
    "no list": ("components: {name: a}\n", r"1: components: input should be a valid list, not a mapping", ""),
    "a strategy": (
        ONE + "strategy: canary\n",
        r"4: strategy: input should be 'rolling' or 'parallel', not 'canary'",
        "",
    ),
    "a time": (ONE + "observe: ten minutes\n", r"4: observe: not a time: 'ten minutes'", "10s"),
    "no YAML": ("components: [\n", r"2: not valid YAML: ", ""),
    "a tab": ("components:\n\t- a\n", r"2: not valid YAML: found character that cannot start any token", ""),
    "a tag": ("components: !!python/object/apply:os.system [id]\n", r"1: tags are not read", ""),
    "an alias": (ONE + "    depends_on: &a [x]\n    calls: *a\n", r"5: aliases are not followed: \*a", "write out"),
    "two documents": (ONE + "---\n" + ONE, r"4: a second document begins here", ""),
    "deep": ("components: " + "[" * 50 + "]" * 50 + "\n", r"1: nested deeper than 20 levels", ""),
    "very deep": ("components: " + "[" * 100_000, r"1: (nested deeper|not valid YAML)", ""),
    "a list for a key": ("? [a]\n: b\n", r"1: a key has to be a text", ""),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_what_is_wrong_is_one_line_with_file_and_line(name: str, command: str, tmp_path: Path) -> None:
    text, line, hint = WRONG[name]
    path = write(tmp_path, text)
    done = hotgate("fleet", command, path)
    assert done.exit_code == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert re.match(rf"error: {re.escape(path)}:{line}", lines[0]), lines
    assert len(lines) <= 2
    assert hint in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "{{ lookup('pipe', 'id') }}",
        "{% raw %}",
        "{{workflow.name}}",
        "{{=sprig.env('HOME')}}",
        "$(id)",
        "${HOME}",
        "`id`",
        "$HOME",
    ],
)
@pytest.mark.parametrize("key", ["name", "version", "hosts", "owner", "depends_on", "image", "old"])
def test_template_syntax_is_refused_wherever_it_is(name: str, key: str, tmp_path: Path) -> None:
    own: dict[str, object] = {"name": "a", "version": "v1"}
    own |= {
        "depends_on": {"depends_on": [name]},
        "image": {"kubernetes": {"image": name}},
        "old": {"interfaces": {"openapi": {"old": name, "new": "b"}}},
    }.get(key, {key: name})
    path = write(tmp_path, json.dumps({"components": [own]}))
    for command in (["validate", path], ["plan", path]):
        done = hotgate("fleet", *command)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "has template syntax" in done.stderr
        assert done.stderr.startswith(f"error: {path}:1: components[0].")


@pytest.mark.parametrize(
    "name", ["a b", "a;id", "-rf", "a\nb", "../a", "a'b", 'a"b', "é", "a" * 64, "", "a\x1b[31m", "\u202ea"]
)
def test_a_name_is_plain(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({"components": [{"name": name, "version": "v1"}]}))
    done = hotgate("fleet", "validate", path)
    assert done.exit_code == 2
    assert "is no name here" in done.stderr
    assert done.stderr.replace("\n", "").isprintable()
    assert len(done.stderr.splitlines()) <= 2


def test_ten_megabytes_are_refused_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "components:\n" + "  - {name: a, version: v1}\n" * 400_000)
    before = time.process_time()
    done = hotgate("fleet", "validate", path)
    assert done.exit_code == 2
    assert done.stderr == f"error: the plan is larger than 4 MiB: {path}\n"
    assert time.process_time() - before < 2


def test_anchors_that_expand_without_end_are_not_followed(tmp_path: Path) -> None:
    lines = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"b{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    done = hotgate("fleet", "plan", write(tmp_path, "\n".join(lines)))
    assert done.exit_code == 2
    assert "2: aliases are not followed: *a0" in done.stderr


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(b"components:\n- \xff\n")
    done = hotgate("fleet", "validate", str(tmp_path / "r.yaml"))
    assert done.exit_code == 2
    assert "r.yaml:2: the plan is not UTF-8 text" in done.stderr
    assert hotgate("fleet", "validate", str(tmp_path)).exit_code == 2
    assert "no such file" in hotgate("fleet", "validate", str(tmp_path / "none")).stderr.lower()


def test_a_command_that_is_none_is_told_with_the_nearest(tmp_path: Path) -> None:
    done = hotgate("fleet", "plann", write(tmp_path, TOGETHER))
    assert done.exit_code == 2
    assert "did you mean plan?" in done.stderr
