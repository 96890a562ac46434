"""The attacks that The Update Framework is made against (theupdateframework.github.io/specification, section 1.5.2), and a few more.

Each is done to a repository that a host has read before. The host has to refuse it, for the right reason, and nothing but what `tuf` had verified
may be on its disk afterwards; once the attack is over, it has to go on.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from gate.release.errors import ReleaseError
from gate.release.repository.renewing import renew
from gate.release.repository.store import Repository
from gate.release.roles import set_expiry
from scripts.truth.release_proof._scene import SERVICE, Scene, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gate.release.client import Releases

    Attack = Callable[[Scene], "Iterator[Releases]"]


def _aside(scene: Scene) -> Path:
    """A copy of the repository as it is now."""
    return Path(shutil.copytree(scene.repo, scene.folder / f"repo-{time.monotonic_ns()}"))


def _back(scene: Scene, copy: Path) -> None:
    shutil.rmtree(scene.repo)
    shutil.copytree(copy, scene.repo)


@contextmanager
def rollback(scene: Scene) -> Iterator[Releases]:
    """The whole repository as it was before the last release, all of it signed once."""
    copy = _aside(scene)
    scene.add("1.2", scene.images[2])
    scene.host().refresh()
    now = _aside(scene)
    _back(scene, copy)
    yield scene.host()
    _back(scene, now)


@contextmanager
def rollback_of_the_snapshot(scene: Scene) -> Iterator[Releases]:
    """A stolen timestamp key signs a newer timestamp that names an older snapshot."""
    copy = _aside(scene)
    with Repository.changing(scene.repo) as repository:
        repository.timestamp.signed.snapshot_meta.version -= 1
        repository.timestamp.signed.snapshot_meta.hashes = None
        repository.timestamp.signed.snapshot_meta.length = None
        repository.publish({"timestamp": repository.signers("timestamp", scene.ring())}, targets=False, snapshot=False)
    yield scene.host()
    _back(scene, copy)
    _renew(scene, 2)  # beyond the stolen one's version, which the host has seen


@contextmanager
def freeze(scene: Scene) -> Iterator[Releases]:
    """A repository that is held back until what it says has expired."""
    _expire(scene)
    yield scene.host()
    _renew(scene, 1)


@contextmanager
def clock_set_back(scene: Scene) -> Iterator[Releases]:
    """The same, and the host's clock is set back, so that it would not seem to have expired."""
    seen = scene.folder / "host" / "clock"
    before = seen.read_bytes()
    seen.write_bytes(f"{int(time.time()) + 86_400}\n".encode())  # a day later by the clock that the host had then
    yield scene.host()
    seen.write_bytes(before)


@contextmanager
def mix_and_match(scene: Scene) -> Iterator[Releases]:
    """Files of two states that were both signed: the new snapshot's place has the old one's contents."""
    metadata = scene.repo / "metadata"
    scene.add("1.2", scene.images[2])
    copy = _aside(scene)
    number = len(list(metadata.glob("*.snapshot.json")))
    shutil.copy(metadata / f"{number - 1}.snapshot.json", metadata / f"{number}.snapshot.json")
    yield scene.host()
    _back(scene, copy)


@contextmanager
def arbitrary_key(scene: Scene) -> Iterator[Releases]:
    """A repository that somebody else signed, with keys of their own."""
    copy = _aside(scene)
    other = Scene(scene.folder / f"other-{time.monotonic_ns()}", 0)
    shutil.copy(other.repo / "metadata" / "timestamp.json", scene.repo / "metadata" / "timestamp.json")
    yield scene.host()
    _back(scene, copy)


@contextmanager
def arbitrary_root(scene: Scene) -> Iterator[Releases]:
    """A next root that only its own keys signed."""
    copy = _aside(scene)
    other = Scene(scene.folder / f"other-{time.monotonic_ns()}", 0)
    shutil.copy(other.repo / "metadata" / "1.root.json", scene.repo / "metadata" / "2.root.json")
    yield scene.host()
    _back(scene, copy)


@contextmanager
def signature_taken_away(scene: Scene) -> Iterator[Releases]:
    """A newer timestamp without a signature."""
    path = scene.repo / "metadata" / "timestamp.json"
    before = path.read_bytes()
    content = json.loads(before)
    content["signed"]["version"] += 1
    content["signatures"] = []
    path.write_text(json.dumps(content), "utf-8")
    yield scene.host()
    path.write_bytes(before)


@contextmanager
def wrong_target(scene: Scene) -> Iterator[Releases]:
    """The image of another release, under this one's name."""
    copy = _aside(scene)
    last, before = (
        next((scene.repo / "targets" / SERVICE / version).glob("*.image.zst")) for version in ("1.1", "1.0")
    )
    last.write_bytes(before.read_bytes()[: last.stat().st_size])
    yield scene.host()
    _back(scene, copy)


@contextmanager
def longer_target(scene: Scene) -> Iterator[Releases]:
    """An image with something behind its end."""
    copy = _aside(scene)
    place = next((scene.repo / "targets" / SERVICE / "1.1").glob("*.image.zst"))
    place.write_bytes(place.read_bytes() + b"more")
    yield scene.host()
    _back(scene, copy)


@contextmanager
def target_gone(scene: Scene) -> Iterator[Releases]:
    """An image that is not there."""
    copy = _aside(scene)
    next((scene.repo / "targets" / SERVICE / "1.1").glob("*.image.zst")).unlink()
    yield scene.host()
    _back(scene, copy)


@contextmanager
def no_metadata(scene: Scene) -> Iterator[Releases]:
    """JSON that is nested so deep that readers fall."""
    path = scene.repo / "metadata" / "timestamp.json"
    before = path.read_bytes()
    path.write_bytes(b"[" * 16_000)
    yield scene.host()
    path.write_bytes(before)


@contextmanager
def endless_data(scene: Scene) -> Iterator[Releases]:
    """An answer that does not end."""
    with _server(lambda send: [send(b"x" * 65_536) for _ in range(1 << 20)]) as url:
        yield scene.host(url=url)


@contextmanager
def slow_retrieval(scene: Scene) -> Iterator[Releases]:
    """An answer of a few bytes a second."""
    with _server(lambda send: [(send(b"x"), time.sleep(0.1)) for _ in range(1 << 20)]) as url:
        yield scene.host(url=url, grace=1.0, speed=1 << 30)


@contextmanager
def silence(scene: Scene) -> Iterator[Releases]:
    """A server that takes the request and says nothing."""
    with _server(None) as url:
        yield scene.host(url=url, grace=1.0, speed=1 << 30)


ATTACKS: dict[Attack, tuple[str, ...]] = {
    rollback: ("rollback",),
    rollback_of_the_snapshot: ("rollback",),
    freeze: ("expired",),
    clock_set_back: ("clock",),
    mix_and_match: ("mismatch",),
    arbitrary_key: ("signature",),
    arbitrary_root: ("signature",),
    signature_taken_away: ("signature",),
    wrong_target: ("mismatch",),
    longer_target: ("too-large",),
    target_gone: ("unreachable",),
    no_metadata: ("malformed",),
    endless_data: ("too-large",),
    slow_retrieval: ("slow",),
    silence: ("slow",),
}
"""Each with the kinds of error that it has to end in."""


def attack(scene: Scene, done: Attack) -> ReleaseError:
    """Do it to a host that has read the repository; what the host says.

    Raises:
        AssertionError: it was taken in, something is on its disk, or it does not go on afterwards.
    """
    scene.host().refresh()
    images = scene.folder / "images"
    images.mkdir(exist_ok=True)
    (images / "orders").write_bytes(b"the image that runs")
    before, said = tree(images), None
    with done(scene) as host:
        try:
            host.refresh()
            host.fetch(host.find(SERVICE), images / "orders")
        except ReleaseError as exc:
            said = exc
        finally:
            host.close()
    if said is None:
        raise AssertionError(f"{done.__name__}: it was taken in")
    if tree(images) != before or list((scene.folder / "host").glob(".hotgate-part-*")):
        raise AssertionError(f"{done.__name__}: something is on the disk")
    host = scene.host()
    host.refresh()
    host.fetch(host.find(SERVICE), images / "after")
    host.close()
    (images / "after").unlink()
    return said


def prove(*, quick: bool) -> bool:
    """A line for each attack."""
    del quick
    held = True
    for done, kinds in ATTACKS.items():
        with tempfile.TemporaryDirectory(prefix="hotgate-proof-") as folder:
            try:
                said = attack(Scene(Path(folder)), done)
            except AssertionError as exc:
                print(f"   BROKEN {exc}")
                held = False
                continue
            right = said.kind in kinds
            held &= right
            name = done.__name__.replace("_", " ")
            print(
                f"   {name:<26} {'refused' if right else 'REFUSED FOR ANOTHER REASON'}: {str(said).replace(folder, '…')}"
            )
    return held


def _renew(scene: Scene, times: int) -> None:
    for _ in range(times):
        with Repository.changing(scene.repo) as repository:
            renew(repository, scene.ring())


def _expire(scene: Scene) -> None:
    """Sign a timestamp that holds for a second, and let it pass."""
    with Repository.changing(scene.repo) as repository:
        signers = repository.signers("timestamp", scene.ring())
        timestamp = repository.timestamp
        timestamp.signed.version += 1
        set_expiry(timestamp, "timestamp", 1)
        ends = timestamp.signed.expires.timestamp()
        timestamp.signatures.clear()
        for signer in signers:
            timestamp.sign(signer, append=True)
        timestamp.to_file(str(scene.repo / "metadata" / "timestamp.json"))
    while time.time() <= ends + 1:
        time.sleep(0.05)


@contextmanager
def _server(body: Callable[[Callable[[bytes], object]], object] | None) -> Iterator[str]:
    """A server that has no next root, and whose other answers come from `body`; none come without it."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith(".root.json"):
                self.send_error(404)
                return
            if body is None:
                over.wait()
                return
            self.send_response(200)
            self.end_headers()
            try:
                body(self._send)
            except OSError:
                return  # the host has hung up

        def _send(self, data: bytes) -> None:
            if over.is_set():
                raise BrokenPipeError
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()
