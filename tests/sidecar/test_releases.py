"""The sidecar beside a host that releases are brought to: what it shows, and the rollback that it runs for who has the token."""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import TYPE_CHECKING

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gate.policy.errors import PolicyError
from gate.sidecar.config.model import load_sidecar
from gate.sidecar.web import openapi
from scripts.truth.release_proof._site import killed_at, site
from tests.gate.apply.conftest import host, images, repository
from tests.sidecar.conftest import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scripts.truth.release_proof._site import Site

__all__ = ["host", "images", "repository"]  # fixtures

pytestmark = pytest.mark.patient

TOKEN, ACTIONS = "a" * 32, "b" * 32
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ACTING = {"Authorization": f"Bearer {ACTIONS}"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SIDECAR = """
[sidecar]
listen = "127.0.0.1:0"
interval = "500ms"
token_file = "{folder}/token"
{actions}
[[sidecar.service]]
name = "orders"
url = "http://127.0.0.1:{port}"
"""
TABLE = '[sidecar.actions]\ntoken_file = "{folder}/actions"\nresume = true\n'


def beside(found: Site, *, actions: bool) -> Running:
    """A sidecar with the host's own file."""
    for name, token in (("token", TOKEN), ("actions", ACTIONS)):
        (found.folder / name).write_text(f"{token}\n", "ascii")
    own = TABLE.format(folder=found.folder) if actions else ""
    more = SIDECAR.format(folder=found.folder, port=found.port, actions=own)
    return Running(found.folder, found.config.read_text("utf-8") + more)


@pytest.fixture
def updated(repository: Path, tmp_path: Path) -> Iterator[tuple[Site, Running]]:
    """A host that has gone over to 1.1.0, and a sidecar that may act."""
    with site(tmp_path / "host", repository, "1.1.0", before="1.0.0") as found, beside(found, actions=True) as sidecar:
        sidecar.url()
        yield found, sidecar


def test_it_shows_what_is_there_and_rolls_back_for_who_has_the_token(updated: tuple[Site, Running]) -> None:
    found, sidecar = updated
    status, _, text = sidecar.ask("/v1/services/orders/releases", headers=BEARER)
    assert status == 200
    shown = json.loads(text)["releases"]
    document = openapi.document()
    schema = {"$ref": "#/components/schemas/Releases", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(shown)
    assert (shown["current"], shown["previous"], shown["runs"]) == ("1.1.0", "1.0.0", "1.1.0")

    path = "/v1/services/orders/rollback"
    assert sidecar.ask(path, {}, BEARER)[0] == 401, "who may look may not act"
    assert sidecar.ask(path, {})[0] == 401
    assert sidecar.ask("/v1/services", headers=ACTING)[0] == 401, "and the other way round"
    assert sidecar.ask(path, {}, ACTING | {"Sec-Fetch-Site": "same-site"})[0] == 403
    assert sidecar.ask(path, b"force=1", ACTING | FORM)[0] == 415
    assert sidecar.ask(path, {"force": True}, ACTING)[0] == 400
    assert sidecar.ask("/v1/services/nobody/rollback", {}, ACTING)[0] == 404
    assert found.links() == ("1.1.0", "1.0.0")

    status, _, text = sidecar.ask(path, {"reason": "the prices are wrong"}, ACTING)
    body = json.loads(text)
    assert (status, body["ending"], body["exit_code"]) == (200, "done", 0), text
    schema = {"$ref": "#/components/schemas/RolledBack", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)
    assert found.links() == ("1.0.0", "1.1.0")
    assert found.runs() == "1.0.0"
    assert found.audit() == ""
    _, out, _ = found.run("audit", "list", "-n", "60", "--format", "json", config="--policy")
    asked = [each["body"] for each in json.loads(out) if each["body"].get("verdict") == "asked"]
    assert [(each["kind"], each["subject"], each["by"], each["reason"]) for each in asked] == [
        ("rollback", "orders", "API, 127.0.0.1", "the prices are wrong")
    ]

    families = {each.name: each for each in text_string_to_metric_families(sidecar.ask("/metrics", headers=BEARER)[2])}
    assert [sample.value for sample in families["hotgate_rollbacks"].samples if sample.name.endswith("_total")] == [1]
    assert "hotgate_release" in families


@pytest.mark.long
def test_the_button_is_safe_from_other_sites(updated: tuple[Site, Running]) -> None:
    found, sidecar = updated
    status, headers, page = sidecar.ask("/services/orders", headers=BEARER)
    assert status == 200
    assert "Roll back to 1.0.0" in page
    assert "form-action 'none'" in headers["content-security-policy"]
    where = "/services/orders/rollback"
    assert sidecar.ask(where)[0] == 401
    status, headers, page = sidecar.ask(where, headers=BEARER)
    assert "form-action 'self'" in headers["content-security-policy"]
    assert "http-equiv" not in page, "what is being typed in is not to be lost"
    mark = re.search(r'name="form" value="([^"]+)"', page)
    assert mark is not None
    good = {"form": mark[1], "token": ACTIONS, "confirm": "orders"}

    def sent(fields: dict[str, str], **more: str) -> int:
        extra = {name.replace("_", "-"): value for name, value in more.items()}
        return sidecar.ask(where, urllib.parse.urlencode(fields).encode(), BEARER | FORM | extra)[0]

    assert sent(good, Origin="http://evil.example") == 403
    assert sent(good, Sec_Fetch_Site="cross-site") == 403
    assert sent(good | {"form": "99999999999." + "0" * 64}) == 403
    assert sent(good | {"form": mark[1].replace(mark[1][:10], "1000000000")}) == 403
    assert sent(good | {"token": TOKEN}) == 401
    assert sent(good | {"confirm": "order"}) == 400
    assert found.links() == ("1.1.0", "1.0.0")
    assert sent(good, Origin=sidecar.url(), Sec_Fetch_Site="same-origin") == 200
    assert found.links() == ("1.0.0", "1.1.0")


def test_without_its_table_it_only_looks_on(host: Site) -> None:
    with beside(host, actions=False) as sidecar:
        status, _, text = sidecar.ask("/v1/services/orders/rollback", {}, BEARER)
        assert (status, json.loads(text)["error"]["code"]) == (403, "actions_off")
        assert "only looks on" in sidecar.ask("/services/orders/rollback", headers=BEARER)[2]
        assert sidecar.ask("/v1/services/orders/releases", headers=BEARER)[0] == 200


@pytest.mark.long
def test_it_ends_what_was_killed_before_it_started(host: Site, images: Path) -> None:
    assert killed_at(host, "take-over", "begin", "apply", "orders", "--version", "1.1.0")
    with beside(host, actions=True) as sidecar:
        sidecar.eventually(lambda: "orders runs 1.1.0" in sidecar.log)
    assert host.links() == ("1.1.0", "1.0.0")
    assert host.wrong(images) == []


def test_one_token_is_not_both(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("same\n")
    path = tmp_path / "hotgate.toml"
    token = f'token_file = "{tmp_path}/token"\n'
    path.write_text(f"[sidecar]\n{token}[sidecar.actions]\n{token}", "utf-8")
    with pytest.raises(PolicyError, match="holds the token of"):
        load_sidecar(str(path))
