"""System calls of real programs, and a service under a real seccomp filter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gate.cli import cli
from gate.engine.binaries import load_binary
from probes.kernel.names import NAMES, name
from probes.kernel.system_calls import compare_system_calls, read_system_calls
from probes.live.proc.reading import read_process
from scripts.programs import flag_programs
from scripts.programs.gobuild import host_arch

if TYPE_CHECKING:
    from pathlib import Path

SYNC = (("// more", "syscall.Sync()"),)
MOUNT = (("// more", "if len(os.Args) > 90 { _, _, _ = syscall.Syscall(syscall.SYS_PERSONALITY, 0, 0, 0) }"),)
ALWAYS = {
    "clone", "close", "epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "exit_group", "futex", "madvise", "mmap", "nanosleep", "read",
    "rt_sigaction", "rt_sigprocmask", "sigaltstack", "tgkill", "write", "socket", "bind", "listen", "setsockopt", "openat", "getpid",
    "sched_getaffinity", "timer_create", "timer_settime",
}  # fmt: skip
"""Calls of every service; strace shows them."""

# prctl(2): 38 is PR_SET_NO_NEW_PRIVS, 22 PR_SET_SECCOMP with 2 for a filter; one instruction, BPF_RET of SECCOMP_RET_ALLOW.
FILTERED = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
code = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000))
program = struct.pack("<HxxxxxxQ", 1, ctypes.addressof(code))
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.create_string_buffer(program), 0, 0):
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_what_every_service_needs_is_found(go_toolchain: Path, arch: str) -> None:
    facts = load_binary(str(flag_programs.build("standard", go_toolchain, goarch=arch)), examine=False)
    found = {name(arch, number) for number in read_system_calls(facts)}
    assert found >= ALWAYS, ALWAYS - found
    assert len(found) < 90
    assert not {each for each in found if each.startswith("system call")}
    assert compare_system_calls(facts, facts).added == ()


@pytest.mark.parametrize(("edits", "added"), [(SYNC, ("sync",)), (MOUNT, ("personality",))])
@pytest.mark.parametrize("arch", ["amd64", pytest.param("arm64", marks=pytest.mark.long)])
def test_a_call_that_only_new_makes(go_toolchain: Path, arch: str, edits, added: tuple[str, ...]) -> None:
    old, new = (
        load_binary(str(flag_programs.build("standard", go_toolchain, each, goarch=arch)), examine=False)
        for each in ((), edits)
    )
    drift = compare_system_calls(old, new)
    assert (drift.added, drift.removed, drift.foreign, drift.problem) == (added, (), False, "")
    assert compare_system_calls(new, old).removed == added


@pytest.mark.parametrize(
    "entry_name", ["go1.19-amd64-exe", "go1.21-arm64-exe", "go1.25-amd64-pie-cgo-stripped", "go1.27-arm64-pie"]
)
def test_every_kind_of_program(binary, entry_name: str) -> None:
    facts = load_binary(str(binary(entry_name)), examine=False)
    found = {name(facts.arch, number) for number in read_system_calls(facts)}
    assert {"mmap", "futex", "write", "rt_sigaction"} <= found


def test_the_numbers_are_those_of_the_kernel() -> None:
    """From asm/unistd_64.h and asm-generic/unistd.h."""
    assert [NAMES["amd64"][n] for n in (0, 59, 202, 231, 257, 334, 424, 434)] == [
        "read", "execve", "futex", "exit_group", "openat", "rseq", "pidfd_send_signal", "pidfd_open",
    ]  # fmt: skip
    assert [NAMES["arm64"][n] for n in (63, 64, 98, 221, 222, 260, 261, 434)] == [
        "read", "write", "futex", "execve", "mmap", "wait4", "prlimit64", "pidfd_open",
    ]  # fmt: skip
    assert name("amd64", 999) == "system call 999"


def test_a_service_under_a_filter_is_warned_of_new_calls(go_toolchain: Path) -> None:
    old = flag_programs.build("standard", go_toolchain, goarch=host_arch())
    new = flag_programs.build("standard", go_toolchain, SYNC, goarch=host_arch())
    argv = [sys.executable, "-c", FILTERED, str(old)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("ready"):
            process.wait()
            assert process.returncode == 77
            pytest.skip("no seccomp filter may be installed here")
        try:
            who = read_process(process.pid, watch=False).credentials
            done = CliRunner().invoke(cli, ["check", str(old), str(new), "--pid", str(process.pid), "--format", "json"])
        finally:
            process.kill()
    report = json.loads(done.stdout)
    assert who.seccomp == 2
    assert who.seccomp_filters in {None, 1, 2, 3}
    (found,) = (each for each in report["findings"] if each["rule"] == "HG418")
    assert (found["severity"], found["evidence"]["added"]) == ("warn", ["sync"])
