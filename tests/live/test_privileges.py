"""What exec makes of privileges: predicted, and then seen to happen."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from probes.live.proc.privileges import ATTRIBUTE, after_exec, read_file_privileges
from probes.live.proc.reading import read_process

NET_BIND_SERVICE, NET_RAW = 10, 13
BIND, RAW = 1 << NET_BIND_SERVICE, 1 << NET_RAW
USER = 54321

# prctl(2): 8 is PR_SET_KEEPCAPS, 47 PR_CAP_AMBIENT with 2 for _RAISE, 38 PR_SET_NO_NEW_PRIVS.
OLD = """
import ctypes, os, struct, sys
user, caps, inheritable, ambient, nnp, new = int(sys.argv[1]), *map(int, sys.argv[2:6]), sys.argv[6]
libc = ctypes.CDLL(None, use_errno=True)
def must(result):
    if result: raise OSError(ctypes.get_errno(), "prctl")
if user:
    must(libc.prctl(8, 1, 0, 0, 0))
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
    header = struct.pack("<Ii", 0x20080522, 0)
    data = struct.pack("<6I", caps, caps, inheritable, 0, 0, 0)
    must(libc.capset(ctypes.create_string_buffer(header), ctypes.create_string_buffer(data)))
    if ambient: must(libc.prctl(47, 2, ctypes.c_ulong(ambient), 0, 0))
if nnp: must(libc.prctl(38, 1, 0, 0, 0))
print("ready", flush=True)
sys.stdin.readline()
os.execv(new, [new, "60"])
"""


def run(  # noqa: PLR0913 - keywords, one a fact
    new: Path,
    *,
    user: int = USER,
    caps: int = 0,
    inheritable: int = 0,
    ambient: int = 0,
    nnp: bool = False,
    prefix: tuple[str, ...] = (),
):
    """(what was predicted, the credentials that came) of a process with such privileges that executes `new`."""
    python = shutil.which("python3", path="/usr/bin:/bin") if prefix else sys.executable  # one that everybody may run
    if python is None:
        pytest.skip("no python3 in /usr/bin for another user to run")
    if prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here, as in many containers and in a chroot")
    argv = [python, "-I", "-S", "-c", OLD, *map(str, (user, caps, inheritable, ambient, int(nnp))), str(new)]
    with subprocess.Popen([*prefix, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            before = read_process(process.pid)
            predicted = after_exec(before.credentials, read_file_privileges(str(new)), source="test")
            process.stdin.write("go\n")
            process.stdin.flush()
            while read_process(process.pid).exe != str(new):
                assert process.poll() is None
            after = read_process(process.pid)  # the status before may have been read before the exec
        finally:
            process.kill()
    return predicted, after.credentials


def program(
    folder: Path, *, permitted: int = 0, inheritable: int = 0, effective: bool = True, mode: int = 0o755
) -> Path:
    """A copy of sleep(1) with file capabilities or set-id bits."""
    path = folder / "new"
    shutil.copyfile("/bin/sleep", path)
    path.chmod(mode)
    if permitted or inheritable:
        try:
            os.setxattr(path, ATTRIBUTE, struct.pack("<5I", 0x02000000 | effective, permitted, inheritable, 0, 0))
        except OSError as exc:
            pytest.skip(f"this file system has no capabilities: {exc}")
    folder.chmod(0o755)
    return path


AS_NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
OWN_NAMESPACE = (*AS_NOBODY, "unshare", "--user", "--map-root-user")

CASES = {
    "plain": ({}, {}),
    "permitted-is-lost": ({}, {"caps": BIND}),
    "ambient-is-kept": ({}, {"caps": BIND, "inheritable": BIND, "ambient": NET_BIND_SERVICE}),
    "file-gives": ({"permitted": BIND}, {}),
    "file-gives-without-effective": ({"permitted": BIND, "effective": False}, {}),
    "file-takes-ambient": ({"permitted": RAW}, {"caps": BIND, "inheritable": BIND, "ambient": NET_BIND_SERVICE}),
    "inherited": ({"inheritable": BIND}, {"caps": BIND, "inheritable": BIND}),
    "inheritable-without-the-file": ({}, {"caps": BIND, "inheritable": BIND}),
    "no-new-privs-ignores-the-file": ({"permitted": BIND}, {"nnp": True}),
    "no-new-privs-keeps-ambient": ({}, {"caps": BIND, "inheritable": BIND, "ambient": NET_BIND_SERVICE, "nnp": True}),
    "setuid-root": ({"mode": 0o4755}, {}),
    "setgid": ({"mode": 0o2755}, {}),
    "setgid-without-execute": ({"mode": 0o2745}, {}),
    "setuid-root-with-no-new-privs": ({"mode": 0o4755}, {"nnp": True}),
    "root": ({}, {"user": 0}),
    "root-with-no-new-privs": ({}, {"user": 0, "nnp": True}),
    "root-and-file": ({"permitted": BIND}, {"user": 0}),
    "root-of-its-own-user-namespace": ({}, {"user": 0, "prefix": OWN_NAMESPACE}),
    "setuid-of-a-user-that-its-namespace-lacks": ({"mode": 0o4755}, {"user": 0, "prefix": OWN_NAMESPACE}),
}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process or a file privileges")
@pytest.mark.parametrize(("file", "process"), CASES.values(), ids=CASES.keys())
def test_the_kernel_does_what_was_predicted(file, process):
    # A folder of the test's own would be closed to other users.
    folder = Path("/tmp") / f"hotgate-privileges-{os.getpid()}"  # noqa: S108
    folder.mkdir(exist_ok=True)
    try:
        predicted, came = run(program(folder, **file), **process)
    finally:
        shutil.rmtree(folder)
    caps = came.capabilities
    assert (predicted.permitted[1], predicted.effective[1]) == (caps.permitted, caps.effective)
    assert (predicted.uid[1], predicted.gid[1]) == (came.uid[1], came.gid[1])


def test_an_attribute_of_another_length_gives_nothing(tmp_path, monkeypatch):
    path = program(tmp_path)
    for raw in (b"", b"\0" * 7, b"\xff" * 20, struct.pack("<I", 0x02000000) + b"\xff" * 15):
        monkeypatch.setattr(os, "getxattr", lambda *_args, raw=raw: raw)
        assert not read_file_privileges(str(path)).has_capabilities
