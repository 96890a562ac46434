"""Inventories: hosts and their order as Ansible itself has them, errors with their line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gate.fleet.errors import FleetError
from gate.fleet.inventory.reading import load_inventory
from gate.fleet.plan.batches import cut
from tests.ci.test_hooks import environment
from tests.conftest import first
from tests.fleet.plans import write

VENV = Path(sys.executable).parent

INI = """# a comment
lonely ansible_host=10.0.0.9
[web]
web[01:12:2].example.com ansible_user=x hotgate_sidecar="http://10.0.0.1:9847"
web-[a:c]x[1:2]
10.0.0.7:2222
; another

[db]  # with a comment
db1 ansible_host='10.1.0.1'   # and one here
db2
web-ax1

[shop:children]
db
web
deep

[deep:children]
deeper

[deeper]
under1
db2

[shop:vars]
hotgate_sidecar=http://shop:9847
"""

YAML = """all:
  hosts: {lonely: {ansible_host: 10.0.0.9}}
  children:
    shop:
      vars: {hotgate_sidecar: "http://shop:9847", secret: !vault abc}
      children:
        db: {hosts: {db1: {ansible_host: 10.1.0.1}, db2: , "web-ax1": null}}
        web:
          hosts: {"web[01:12:2].example.com": {}, "web-[a:c]x[1:2]": {}}
"""


def by_ansible(path: str, folder: Path, group: str) -> list[str]:
    """The hosts of a play with `hosts: group`, in its order."""
    argv = [str(VENV / "ansible"), "-i", path, group, "--list-hosts"]
    env = environment(folder, ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(folder / "ansible"), LC_ALL="C.UTF-8")
    done = subprocess.run(argv, env=env, cwd=folder, capture_output=True, text=True, check=True, timeout=120)
    return [line.strip() for line in done.stdout.splitlines()[1:]]


@pytest.mark.parametrize(("name", "text"), first(1, [("hosts.ini", INI), ("hosts.yml", YAML)]))
def test_every_group_has_the_hosts_that_ansible_gives_it(name: str, text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text, name)
    inventory = load_inventory(path)
    for group in ("all", "web", "shop"):
        assert list(inventory.hosts_of(group)) == by_ansible(path, tmp_path, group), group
    assert inventory.variable("db1", "ansible_host") == "10.1.0.1"
    assert inventory.variable("db1", "hotgate_sidecar") == "http://shop:9847"
    assert inventory.variable("lonely", "ansible_host") == "10.0.0.9"
    assert inventory.variable("lonely", "hotgate_sidecar") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\na{{ x }}\n", ":2: 'a{{' has template syntax"),
        ("[web]\na$(id)\n", ":2: 'a$(id)' has template syntax"),
        ("[web:hosts:x]\n", ":1: no section"),
        ("[web:things]\n", ":1: the section [web:things] is of no kind"),
        ("[web:children]\ndb\n", ":2: the group db is declared nowhere"),
        ("[web:vars]\na=b\n", ":1: [web:vars] is of a group that is declared nowhere"),
        ("[web]\na b\n", ":2: variables of a host are written as key=value, not 'b'"),
        ("[web]\na x='\n", ":2: No closing quotation"),
        ("[web]\na[1:999999999]\n", ":2: [1:999999999] stands for more than 100,000 hosts"),
        ("[web]\na[0:999]b[0:999]\n", ":2: 'a[0:999]b[0:999]' stands for more than 100,000 hosts"),
        ("[web]\na[9:1]\n", ":2: a range begins before it ends"),
        ("[web]\na[01:100]\n", ":2: both ends of a range with leading zeros are of equal length"),
        ("[a:children]\nb\n[b:children]\na\n", ":4: the group a would be a part of itself"),
        ("#!/bin/sh\n", "the inventory is a script, which is not run"),
    ],
)
def test_what_ansible_would_refuse_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(FleetError) as caught:
        load_inventory(write(tmp_path, text, "hosts.ini"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_same_of_yaml(tmp_path: Path) -> None:
    for text, said in (
        ("all: {host: {a: }}\n", ":1: unknown key host in the group all"),
        ("all: [a]\n", ":1: the group all has keys"),
        ("all:\n  hosts:\n    'a{{x}}':\n", ":3: 'a{{x}}' has template syntax"),
        ("all:\n  children:\n    a: {children: {all: }}\n", ":3: the group all would be a part of itself"),
    ):
        with pytest.raises(FleetError) as caught:
            load_inventory(write(tmp_path, text, "hosts.yml"))
        assert said in str(caught.value)
    with pytest.raises(FleetError, match="is a folder"):
        load_inventory(str(tmp_path))


def test_a_group_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    inventory = load_inventory(write(tmp_path, "[gateway]\na\n[empty]\n", "hosts.ini"))
    with pytest.raises(FleetError, match="no group gatway"):
        inventory.hosts_of("gatway")
    with pytest.raises(FleetError, match="no host is in the group empty"):
        inventory.hosts_of("empty")


def test_batches_are_cut_as_ansibles_serial() -> None:
    """Against Ansible's own function, over sizes at which shares round."""
    code = """
import json, sys
from types import SimpleNamespace
from ansible.executor.playbook_executor import PlaybookExecutor
out = {}
for serial in (["2", "10%", "100%"], ["1", "100%"], ["33%", "100%"], ["7%", "29%", "57%", "100%"], ["100%"], ["3", "5", "100%"]):
    for hosts in (1, 2, 3, 7, 9, 10, 24, 99, 100, 101, 1003):
        fake = SimpleNamespace(_inventory=SimpleNamespace(get_hosts=lambda *a, **k: list(range(hosts))))
        play = SimpleNamespace(hosts="x", order=None, serial=[int(s) if s.isdecimal() else s for s in serial])
        found = PlaybookExecutor._get_serialized_batches(fake, play)
        out[json.dumps([serial, hosts])] = [len(each) for each in found]
json.dump(out, sys.stdout)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    expected = json.loads(done.stdout)
    assert len(expected) == 66
    for key, sizes in expected.items():
        serial, hosts = json.loads(key)
        assert [count for _, count in cut(tuple(serial), hosts)] == sizes, key
