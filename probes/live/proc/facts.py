"""What is known of a running process, seen from outside by `/proc`.

Names are those of the kernel's own files; see proc(5).
"""

from __future__ import annotations

from msgspec import Struct

from probes.live.proc.supervision import Supervision

_NEARLY_ALL = 32

OUTGOING = "outgoing"
"""A connection to an address at which nobody in the process's network namespace listens: the process opened it."""


class Descriptor(Struct, frozen=True):
    """One open descriptor. `target` is what `/proc/PID/fd/N` links to."""

    fd: int
    target: str
    close_on_exec: bool
    listens: str
    """The address that a listening socket is bound to, such as `tcp 127.0.0.1:8080`; "" for anything else."""
    locked: bool = False
    """Whether the process holds a lock for writing on the file, by flock(2) or fcntl(2)."""
    connection: str = ""
    """Of an established connection: the address of the listener that it came in by, or `OUTGOING`; "" for anything else."""

    @property
    def standard(self) -> bool:
        """Whether it is standard input, output or error."""
        return self.fd <= 2

    @property
    def inode(self) -> int:
        """Of a socket; -1 for anything else."""
        return int(self.target[8:-1]) if self.target.startswith("socket:[") else -1


class Mapping(Struct, frozen=True):
    """A stretch of memory that holds code. `path` is "" for memory without a file."""

    start: int
    end: int
    path: str


class Thread(Struct, frozen=True):
    """One thread. `pc` is where it waits in a system call; None where it ran all the time, or that cannot be read."""

    tid: int
    name: str
    state: str
    pc: int | None
    signals_blocked: int
    """Bit n - 1 stands for signal n."""


class Capabilities(Struct, frozen=True):
    """The sets of capabilities(7), each a 64-bit mask."""

    inheritable: int
    permitted: int
    effective: int
    bounding: int
    ambient: int


class Credentials(Struct, frozen=True):
    """Who the process is. `uid` and `gid`: real, effective, saved, file system."""

    uid: tuple[int, int, int, int]
    gid: tuple[int, int, int, int]
    capabilities: Capabilities
    no_new_privs: bool
    seccomp: int
    """0 off, 1 strict, 2 filter; None of them ends with exec."""
    mapped_uids: tuple[tuple[int, int, int], ...] = ((0, 0, 1 << 32),)
    """Of its user namespace, as we see them: (inside, outside, how many)."""
    groups: tuple[int, ...] = ()
    """The supplementary ones."""
    seccomp_filters: int | None = None
    """How many there are; None where the kernel does not say (before Linux 5.9)."""

    @property
    def root(self) -> int | None:
        """The user, as we see it, that is root in the process's own user namespace; None when there is none."""
        for inside, outside, _ in self.mapped_uids:
            if inside == 0:
                return outside
        return None


class Throttling(Struct, frozen=True):
    """What cgroup v2 says in `cpu.stat`: periods in all, those in which the group was held back, and for how long."""

    periods: int
    throttled: int
    seconds: float


class ProcessFacts(Struct, frozen=True):
    """One process at one moment.

    What could not be read is None, and `gaps` says why. Signal masks: bit n - 1 stands for signal n.
    """

    pid: int
    started_ticks: int
    """Clock ticks from boot to its start: with the PID, it names the process for as long as the host is up."""
    parent: int
    parent_name: str
    parent_sockets: frozenset[int]
    """Inodes of the sockets that its parent has open; empty where that may not be looked at."""
    supervision: Supervision
    namespace_pids: tuple[int, ...]
    """Its PID in each PID namespace, the outermost first."""
    exe: str
    exe_deleted: bool
    """Whether the file that it runs has been removed or replaced since."""
    descriptors: tuple[Descriptor, ...] | None
    idle: dict[int, int] | None
    """Milliseconds since a TCP connection last carried data, by inode; None where the kernel does not tell."""
    threads: tuple[Thread, ...]
    code: tuple[Mapping, ...] | None
    signals_ignored: int
    signals_caught: int
    credentials: Credentials
    profile_timers: int | None
    """POSIX timers that send SIGPROF: a CPU profile of Go 1.18 or newer has one for each thread that ran since."""
    profile_timers_used: int
    """How many of them are of threads that were busy while they were watched, and still had them after; 0 when not watched."""
    open_files_limit: tuple[str, str] | None
    throttling: Throttling | None
    gaps: tuple[str, ...]
    omitted: int
    """Descriptors and threads beyond what is looked at."""
    threads_omitted: int
    """Those of them that are threads."""
    argv: tuple[str, ...] = ()
    """Its command line; empty where it cannot be read. Values in it may be secrets: no report may have them."""

    @property
    def is_init(self) -> bool:
        """Whether it is PID 1 in its own namespace."""
        return self.namespace_pids[-1:] == (1,)

    @property
    def signals_blocked(self) -> int:
        """Signals that the process's threads block: exec keeps the mask of the thread that calls it, which may be any.

        One thread of a Go program that uses os/signal blocks nearly all signals and never runs anything else
        (runtime/signal_unix.go, `ensureSigM`): it says nothing about the others.
        """
        masks = [thread.signals_blocked for thread in self.threads]
        others = [mask for mask in masks if mask.bit_count() < _NEARLY_ALL] or masks
        blocked = others[0] if others else 0
        for mask in others:
            blocked &= mask
        return blocked
