"""The playbook and the Nomad job, run for real: they update a running service, hold a release back, and see a bad one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hcl2
import pytest

from scripts.measure.load import load
from scripts.programs import live_service
from scripts.programs.gobuild import can_build_cgo, host_arch
from scripts.truth.hazards import image, running
from tests.ci.test_hooks import environment
from tests.conftest import missing
from tests.sidecar.conftest import Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.long, pytest.mark.patient]

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
VENV = Path(sys.executable).parent

CONFIG = """
store = "{store}"

[sidecar]
listen = "127.0.0.1:0"
interval = "{interval}"
releases = ["{releases}"]

[[sidecar.service]]
name = "orders"
url = "http://127.0.0.1:{port}"
pid_file = "{pid_file}"
counters = ["requests", "failures"]

[sidecar.service.watch]
within = "{within}"
baseline = "1m"

[[sidecar.service.watch.rule]]
name = "error rate"
kind = "ratio"
source = "expvar"
bad = "failures"
total = "requests"
times = 3.0
"""


@dataclass(frozen=True)
class Site:
    """A host with a running service, its sidecar, and releases to choose from."""

    folder: Path
    port: int
    sidecar: Running

    @property
    def current(self) -> Path:
        return self.folder / "current"

    def release(self, name: str) -> str:
        return str(self.folder / "releases" / name)

    def play(self, release: str) -> subprocess.CompletedProcess[str]:
        """Run the playbook on this host, as Ansible does."""
        given = {"release": self.release(release), "sidecar": self.sidecar.url(), "current": str(self.current)}
        given |= {"pid_file": str(self.folder / "pid"), "ansible_python_interpreter": sys.executable}
        argv = [str(VENV / "ansible-playbook"), "-i", "orders,", "-c", "local", str(EXAMPLES / "ansible.yml")]
        argv += [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
        env = environment(self.folder, ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(self.folder / "ansible"), LC_ALL="C.UTF-8")
        return subprocess.run(argv, env=env, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def releases(go_toolchain: Path, binary: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not can_build_cgo(host_arch()):
        missing("no C compiler: apt-get install gcc libc6-dev")
    folder = tmp_path_factory.mktemp("built")
    for name, variant in (("1.0.0", None), ("1.0.1", "better"), ("1.0.2", "failing")):
        live_service.build(folder / name, go_toolchain, variant)
    (folder / "foreign").symlink_to(binary("go1.27-arm64-exe"))
    return folder


@pytest.fixture
def site(releases: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site whose sidecar polls twice a second and watches for five; a parameter gives others, (interval, within)."""
    interval, within = getattr(request, "param", ("500ms", "5s"))
    own = tmp_path / "releases"
    own.mkdir()
    for each in releases.iterdir():
        shutil.copy2(each, own)
    current = tmp_path / "current"
    current.symlink_to(own / "1.0.0")
    with running(current, "-next", str(current)) as (process, port):
        (tmp_path / "pid").write_text(f"{process.pid}\n", "ascii")
        text = CONFIG.format(
            releases=own,
            port=port,
            pid_file=tmp_path / "pid",
            store=f"sqlite:///{tmp_path}/store.db",
            interval=interval,
            within=within,
        )
        with Running(tmp_path, text) as sidecar, load(port, clients=1, pause=0.05):
            sidecar.eventually(lambda: sidecar.get("/v1/services/orders")["service"]["epoch"])
            yield Site(tmp_path, port, sidecar)


def test_a_good_release_takes_over_and_is_watched(site: Site) -> None:
    done = site.play("1.0.1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert image(site.port)["generation"] == 2
    assert site.current.readlink() == Path(site.release("1.0.1"))
    assert site.sidecar.get("/v1/services/orders/watch")["state"] == "clear"


def test_a_release_that_is_blocked_changes_nothing(site: Site) -> None:
    done = site.play("foreign")
    assert done.returncode != 0
    assert re.search(r'"msg": "block \(\d+:[0-9a-f]{64}\): HG301', done.stdout), done.stdout
    assert image(site.port)["generation"] == 1
    assert site.current.readlink() == Path(site.release("1.0.0"))


def test_a_release_that_fails_once_it_serves_is_to_be_rolled_back(site: Site) -> None:
    done = site.play("1.0.2")
    assert done.returncode != 0, done.stdout
    assert '"state": "rollback"' in done.stdout, done.stdout
    assert image(site.port)["generation"] == 2


@pytest.mark.parametrize("site", [("4s", "10s")], indirect=True, ids=["slow"])
def test_what_an_earlier_update_ended_in_does_not_stand_for_this_one(site: Site) -> None:
    """A bad release a minute after a good one, before the sidecar's next poll: it has not been seen when it is asked for."""
    first = site.play("1.0.1")
    assert first.returncode == 0, first.stdout
    second = site.play("1.0.2")
    assert second.returncode != 0, second.stdout
    assert image(site.port)["generation"] == 3
    assert '"state": "rollback"' in second.stdout, second.stdout


def job(site: Site) -> str:
    """The script of the Nomad job, with this host's places."""
    with (EXAMPLES / "nomad.hcl").open(encoding="utf-8") as file:
        found = hcl2.load(file)
    task = found["job"][0]['"update-orders"']["group"][0]['"update"']["task"][0]['"hotgate"']
    (template,) = task["template"]
    text = re.search(r"<<-SCRIPT\n(.*?)\n\s*SCRIPT", template["data"], re.DOTALL)
    assert text is not None, template
    script = text[1]
    for example, here in (
        ("/run/orders.pid", str(site.folder / "pid")),
        ("http://127.0.0.1:8080", f"http://127.0.0.1:{site.port}"),
        ("/etc/hotgate/hotgate.toml", str(site.sidecar.config)),
        ("/srv/orders/current", str(site.current)),
    ):
        assert script.count(example) == 1, example
        script = script.replace(example, here)
    assert not re.search(r"[$%]\{|\{\{", script), "Nomad fills these in itself"
    return script


@pytest.mark.parametrize(("release", "code", "generation"), [("1.0.1", 0, 2), ("1.0.2", 10, 2), ("foreign", 10, 1)])
def test_the_nomad_job_ends_with_the_verdict(site: Site, release: str, code: int, generation: int) -> None:
    """In an allocation's folder, where there is no policy and nothing says which store is meant."""
    allocation = site.folder / "alloc"
    allocation.mkdir()
    (site.folder / "chosen").symlink_to(site.release(release))
    env = environment(site.folder, NOMAD_META_release=str(site.folder / "chosen"))
    argv = ["/bin/sh", "-eu", "-c", job(site)]
    done = subprocess.run(argv, cwd=allocation, env=env, capture_output=True, text=True, check=False, timeout=300)
    said = done.stdout + done.stderr
    assert (done.returncode, image(site.port)["generation"]) == (code, generation), said
    assert site.current.readlink() == Path(site.release(release if generation == 2 else "1.0.0"))
    assert list(allocation.iterdir()) == []
    kept = [sys.executable, "-m", "gate", "audit", "list", "--store", f"sqlite:///{site.sidecar.store}"]
    listed = subprocess.run(kept, cwd=allocation, env=env, capture_output=True, text=True, check=True).stdout
    assert len(re.findall(r"\bcheck\b", listed)) == 1, listed


def test_the_nomad_job_goes_by_the_policy_of_its_sidecar(site: Site) -> None:
    """A release that passes by default, and by the configured policy not."""
    text = site.sidecar.config.read_text("utf-8")
    site.sidecar.config.write_text('fail_on = "info"\n' + text, "utf-8")
    allocation = site.folder / "alloc"
    allocation.mkdir()
    env = environment(site.folder, NOMAD_META_release=site.release("1.0.1"))
    argv = ["/bin/sh", "-eu", "-c", job(site)]
    done = subprocess.run(argv, cwd=allocation, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, image(site.port)["generation"]) == (10, 1), done.stdout + done.stderr
    assert site.current.readlink() == Path(site.release("1.0.0"))
