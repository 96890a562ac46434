"""The sidecar's page of real services, as it looks: `make screenshot` writes docs/sidecar.png and docs/sidecar-service.png.

Three programs of `testdata/services` run: one under load that is updated in place, one that is being profiled, one
that is at rest; a fourth service is down.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

from scripts.measure.load import load
from scripts.pages import browser
from scripts.programs import live_service
from scripts.programs.gobuild import ROOT, BuildFailed, require_go
from scripts.truth.hazards import free_port, running, update

SECONDS = 90.0
WIDTH = 1180


def main() -> int:
    """Run all of it, and take the pictures."""
    parser = argparse.ArgumentParser(description="take pictures of the sidecar's page")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", metavar="FOLDER")
    parser.add_argument("--all", action="store_true", help="desktop and phone, light and dark")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    if browser.program() is None:
        print(f"error: {browser.HINT}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="hotgate-page-") as scratch:
            pictures(Path(scratch), options.out, options.seconds, everything=options.all)
    except BuildFailed as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    return 0


def pictures(folder: Path, out: Path, seconds: float, *, everything: bool) -> None:
    """Run the services and the sidecar for that long, and look.

    Raises:
        BuildFailed: from the toolchain, or when something does not come up.
    """
    goroot = require_go()
    old, new = folder / "orders-1.0.0", folder / "orders-1.0.1"
    live_service.build(old, goroot)
    live_service.build(new, goroot, "better")
    beats = ("-window", "2s", "-interval", "5s")
    with ExitStack() as stack:
        _, orders = stack.enter_context(running(old, "-next", str(new), *beats))
        _, billing = stack.enter_context(running(old, *beats))
        _, catalogue = stack.enter_context(running(old, *beats))
        ports = {"billing": billing, "catalogue": catalogue, "mail": free_port(), "orders": orders}
        url = stack.enter_context(_sidecar(folder, ports))
        stack.enter_context(load(orders))
        time.sleep(seconds / 2)
        update(orders)
        time.sleep(seconds / 2)
        threading.Thread(target=_profile, args=(billing,), daemon=True).start()
        time.sleep(8)
        page = stack.enter_context(browser.chromium())
        looks = [("", WIDTH, "light")]
        if everything:
            looks = [(f"-{width}-{scheme}", width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
        for suffix, width, scheme in looks:
            page.look(width=width, height=320, scheme=scheme, scripts=False)
            for name, path in (("sidecar", "/"), ("sidecar-service", "/services/orders")):
                page.open(url + path)
                page.screenshot(out / f"{name}{suffix}.png")


class _sidecar:  # noqa: N801 - a context manager
    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        rows = [
            f'[[sidecar.service]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}"\n' for name, port in ports.items()
        ]
        head = '[sidecar]\nlisten = "127.0.0.1:0"\ninterval = "1s"\nverdict_interval = "5s"\n'
        (folder / "hotgate.toml").write_text(head + "".join(rows), "utf-8")
        self._folder = folder

    def __enter__(self) -> str:
        argv = [sys.executable, "-m", "gate", "sidecar", "--config", str(self._folder / "hotgate.toml")]
        log = self._folder / "log"
        with log.open("wb") as out:
            self._process = subprocess.Popen([*argv, "--store", str(self._folder / "store.db")], stderr=out, cwd=ROOT)
        for _ in range(300):
            found = re.search(r"serving (http://[0-9.:]+)", log.read_text("utf-8"))
            if found:
                return found[1]
            time.sleep(0.1)
        raise BuildFailed(f"the sidecar did not come up: {log.read_text('utf-8')[-500:]}")

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def _profile(port: int) -> None:
    with suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/pprof/profile?seconds=30", timeout=60).close()


if __name__ == "__main__":
    sys.exit(main())
