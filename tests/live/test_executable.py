"""HG416 on real processes: which file exec would start, and whether the service may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from gate.checks.hg416_executable import NotExecutable
from gate.model import Mode
from gate.rules.samples.binaries import other
from probes.live.proc.executable import read_executable
from probes.live.proc.folder import NoProcess, Unreadable
from probes.live.proc.paths import follow, mount_of
from probes.live.proc.reading import read_process

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = 54321
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do this")
SLEEP = shutil.which("sleep", path="/usr/bin:/bin") or "/bin/sleep"
OTHERS = shutil.which("cat", path="/usr/bin:/bin") or "/bin/cat"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may search, with OLD in `srv` and NEW in `build`."""
    with tempfile.TemporaryDirectory(prefix="hotgate-start-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        for name in ("srv", "build"):
            (folder / name).mkdir(mode=0o755)
            (folder / name).chmod(0o755)
            shutil.copy(SLEEP, folder / name / "orders")
        with (folder / "build" / "orders").open("ab") as file:
            file.write(b"another build")
        yield folder


@contextmanager
def running(argv: list[str], **options) -> Iterator[subprocess.Popen[bytes]]:
    """A process, once it executes what it was told to."""
    with subprocess.Popen(argv, **options) as process:
        try:
            wanted = os.path.basename(options.get("executable", argv[0]))  # noqa: PTH119
            while os.path.basename(read_process(process.pid, watch=False).exe) != wanted:  # noqa: PTH119
                assert process.poll() is None
            yield process
        finally:
            process.kill()


def service(place: Path, **options):
    return running([str(place / "srv" / "orders"), "60"], **options)


def looked_at(process: subprocess.Popen[bytes], new: Path, exec_path: str = ""):
    facts = read_executable(read_process(process.pid, watch=False), str(new), exec_path=exec_path)
    return facts, list(NotExecutable().run(other(mode=new.stat().st_mode & 0o7777), facts, None, Mode.EXEC))


def test_at_a_desk_new_lies_in_a_build_folder_and_nothing_is_wrong(place: Path) -> None:
    with service(place) as process:
        facts, findings = looked_at(process, place / "build" / "orders")
    assert findings == []
    assert facts.summary() == f"exec would start {place}/srv/orders, which holds OLD until NEW is renamed over it"


def test_new_that_was_renamed_over_old_is_what_starts(place: Path) -> None:
    with service(place) as process:
        new = place / "srv" / "orders"
        os.replace(place / "build" / "orders", new)  # noqa: PTH105
        facts, findings = looked_at(process, new)
        copy = shutil.copy(new, place / "build" / "copy")
        again, _ = looked_at(process, Path(copy))
    assert findings == []
    assert [start.holds for start in facts.starts] == ["NEW"]
    assert [start.holds for start in again.starts] == ["NEW"], "by its contents"


def test_a_third_program_at_the_path_blocks_and_none_there_warns(place: Path) -> None:
    with service(place) as process:
        os.replace(shutil.copy(OTHERS, place / "third"), place / "srv" / "orders")  # noqa: PTH105
        _, findings = looked_at(process, place / "build" / "orders")
        assert [(f.severity, f.subject) for f in findings] == [("block", "path")]
        assert f"exec of {place}/srv/orders" in findings[0].message
        assert "neither OLD nor NEW" in findings[0].message
        _, named = looked_at(process, place / "build" / "orders", exec_path=str(place / "build" / "orders"))
        assert named == [], "the policy says what is executed"
        (place / "srv" / "orders").unlink()
        _, findings = looked_at(process, place / "build" / "orders")
    assert [(f.severity, f.subject) for f in findings] == [("warn", "path")]


def test_a_link_that_was_moved_to_the_new_release_is_followed(place: Path) -> None:
    link = place / "current"
    link.symlink_to("srv")
    with running([str(link / "orders"), "60"]) as process:
        link.unlink()
        link.symlink_to("build")
        facts, findings = looked_at(process, place / "build" / "orders")
    assert findings == []
    assert [(s.how, s.holds) for s in facts.starts] == [("argv[0]", "NEW"), ("the file that runs", "OLD")]


def test_the_program_is_looked_for_in_the_path_and_folder_of_the_process(place: Path) -> None:
    by_path = {"executable": str(place / "srv" / "orders"), "env": {"PATH": f"/none:{place}/build"}}
    with running(["orders", "60"], **by_path) as process:
        facts, _ = looked_at(process, place / "build" / "orders")
    assert (facts.starts[0].path, facts.starts[0].holds) == (f"{place}/build/orders", "NEW")
    with running(["srv/orders", "60"], executable=str(place / "srv" / "orders"), cwd=place) as process:
        facts, _ = looked_at(process, place / "build" / "orders")
    assert [(s.how, s.path) for s in facts.starts] == [("argv[0]", f"{place}/srv/orders")]
    with running(["orders: \x1b[31mmaster", "60"], executable=str(place / "srv" / "orders")) as process:
        facts, _ = looked_at(process, place / "build" / "orders")
    assert [s.how for s in facts.starts] == ["the file that runs"], "a name that the program gave itself names no file"


@ROOT
def test_a_user_who_may_not_execute_new_or_reach_it(place: Path) -> None:
    new = place / "build" / "orders"
    with service(place, user=USER, group=USER, extra_groups=[USER + 1]) as process:
        assert looked_at(process, new)[1] == []
        new.chmod(0o700)
        _, findings = looked_at(process, new)
        assert [(f.severity, f.subject) for f in findings] == [("block", "permission")]
        assert (
            f"user {USER}, as which the service runs, may not execute it (mode 0700, owner 0:0)" in findings[0].message
        )
        new.chmod(0o710)
        os.chown(new, 0, USER + 1)
        assert looked_at(process, new)[1] == [], "by a supplementary group"
        (place / "srv").chmod(0o700)
        _, findings = looked_at(process, new)
        assert [(f.severity, f.subject) for f in findings] == [("block", "path")]
        assert f"may not search {place}/srv" in findings[0].message
    (place / "srv").chmod(0o755)
    with service(place) as process:  # root may search and execute what anybody may
        (place / "srv").chmod(0)
        assert looked_at(process, new)[1] == []
        new.chmod(0o644)
        assert [f.subject for f in looked_at(process, new)[1]] == ["file mode"]


@ROOT
def test_an_interpreter_that_is_not_in_the_root_of_the_service(place: Path) -> None:
    code = f"import os, sys\nos.chroot({str(place)!r})\nos.chdir('/')\nprint('ready', flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        facts, findings = looked_at(process, place / "build" / "orders", exec_path="/build/orders")
        process.kill()
    assert facts.starts[0].holds == "NEW"
    assert [(f.severity, f.subject) for f in findings] == [("block", "program interpreter")]
    assert "/lib" in facts.interpreter


@ROOT
def test_a_mount_that_forbids_execution_in_the_namespace_of_the_service(place: Path) -> None:
    mount = ["unshare", "--mount", "sh", "-c"]
    there = place / "srv"
    script = f'mount -t tmpfs -o noexec none "{there}" && cp "{place}/build/orders" "{there}/orders" && exec "$0" 60'
    try:
        done = subprocess.run([*mount, script.replace('"$0" 60', "true"), "x"], capture_output=True, check=False)
    except OSError:
        done = None
    if done is None or done.returncode:
        pytest.skip("no mount namespace may be made here")
    shutil.copy(place / "srv" / "orders", place / "service")
    with subprocess.Popen([*mount, script, str(place / "service")]) as process:
        try:
            while not read_process(process.pid, watch=False).exe.endswith("/service"):
                assert process.poll() is None
            facts, findings = looked_at(process, place / "build" / "orders", exec_path=f"{there}/orders")
        finally:
            process.kill()
    assert facts.starts[0].holds == "NEW", "as the service sees it"
    assert [f.message for f in findings] == [
        f"exec of {there}/orders will fail with EACCES: {there} is mounted noexec."
    ]


@ROOT
def test_set_id_bits_that_new_lacks_are_said(place: Path) -> None:
    (place / "srv" / "orders").chmod(0o4755)
    with service(place) as process:
        _, findings = looked_at(process, place / "build" / "orders")
    assert [(f.severity, f.subject) for f in findings] == [("warn", "file privileges")]
    assert "set-user-id: OLD's file has that of user 0, NEW's has none" in findings[0].message


def test_a_process_that_ended_or_whose_number_is_anothers(place: Path) -> None:
    with service(place) as process:
        facts = read_process(process.pid, watch=False)
        with pytest.raises(Unreadable, match="another process has its number"):
            read_executable(replace(facts, started_ticks=1), str(place / "build" / "orders"))
    with pytest.raises(NoProcess):
        read_executable(facts, str(place / "build" / "orders"))


def test_what_may_not_be_looked_at_is_missing_and_says_what_helps(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(place) as process:
        facts = read_process(process.pid, watch=False)
        lstat = os.lstat

        def refused(path: str) -> os.stat_result:
            if str(path).startswith("/proc/"):
                raise PermissionError(13, "Permission denied")
            return lstat(path)

        monkeypatch.setattr(os, "lstat", refused)
        with pytest.raises(Unreadable) as caught:
            read_executable(facts, str(place / "build" / "orders"))
    assert "CAP_SYS_PTRACE" in (caught.value.hint or "")


def test_links_are_followed_within_the_root_and_not_for_ever(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "orders").write_text("x")
    (tmp_path / "absolute").symlink_to("/real/orders")
    (tmp_path / "above").symlink_to("../../../../real/orders")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("absolute", "above", "real/../real/./orders"):
        assert follow(str(tmp_path), f"/{name}").path == "/real/orders"
    assert "too many symbolic links" in follow(str(tmp_path), "/loop").error
    assert follow(str(tmp_path), "/real/orders/x").info is None
    assert follow(str(tmp_path), "/" + "real/../" * 5000).info is None


def test_a_mount_table_of_a_hundred_thousand_lines() -> None:
    rows = [f"{n} 1 0:{n} / /mnt/{n} rw,relatime shared:1 - tmpfs none rw" for n in range(100_000)]
    rows += ["7 1 0:1 / / rw - ext4 /dev/sda rw", r"8 1 0:2 / /srv/a\040b rw,noexec - tmpfs none rw", "odd", ""]
    table = "\n".join(rows)
    found = mount_of(table, "/srv/a b/orders")
    assert found is not None
    assert (found.point, "noexec" in found.options) == ("/srv/a b", True)
    plain = mount_of(table, "/srv/a")
    assert plain is not None
    assert plain.point == "/"
    assert mount_of("", "/srv") is None
