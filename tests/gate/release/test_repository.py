"""The repository itself: adding, renewing, rotating, verifying, and being interrupted."""

from __future__ import annotations

import shutil
import stat

import pytest

from gate.release import files
from gate.release.errors import ReleaseError
from gate.release.repository.keys import KeyRing
from gate.release.repository.making import make_repository
from gate.release.repository.renewing import renew, warnings
from gate.release.repository.rotating import rotate
from gate.release.repository.store import KEPT_VERSIONS, Repository, locked
from gate.release.repository.verifying import verify
from gate.release.roles import DAY, Quorum, span
from scripts.truth.release_proof._scene import PASSPHRASE, SERVICE, Known, Scene, tree
from tests.conftest import first


def turn(scene, role, **more):
    wanted = {"revoke": None, "add": None, "threshold": None, "key_folder": scene.keys, "passphrase": PASSPHRASE}
    with Repository.changing(scene.repo) as repository:
        return rotate(repository, scene.ring(), role, **(wanted | more))


def test_it_is_whole(scene):
    found = verify(scene.repo, scene.root)
    assert found.problems == ()
    assert (found.services, found.releases, found.targets, found.deltas) == (1, 2, 5, 1)


def test_keys_are_encrypted_and_their_owner_s(scene):
    for path in scene.keys.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    path = next(scene.keys.glob("targets-*"))
    path.chmod(0o640)
    with pytest.raises(ReleaseError, match="others can read this key"):
        scene.add("1.2", scene.images[2])
    path.chmod(0o600)
    ring = KeyRing([scene.keys], Known(b"wrong"))
    with pytest.raises(ReleaseError, match="no passphrase given opens this key") as caught:
        Repository(scene.repo).signers("targets", ring)
    assert "wrong" not in f"{caught.value} {caught.value.hint}"


def test_an_empty_passphrase_and_keys_inside_are_refused(tmp_path):
    with pytest.raises(ReleaseError, match="protects nothing"):
        make_repository(tmp_path / "repo", tmp_path / "keys", b"", {}, {})
    with pytest.raises(ReleaseError, match="part of the repository"):
        make_repository(tmp_path / "repo", tmp_path / "repo" / "keys", PASSPHRASE, {}, {})


def test_a_release_is_added_without_the_root_s_keys(scene):
    for path in scene.keys.glob("root-*"):
        path.unlink()
    scene.add("1.2", scene.images[2])
    host = scene.host()
    host.refresh()
    assert host.find(SERVICE).version == "1.2"
    with pytest.raises(ReleaseError, match=r"1 of the root keys .* must sign, and none is in"):
        turn(scene, "timestamp")


def test_a_missing_key_is_named_before_any_work(scene):
    for path in scene.keys.glob("targets-*"):
        path.unlink()
    before = tree(scene.repo)
    with pytest.raises(ReleaseError, match="1 of the targets keys") as caught:
        scene.add("1.2", scene.images[2])
    assert caught.value.kind == "keys"
    assert tree(scene.repo) == before


def test_a_version_is_added_once(scene):
    before = tree(scene.repo)
    assert not scene.add("1.1", scene.images[1]).fresh
    with pytest.raises(ReleaseError, match=r"1\.1 of orders is there already"):
        scene.add("1.1", scene.images[2])
    with pytest.raises(ReleaseError, match="cannot be released under this name"):
        scene.add("../1", scene.images[2])
    assert {name: each for name, each in tree(scene.repo).items() if name != ".lock"} == {
        name: each for name, each in before.items() if name != ".lock"
    }


@pytest.mark.long
@pytest.mark.parametrize("at", first(1, (3, 0, 1, 2, 4, 5, 6)))
def test_a_disk_that_fails_leaves_the_repository_before(scene, monkeypatch, at):
    """Whichever file it is that cannot be written: what readers see is the repository before."""
    written = []
    real = files.write

    def failing(path, data, **more):
        if len(written) == at:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, data, **more)

    monkeypatch.setattr(files, "write", failing)
    with pytest.raises(ReleaseError) as caught:
        scene.add("1.2", scene.images[2])
    assert caught.value.kind == "space"
    monkeypatch.undo()
    host = scene.host()
    host.refresh()
    assert [each.version for each in host.versions(SERVICE)] == ["1.0", "1.1"]
    assert verify(scene.repo, scene.root).problems == ()
    scene.add("1.3", scene.images[0])
    assert verify(scene.repo, scene.root).problems == ()


def test_only_one_changes_it_at_a_time(scene):
    with locked(scene.repo), pytest.raises(ReleaseError, match=r"process \d+ is changing the repository") as caught:
        scene.add("1.2", scene.images[2])
    assert caught.value.kind == "busy"


@pytest.mark.parametrize("role", first(2, ["targets", "root", "timestamp", "snapshot"]))
def test_a_role_gets_other_keys_and_hosts_follow(scene, role):
    host = scene.host()
    host.refresh()
    before = Repository(scene.repo).root.signed.roles[role].keyids
    done = turn(scene, role)
    assert list(done.revoked) == before
    assert Repository(scene.repo).root.signed.roles[role].keyids == list(done.added)
    for key_id in before:
        (scene.keys / f"{role}-{key_id[:8]}.pem").unlink()
    scene.host().refresh()
    scene.host("new").refresh()
    scene.add("1.2", scene.images[2])
    later = scene.host()
    later.refresh()
    assert later.find(SERVICE).version == "1.2"
    assert verify(scene.repo, scene.root).problems == ()


def test_a_lost_key_is_replaced(scene):
    lost = set(Repository(scene.repo).root.signed.roles["timestamp"].keyids)
    for path in scene.keys.glob("timestamp-*"):
        path.unlink()
    turn(scene, "timestamp")
    scene.host().refresh()
    assert lost.isdisjoint(Repository(scene.repo).root.signed.roles["timestamp"].keyids)
    assert verify(scene.repo, scene.root).problems == ()


def test_a_rotation_that_was_broken_off_is_finished_by_a_renewal(scene, monkeypatch):
    real = files.write

    def failing(path, data, **more):
        if path.name == "timestamp.json":
            raise OSError(28, "No space left on device")
        real(path, data, **more)

    for path in scene.keys.glob("snapshot-*"):
        path.unlink()  # a lost key: what is signed by the new one alone
    monkeypatch.setattr(files, "write", failing)
    with pytest.raises(ReleaseError, match="No space left"):
        turn(scene, "snapshot")
    monkeypatch.undo()
    with pytest.raises(ReleaseError):
        scene.host().refresh()
    with Repository.changing(scene.repo) as repository:
        assert "snapshot" in renew(repository, scene.ring())
    scene.host().refresh()
    assert verify(scene.repo, scene.root).problems == ()


def test_keys_are_added_and_more_have_to_sign(scene):
    turn(scene, "targets", revoke=(), add=2, threshold=2)
    found = Repository(scene.repo).root.signed.roles["targets"]
    assert (len(found.keyids), found.threshold) == (3, 2)
    (scene.keys / f"targets-{found.keyids[0][:8]}.pem").unlink()
    scene.add("1.2", scene.images[2])
    (scene.keys / f"targets-{found.keyids[1][:8]}.pem").unlink()
    with pytest.raises(ReleaseError, match="2 of the targets keys"):
        scene.add("1.3", scene.images[1])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"revoke": ["0" * 32]}, "no timestamp key begins with"),
        ({"add": 0}, "1 of 0 keys cannot sign"),
        ({"threshold": 3}, "3 of 1 keys cannot sign"),
    ],
)
def test_rotations_that_make_no_sense(scene, more, said):
    before = sorted(scene.keys.iterdir())
    with pytest.raises(ReleaseError, match=said):
        turn(scene, "timestamp", **more)
    assert sorted(scene.keys.iterdir()) == before


def test_thresholds(tmp_path):
    scene = Scene(tmp_path / "scene", 1, quorums={"root": Quorum(2, 3), "snapshot": Quorum(1, 2)})
    away = sorted(scene.keys.glob("root-*"))
    away[0].unlink()
    turn(scene, "timestamp")
    away[1].unlink()
    with pytest.raises(ReleaseError, match=r"2 of the root keys .* must sign, and 1 is in"):
        turn(scene, "timestamp")


def test_warnings_come_before_the_end(tmp_path):
    scene = Scene(tmp_path / "scene", 0)
    assert warnings(Repository(scene.repo)) == []
    soon = Scene(tmp_path / "soon", 0, periods={"timestamp": 3600, "targets": 40 * DAY})
    repository = Repository(soon.repo)
    repository.timestamp.signed.unrecognized_fields["x-hotgate-holds"] = 7 * DAY
    said = warnings(repository)
    assert len(said) == 1
    assert said[0].startswith("the timestamp metadata ends in 59 minutes; `hotgate release renew`")


def test_a_renewal_signs_what_ends_and_what_is_named(scene):
    with Repository.changing(scene.repo) as repository:
        assert renew(repository, scene.ring()) == ("timestamp",)
    with Repository.changing(scene.repo) as repository:
        assert renew(repository, scene.ring(), ["root", "targets"]) == ("root", "targets", "snapshot", "timestamp")
    repository = Repository(scene.repo)
    assert repository.root.signed.version == 2
    scene.host().refresh()


def test_old_states_do_not_pile_up(scene):
    for _ in range(KEPT_VERSIONS + 3):
        with Repository.changing(scene.repo) as repository:
            renew(repository, scene.ring(), ["targets"])
    repository = Repository(scene.repo)
    assert len(repository.versions("targets")) == KEPT_VERSIONS
    assert len(repository.versions("snapshot")) == KEPT_VERSIONS
    assert verify(scene.repo, scene.root).problems == ()


@pytest.mark.parametrize("what", ["image.zst", "delta", "releases.json", "services.json", "targets.json"])
def test_a_file_that_was_changed_is_found(scene, what):
    place = max(scene.repo.rglob(f"*{what}"), key=lambda path: path.stat().st_mtime_ns)
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.write_bytes(data)
    assert verify(scene.repo, scene.root).problems


def test_a_repository_signed_anew_by_others_is_found_with_the_hosts_root(scene, tmp_path):
    other = Scene(tmp_path / "other", 1)
    assert verify(other.repo, None).problems == ()
    assert verify(other.repo, scene.root).problems


@pytest.mark.long
def test_its_own_metadata_is_not_trusted_blindly(scene, tmp_path):
    """Who can write the repository must not have their own metadata signed by the next addition."""
    other = Scene(tmp_path / "other", 2)
    for path in (other.repo / "metadata").glob("*.targets.json"):
        shutil.copy(path, scene.repo / "metadata" / path.name)
    with pytest.raises(ReleaseError, match="not signed by enough keys"):
        scene.add("1.2", scene.images[2])


def test_spans():
    assert [span(each) for each in (10, 61, 7300, 2 * DAY)] == [
        "less than a minute",
        "1 minute",
        "2 hours",
        "2 days",
    ]
