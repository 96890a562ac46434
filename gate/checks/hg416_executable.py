"""HG416: the service could not execute NEW, or would execute another file."""

from collections.abc import Iterator

from gate.evidence.live import Executable, Privileges
from gate.evidence.model import NewBinary
from gate.model import Finding, Mode, Severity
from gate.policy.model import Policy
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.binaries import Case, other
from gate.rules.samples.services import running, tweaked
from probes.live.topics import ExecutableFacts, PrivilegeFacts, StartPath

EXECUTE = 0o111


class NotExecutable(Check):
    """NEW cannot be executed by this service, or is not what exec would start."""

    id = "HG416"
    title = "NEW cannot be executed"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="Whether execve of NEW can succeed: its mode; and with --pid, the user, the groups and the mount namespace of the service, "
        "each folder on the way, noexec, the program interpreter as the service sees it, and the file that it would execute: the "
        "policy's live.exec_path, else argv[0] and the file that runs. A path that holds OLD is where NEW will be renamed to; one "
        "that holds neither blocks. A plugin is loaded and needs none of this.",
        why="execve fails with EACCES or ENOENT, for root too. The service stays at OLD at best; one that closed its listeners before "
        "is gone. Where the path holds a third program, that one starts, and nobody compared it.",
        example="A build artifact went through an archive that does not keep modes; release 44 was installed while 43 was being checked.",
        remedy="chmod +x NEW, here and in the step that installs it, and let the service's user reach it: `namei -l PATH` shows each "
        "folder. Name the file that the service executes with live.exec_path, if it is another one.",
    )
    samples = Samples(
        fires=(
            lambda: Case(new=other(mode=0o644)),
            lambda: tweaked(
                "executable", refused="user 65532, as which the service runs, may not execute it (mode 0700)"
            ),
            lambda: tweaked("executable", starts=(StartPath("argv[0]", "/srv/shop", "another program"),)),
            lambda: tweaked("executable", starts=(StartPath("argv[0]", "/srv/shop", "nothing"),)),
            lambda: tweaked(
                "executable", starts=(StartPath("argv[0]", "/srv/shop", "NEW", ("/srv is mounted noexec",)),)
            ),
            lambda: tweaked("executable", interpreter="/lib64/ld-linux-x86-64.so.2"),
            lambda: tweaked("executable", lost=("set-user-id: OLD's file has that of user 0, NEW's has none",)),
            lambda: tweaked("executable", unsure=("NEW has an access control list, which was not evaluated",)),
        ),
        quiet=(
            Case,
            lambda: Case(new=other(mode=0o755)),
            lambda: Case(new=other(mode=0o500)),
            lambda: Case(new=other(mode=0o644), policy=Policy(mode=Mode.PLUGIN)),
            running,
            lambda: tweaked(
                "executable",
                starts=(
                    StartPath("argv[0]", "/srv/current/shop", "NEW"),
                    StartPath("the file that runs", "/srv/41/shop", "OLD"),
                ),
            ),
        ),
    )

    def run(
        self, new: NewBinary | None, executable: Executable | None, privileges: Privileges | None, mode: Mode
    ) -> Iterator[Finding]:
        """What execve would answer; of NEW's mode alone without a process."""
        if mode is Mode.PLUGIN:
            return
        nobody = new is not None and new.mode is not None and not new.mode & EXECUTE
        if nobody and new is not None and new.mode is not None:
            yield self.finding(
                "file mode",
                f"exec of NEW will fail with EACCES: no user may execute it (mode {new.mode:04o}).",
                evidence={"mode": f"{new.mode:04o}"},
            )
        if executable is None:
            return
        if executable.refused and not nobody:
            yield self.finding(
                "permission",
                f"exec of NEW will fail with EACCES: {executable.refused}.",
                remedy="chmod or chown NEW so that the service's user may execute it; renaming it over OLD keeps its mode and owner.",
            )
        if executable.interpreter:
            yield self.finding(
                "program interpreter",
                f"exec of NEW will fail with ENOENT: its interpreter {executable.interpreter} is not there, as the service sees it.",
                remedy="Build NEW with CGO_ENABLED=0, or against the C library of the service's container.",
                evidence={"interpreter": executable.interpreter},
            )
        yield from self._start(executable)
        yield from self._lost(executable, privileges)
        start = executable.start
        doubts = (*executable.unsure, *(start.unsure if start is not None else ()))
        if doubts:
            yield self.unverified(
                "permission",
                f"Whether the service may execute NEW is unknown: {'; '.join(doubts)}.",
                remedy="Run hotgate as the user that the service runs as: `sudo -u USER test -x PATH` tells.",
            )

    def _start(self, executable: ExecutableFacts) -> Iterator[Finding]:
        start = executable.start
        if start is None:
            return
        facts = {"path": start.path, "by": start.how, "holds": start.holds}
        for obstacle in start.obstacles:
            yield self.finding(
                "path", f"exec of {start.path} will fail with EACCES: {obstacle}.", evidence={**facts}, key=obstacle
            )
        if start.holds == "another program":
            yield self.finding(
                "path",
                f"exec of {start.path}, which the service would execute by {start.how}, starts another program: that file is neither "
                "OLD nor NEW.",
                remedy="Rename NEW to that path and check again; or name the file that the service executes with live.exec_path.",
                evidence={**facts},
                key="another",
            )
        elif start.holds == "nothing":
            yield self.finding(
                "path",
                f"exec of {start.path}, which the service would execute by {start.how}, fails until NEW is there: there is no such "
                "file.",
                remedy="Rename NEW to that path before the update; or name the file that the service executes with live.exec_path.",
                severity=Severity.WARN,
                evidence={**facts},
                key="nothing",
            )
        elif start.holds == "unknown":
            yield self.unverified(
                "path",
                f"Which program {start.path} holds, which the service would execute by {start.how}, is unknown: it cannot be read.",
                remedy="Run hotgate as root, or as the user that the service runs as.",
                evidence={**facts},
            )

    def _lost(self, executable: ExecutableFacts, privileges: PrivilegeFacts | None) -> Iterator[Finding]:
        """Where the next start would have other privileges; what this exec changes is for HG512."""
        changes = privileges is not None and any(
            now != then for now, then in (privileges.permitted, privileges.effective, privileges.uid, privileges.gid)
        )
        if executable.lost and not changes:
            yield self.finding(
                "file privileges",
                f"The next start of the service would have other privileges: {'; '.join(executable.lost)}.",
                severity=Severity.WARN,
                remedy="Give NEW's file the capabilities, owner and set-id bits of OLD's.",
                evidence={"differences": list(executable.lost)},
            )
