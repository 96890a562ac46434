"""A headless Chromium, driven over its debugging pipe: no driver, no port, nothing from the network.

The protocol is the Chrome DevTools Protocol over descriptors 3 and 4, each message ending in NUL (`--remote-debugging-pipe`).
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 60.0
HINT = "no Chromium: apt-get install chromium"

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


def program() -> str | None:
    """Chromium's path; None without one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page:
    """One page."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read, self._write = read_fd, write_fd
        self._buffer = b""
        self._number = 0
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and wait for what it gives."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise ConnectionError("Chromium has ended")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def look(
        self, *, width: int, height: int = 900, scheme: Literal["light", "dark"] = "light", scripts: bool = True
    ) -> None:
        """The size and colours that the page is seen in from now on."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def open(self, url: str, headers: dict[str, str] | None = None) -> int:
        """Go there, and wait until it has loaded; the HTTP status, 0 without HTTP.

        Waited for is the load of this very document: that of the one before may be told after it was left.

        Raises:
            ConnectionError: there is nothing there.
        """
        self.call("Network.setExtraHTTPHeaders", headers=headers or {})
        self.events.clear()
        begun = self.call("Page.navigate", url=url)
        if "errorText" in begun:
            raise ConnectionError(f"{begun['errorText']}: {url}")
        document = begun["loaderId"]
        deadline = time.monotonic() + PATIENCE
        while not any(_is_load(event, document) for event in self.events):
            self.events.append(self._next(deadline))
        statuses = [
            event["params"]["response"]["status"]
            for event in self.events
            if event.get("method") == "Network.responseReceived"
            and event["params"]["loaderId"] == document
            and event["params"]["type"] == "Document"
        ]
        return int(statuses[-1]) if statuses else 0

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def requests(self) -> list[str]:
        """What the page asked for since it was opened."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self) -> list[str]:
        """What the browser said of it: blocked resources, errors."""
        return [e["params"]["entry"]["text"] for e in self.events if e.get("method") == "Log.entryAdded"]

    def screenshot(self, path: Path) -> None:
        """The whole page, however long."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


def _is_load(event: dict[str, Any], document: str) -> bool:
    told = event.get("params", {})
    return (event.get("method"), told.get("name"), told.get("loaderId")) == ("Page.lifecycleEvent", "load", document)


def _remove(folder: Path) -> None:
    """Chromium's other processes still write for a moment when the first one has ended."""
    until = time.monotonic() + PATIENCE
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


@contextmanager
def chromium() -> Iterator[Page]:
    """A browser with an empty profile, which is gone afterwards.

    Raises:
        FileNotFoundError: Chromium is not installed.
    """
    found = program()
    if found is None:
        raise FileNotFoundError(HINT)
    to_browser, our_write = os.pipe()
    our_read, from_browser = os.pipe()
    folder = Path(tempfile.mkdtemp(prefix="hotgate-chromium-"))
    # The shell puts the two pipes where Chromium looks for them.
    script = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    argv = ["bash", "-c", script, "bash", found, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"]
    process = subprocess.Popen(
        argv,
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(folder)},  # its socket is in a folder there that it leaves when it is ended
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(our_read, our_write)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(our_read)
        os.close(our_write)
        _remove(folder)
