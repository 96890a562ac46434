"""One host's view: what is there, how it comes, and what is left of it when it does not."""

from __future__ import annotations

import hashlib
import shutil
import stat
import threading
from io import BytesIO

import pytest
from msgspec.structs import replace

from gate.release import image
from gate.release.client import Releases
from gate.release.errors import ReleaseError
from gate.release.fetcher import base_url
from gate.release.repository.adding import SIGNING
from gate.release.repository.store import Repository
from gate.release.roles import DAY, set_expiry
from gate.release.serving import Server
from scripts.truth.release_proof._scene import SERVICE, Scene, tree


@pytest.fixture
def host(scene):
    found = scene.host()
    found.refresh()
    return found


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_releases_are_named_in_order_and_found(host, scene):
    assert host.names() == [SERVICE]
    assert [each.version for each in host.versions(SERVICE)] == ["1.0", "1.1"]
    newest = host.find(SERVICE)
    assert (newest.version, newest.sha256, newest.target) == ("1.1", sha256(scene.images[1]), "linux/amd64")
    assert newest.check.verdict == "pass"
    assert newest.check.version == "1.0"
    assert newest.go_version.startswith("go1.")
    assert host.find(SERVICE, "1.0").check is None
    assert host.versions("payments") == []


@pytest.mark.parametrize(
    ("name", "version", "hint"), [("order", None, "did you mean orders?"), (SERVICE, "1.2", "the newest are 1.0, 1.1")]
)
def test_what_is_not_there_is_said_with_the_nearest(host, name, version, hint):
    with pytest.raises(ReleaseError, match="no ") as caught:
        host.find(name, version)
    assert caught.value.kind == "missing"
    assert hint in caught.value.hint


def test_an_image_comes_whole(host, scene, tmp_path):
    seen = []
    into = tmp_path / "orders"
    into.write_bytes(b"before")
    got = host.fetch(host.find(SERVICE), into, progress=lambda *what: seen.append(what))
    assert (got.way, got.base, got.notes) == ("whole", None, ())
    assert got.received == host.find(SERVICE).compressed
    assert into.read_bytes() == scene.images[1].read_bytes()
    assert stat.S_IMODE(into.stat().st_mode) == 0o755
    assert {what for what, _, _ in seen} == {"fetching", "assembling"}
    assert all(done <= whole for _, done, whole in seen)


def test_an_image_comes_by_a_delta(host, scene, tmp_path):
    into = tmp_path / "orders"
    newest = host.find(SERVICE)
    got = host.fetch(newest, into, have={sha256(scene.images[0]): scene.images[0]})
    assert (got.way, got.method, got.base) == ("delta", "go", sha256(scene.images[0]))
    assert got.received == newest.deltas[0].size < newest.compressed
    assert into.read_bytes() == scene.images[1].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders", "scene"]


def test_a_base_that_is_not_what_it_is_called_costs_the_delta_and_no_more(host, scene, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    got = host.fetch(host.find(SERVICE), tmp_path / "orders", have={sha256(scene.images[0]): other})
    assert got.way == "whole"
    assert "the file is not what its name says" in got.notes[0]
    assert (tmp_path / "orders").read_bytes() == scene.images[1].read_bytes()


def test_a_signed_delta_that_is_damaged_costs_its_download_and_no_more(scene, tmp_path):
    """An owner who signs nonsense: nothing of it gets the image's name, and the whole image comes instead."""
    with Repository.changing(scene.repo) as repository:
        newest = repository.releases(SERVICE)[-1]
        path = newest.delta_target(newest.deltas[0])
        data = bytearray(repository.read(path, 1 << 30))
        data[len(data) // 2] ^= 0xFF
        repository.put(path, bytes(data))
        signers = {role: repository.signers(role, scene.ring()) for role in SIGNING}
        repository.publish(signers, targets=True)
    host = scene.host()
    host.refresh()
    into = tmp_path / "orders"
    got = host.fetch(host.find(SERVICE), into, have={sha256(scene.images[0]): scene.images[0]})
    assert got.way == "whole"
    assert got.received == newest.compressed + newest.deltas[0].size
    assert len(got.notes) == 1
    assert got.notes[0].startswith("the delta from 1.0 is of no use: ")
    assert into.read_bytes() == scene.images[1].read_bytes()


def test_a_host_is_told_before_the_repository_ends(tmp_path):
    """Its metadata says that it holds for a week, and was signed to end in an hour."""
    scene = Scene(tmp_path / "scene", 0)
    host = scene.host()
    host.refresh()
    assert host.ending() == []
    with Repository.changing(scene.repo) as repository:
        timestamp = repository.timestamp
        timestamp.signed.version += 1
        set_expiry(timestamp, "timestamp", 3600)
        timestamp.signed.unrecognized_fields["x-hotgate-holds"] = 7 * DAY
        timestamp.signatures.clear()
        for signer in repository.signers("timestamp", scene.ring()):
            timestamp.sign(signer, append=True)
        timestamp.to_file(str(scene.repo / "metadata" / "timestamp.json"))
    host = scene.host()
    host.refresh()
    assert host.ending() == ["the repository's timestamp metadata ends in 59 minutes; who keeps it has to renew it"]


def test_a_host_without_a_refresh_knows_nothing(scene):
    with pytest.raises(ReleaseError, match="was not refreshed"):
        scene.host().names()


def test_a_folder_that_cannot_be_written_is_said(host, tmp_path):
    with pytest.raises(ReleaseError) as caught:
        host.fetch(host.find(SERVICE), tmp_path / "nowhere" / "orders")
    assert caught.value.kind == "space"
    assert not (tmp_path / "nowhere").exists()


def test_a_repository_that_is_not_there_is_said(scene, tmp_path):
    host = Releases(str(tmp_path / "none"), trusted_root=scene.root, state=tmp_path / "state")
    with pytest.raises(ReleaseError) as caught:
        host.refresh()
    assert caught.value.kind == "unreachable"
    with pytest.raises(ReleaseError, match="cannot read"):
        Releases(str(scene.repo), trusted_root=tmp_path / "none", state=tmp_path / "state").refresh()


def test_it_is_the_same_over_http(scene, tmp_path):
    server = Server(scene.repo, 0, quiet=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        host = scene.host(url=server.url)
        host.refresh()
        host.fetch(host.find(SERVICE), tmp_path / "orders")
        host.close()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert (tmp_path / "orders").read_bytes() == scene.images[1].read_bytes()


def test_a_state_is_kept_and_two_hosts_do_not_share_it(scene):
    one, other = scene.host("one"), scene.host("other")
    one.refresh()
    kept = tree(scene.folder / "one")
    one.refresh()
    assert {name: digest for name, digest in tree(scene.folder / "one").items() if name != "clock"} == {
        name: digest for name, digest in kept.items() if name != "clock"
    }
    other.refresh()
    shutil.rmtree(scene.folder / "one")
    other.refresh()


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("/srv/releases/", "file:///srv/releases"),
        ("/srv/with blank", "file:///srv/with%20blank"),
        ("file:///srv/releases/", "file:///srv/releases"),
        ("https://example.org/releases/", "https://example.org/releases"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
    ],
)
def test_places_of_repositories(place, url):
    assert base_url(place) == url


@pytest.mark.parametrize(
    "place",
    [
        "",
        "http://example.org/releases",
        "ftp://example.org",
        "https://user:secret@example.org",
        "https://example.org/?token=secret",
        "https://example.org:port/",
        "https:///nothing",
        "file://host/path",
        "https://exam ple.org",
    ],
)
def test_places_that_are_none(place):
    with pytest.raises(ReleaseError) as caught:
        base_url(place)
    assert caught.value.kind == "setting"
    assert "secret" not in str(caught.value)


def test_an_image_that_is_larger_than_it_says_is_cut_off(host):
    found = replace(host.find(SERVICE), size=10)
    out = BytesIO()
    with pytest.raises(ReleaseError, match="more than its 10 bytes"):
        image.unpack(BytesIO(image.pack(bytes(1 << 24))), out, found, lambda _: None)
    assert out.tell() == 0
    with pytest.raises(ReleaseError, match="not a compressed image"):
        image.unpack(BytesIO(b"nothing"), out, found, lambda _: None)
