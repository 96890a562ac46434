"""Telling the service to update, or the host to start it: by a signal, or by the command that the host's table names. No shell."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from gate import processes
from gate.apply.service.process import look
from gate.report.text.clean import clean

if TYPE_CHECKING:
    from gate.apply.host.config import Host
    from gate.apply.service.process import Running

MAX_SAID = 2000
END_SECONDS = 5.0
"""That a process has to end by itself before it is killed."""


class TriggerFailed(Exception):
    """The service was not told; the message says why."""


def trigger(host: Host, pid: int) -> None:
    """Tell the service, whose process is `pid`, to execute what `current` names.

    Raises:
        TriggerFailed: it was not told, as far as one can know.
    """
    if isinstance(host.trigger, str):
        try:
            os.kill(pid, signal.Signals[host.trigger])
        except OSError as exc:
            raise TriggerFailed(f"{host.trigger} cannot be sent to PID {pid} ({exc.strerror})") from exc
        return
    run([word.replace("{pid}", str(pid)) for word in host.trigger], host.within)


def restart(host: Host, running: Running) -> None:
    """End the service's process, which does not hear what it is told, and have it started again from `current`.

    Raises:
        TriggerFailed: it cannot be ended, or not started.
    """
    if host.unit:
        run(("systemctl", "restart", host.unit), host.within)
        return
    if not any(_ends(running, sent) for sent in (signal.SIGTERM, signal.SIGKILL)):
        raise TriggerFailed(f"PID {running.pid} does not end, not even by SIGKILL")
    run(host.start, host.within)


def _ends(running: Running, sent: signal.Signals) -> bool:
    """Whether the process ends when it is sent that signal."""
    deadline = time.monotonic() + END_SECONDS
    while (now := look(running.pid)) is not None and now.same == running.same:
        if time.monotonic() > deadline:
            return False
        try:
            os.kill(running.pid, sent)
        except OSError as exc:
            if exc.errno != errno.ESRCH:
                raise TriggerFailed(f"PID {running.pid} cannot be ended ({exc.strerror})") from exc
        time.sleep(0.2)
    return True


def run(words: list[str] | tuple[str, ...], seconds: float) -> None:
    """Run a command of the host's table, for `seconds` at the most.

    Raises:
        TriggerFailed: it cannot be run, takes too long, or exits with another code than 0.
    """
    # In memory: what it says is wanted on a full disk, too, and a child that it leaves behind may keep it open.
    said = os.memfd_create("hotgate-trigger", os.MFD_CLOEXEC)
    try:
        code = processes.run(
            words, seconds=seconds, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        ).returncode
        if code:
            lines = os.pread(said, MAX_SAID, max(0, os.fstat(said).st_size - MAX_SAID)).decode("utf-8", "replace")
            last = (lines.strip().splitlines() or [""])[-1][:200]
            raise TriggerFailed(f"the command {words[0]} exited with {code}{f': {clean(last)}' if last else ''}")
    except subprocess.TimeoutExpired as exc:
        raise TriggerFailed(f"the command {words[0]} took longer than {seconds:g} s") from exc
    except OSError as exc:
        raise TriggerFailed(f"the command {words[0]} cannot be run ({exc.strerror})") from exc
    finally:
        os.close(said)
