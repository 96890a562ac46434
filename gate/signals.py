"""Signals that this process was started to ignore, or with which blocked: what it starts itself must not inherit that."""

from __future__ import annotations

import signal

_RESTORED = {signal.SIGPIPE, signal.SIGXFSZ}
"""Ignored by Python for itself; `subprocess` gives children the default again."""


def be_deaf_alone() -> None:
    """Go on ignoring what this process was started to ignore, without handing that on; unblock what is blocked. For the main thread.

    Under nohup, and in the background of a script, SIGHUP, SIGINT and SIGQUIT are ignored, and every exec hands that on (signal(7)):
    a service that is started so does not hear the signal by which it is told to update. A handler, and be it one that does
    nothing, is set back to the default by exec.
    """
    for number in signal.valid_signals():
        if number not in _RESTORED and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
