"""HG512: exec would change the process's privileges."""

from collections.abc import Iterator

from gate.evidence.live import Privileges
from gate.inflection import some
from gate.model import Finding, Severity
from gate.rules.base import Check, Explanation, Samples
from gate.rules.samples.services import running, tweaked

_BIND = 1 << 10
NAMES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]
"""Capabilities by number, from linux/capability.h."""


class PrivilegesChange(Check):
    """The new image would have other capabilities or another user than the old one."""

    id = "HG512"
    title = "Privileges would change"
    severity = Severity.BLOCK
    explanation = Explanation(
        what="From the process's capabilities, users and no_new_privs, and from the capabilities and set-id bits of NEW's file, what the "
        "kernel makes of them at exec is computed by the rules of capabilities(7) and compared with what the process has.",
        why="File capabilities belong to a file: a new file has none until setcap is run on it. A process that gave up root and "
        "kept one capability loses it at exec unless it is ambient. The new image then fails at its first bind to port 443, or "
        "worse: it has more rights than it should.",
        example="OLD was installed with `setcap cap_net_bind_service=ep`, NEW was copied over it.",
        remedy="Give NEW's file the same capabilities, owner and mode as OLD's, or raise the capability as ambient before exec "
        "(AmbientCapabilities= in a systemd unit).",
    )
    samples = Samples(
        fires=(
            lambda: tweaked(
                "privileges", permitted=(_BIND, 0), effective=(_BIND, 0), reason="NEW's file has no capabilities"
            ),
            lambda: tweaked("privileges", uid=(1000, 0), reason="NEW's file has set-user-id 0"),
        ),
        quiet=(running, lambda: tweaked("privileges", permitted=(_BIND, _BIND), effective=(_BIND, _BIND))),
    )

    def run(self, privileges: Privileges) -> Iterator[Finding]:
        """One finding for what is lost, one for what is gained, one for each id."""
        for word, masks in (("permitted", privileges.permitted), ("effective", privileges.effective)):
            now, then = masks
            lost, gained = names(now & ~then), names(then & ~now)
            if word == "effective" and (now & ~then, then & ~now) == _difference(privileges.permitted):
                continue  # said by the permitted set already
            for verb, found in (("lose", lost), ("gain", gained)):
                if found:
                    yield self.finding(
                        f"{word} capabilities",
                        f"The new image would {verb} {some(found)} ({word}): {privileges.reason}.",
                        evidence={"set": word, "now": f"{now:#x}", "after": f"{then:#x}"},
                        key=verb,
                    )
        for word, ids in (("user", privileges.uid), ("group", privileges.gid)):
            if ids[0] != ids[1]:
                yield self.finding(
                    f"effective {word}",
                    f"The new image would run as {word} {ids[1]} instead of {ids[0]}: {privileges.reason}.",
                    evidence={"now": ids[0], "after": ids[1]},
                )


def _difference(masks: tuple[int, int]) -> tuple[int, int]:
    return masks[0] & ~masks[1], masks[1] & ~masks[0]


def names(mask: int) -> list[str]:
    """The capabilities of a mask: bit n stands for capability n."""
    return [f"CAP_{NAMES[n]}" if n < len(NAMES) else f"capability {n}" for n in range(64) if mask >> n & 1]
