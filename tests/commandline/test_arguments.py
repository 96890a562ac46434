"""Flags of a command line, by the rules of each library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.commandline.arguments import find
from probes.commandline.facts import Definitions
from probes.commandline.kong import dashed
from probes.commandline.tags import items, pairs

SECRET = "hunter2"  # noqa: S105 - it is none
FLAG = Definitions("flag", {"token": True, "v": False, "n": True, "x": None})
PFLAG = Definitions("pflag", {"token": True, "verbose": False}, {"t": True, "v": False, "n": False}, nested=True)
CLI = Definitions(
    "urfave/cli", {"token": True, "t": True, "v": False, "n": False}, {"t": True, "v": False, "n": False}, nested=True
)


@pytest.mark.parametrize(
    ("definitions", "words", "used", "unknown"),
    [
        (FLAG, f"-token {SECRET} --v -n=3", ["-token", "-v", "-n"], 0),
        (FLAG, f"--token={SECRET} -v=false", ["-token", "-v"], 0),
        (FLAG, "-token -v -n 3", ["-token", "-n"], 0),
        (FLAG, "-v -- -n 3", ["-v"], 0),
        (FLAG, "-v - -n 3", ["-v"], 0),
        (FLAG, "-v serve -n 3", ["-v"], 0),
        (FLAG, "-y -v", ["-v"], 1),
        (PFLAG, f"serve --token {SECRET} -vn --verbose", ["--token", "-v", "-n", "--verbose"], 0),
        (PFLAG, f"-vt{SECRET}", ["-v", "-t"], 0),
        (PFLAG, f"-vt {SECRET} -n", ["-v", "-t", "-n"], 0),
        (PFLAG, f"-t={SECRET} -v=true", ["-t", "-v"], 0),
        (PFLAG, "-vz -n --other", ["-v", "-n"], 1),
        (PFLAG, "--token --verbose -n", ["--token", "-n"], 0),
        (PFLAG, "x -- -n", [], 0),
        (CLI, f"serve -t {SECRET} --token={SECRET} -vn", ["-t", "--token", "-v", "-n"], 0),
        (CLI, "-vz", [], 1),
    ],
)
def test_the_flags_of_a_command_line(definitions, words, used, unknown):
    found = find(words.split(), definitions)
    assert ([each.written for each in found.used], found.unknown) == (used, unknown)


@given(st.lists(st.text("-=tvnx ", max_size=8), max_size=12), st.sampled_from([FLAG, PFLAG, CLI]))
def test_nothing_but_defined_names_is_ever_given(words, definitions):
    found = find(words, definitions)
    names = {f"{dashes}{name}" for dashes in ("-", "--") for name in (*definitions.long, *definitions.short)}
    assert {each.written for each in found.used} <= names


def test_two_megabytes_of_words_and_letters():
    found = find(["-v"] * 200_000 + ["-n" * 500_000] + ["-" + "v" * 1_000_000], PFLAG)
    assert [each.written for each in found.used] == ["-v", "-n"]


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("Listen", "listen"), ("HTTPServer", "http-server"), ("GraceTime", "grace-time"), ("PDFLoader", "pdf-loader"), ("MyC", "my-c"),
        ("GL11Version", "gl-11-version"), ("AString", "a-string"), ("vimRPCPlugin", "vim-rpc-plugin"), ("May5", "may-5"), ("HTML", "html"),
    ],
)  # fmt: skip
def test_kong_names_a_flag_by_its_field(name, flag):
    """The examples are kong's own (camelcase.go)."""
    assert dashed(name) == flag


def test_tags():
    assert pairs(r'short:"l" help:"a \"b\": c" long:"x"') == [("short", "l"), ("help", 'a "b": c'), ("long", "x")]
    assert pairs('damaged "x') == []
    assert items("name='a,b',short=l,hidden") == [("name", "a,b"), ("short", "l"), ("hidden", "")]
