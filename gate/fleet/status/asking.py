"""Asks the sidecars of all hosts, or a Prometheus that scrapes them, which release of each component runs."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from gate.fleet.errors import FleetError
from gate.fleet.release.names import VERSION
from gate.policy.errors import PolicyError
from probes.errors import ProbeError
from probes.live.client import base_url
from probes.live.plain_httpx import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gate.fleet.inventory.model import Inventory
    from gate.fleet.plan.model import Plan

PORT = 9847
AT_ONCE = 64
SECONDS = 10.0
MAX_ANSWER = 4 << 20
MAX_VECTOR = 64 << 20
PLAIN = {"Accept-Encoding": "identity"}
"""Bodies are bounded as they come, so none is to be decompressed."""
QUERY = 'hotgate_release{role="runs"}'


class Seen(Struct, frozen=True):
    """A component on a host. `version` runs there, "" where it is not known; `problem` says why not, or what is wrong."""

    component: str
    host: str
    version: str
    problem: str = ""


def addresses(inventory: Inventory, hosts: tuple[str, ...]) -> dict[str, str]:
    """The URL of each host's sidecar: its variable `hotgate_sidecar`, or port 9847 of `ansible_host` or of its name.

    Raises:
        FleetError: a variable holds no URL.
    """
    found = {}
    for host in hosts:
        own = inventory.variable(host, "hotgate_sidecar")
        address = inventory.variable(host, "ansible_host") or host
        try:
            found[host] = base_url(own or f"http://{f'[{address}]' if ':' in address else address}:{PORT}")
        except (ProbeError, PolicyError) as exc:
            raise FleetError(f"{inventory.source}: the sidecar of {host}: {exc}") from exc
    return found


async def ask_sidecars(plan: Plan, inventory: Inventory, token: str) -> tuple[Seen, ...]:
    """What every host says of every component that the plan has on it, in the plan's order. No answer is an answer.

    Raises:
        FleetError: the inventory has no addresses.
    """
    wanted = [(name, host) for name, hosts in _where(plan).items() for host in hosts]
    urls = addresses(inventory, tuple(dict.fromkeys(host for _, host in wanted)))
    limit = asyncio.Semaphore(AT_ONCE)
    headers = PLAIN | ({"Authorization": f"Bearer {token}"} if token else {})
    async with httpx.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False, follow_redirects=False) as client:

        async def one(name: str, host: str) -> Seen:
            async with limit:
                try:
                    async with asyncio.timeout(SECONDS):
                        return _read(name, host, await _get(client, f"{urls[host]}/v1/services/{name}/releases"))
                except (httpx.HTTPError, OSError, TimeoutError) as exc:
                    return Seen(name, host, "", f"no answer ({type(exc).__name__})")
                except ValueError as exc:
                    return Seen(name, host, "", str(exc))

        return tuple(await asyncio.gather(*(one(name, host) for name, host in wanted)))


async def ask_prometheus(plan: Plan, inventory: Inventory, server: str) -> tuple[Seen, ...]:
    """As `ask_sidecars`, from the metric `hotgate_release` that Prometheus has scraped; an `instance` is a sidecar's host and port.

    Raises:
        FleetError: it does not answer, or with something else.
    """
    where = _where(plan)
    hosts = tuple(dict.fromkeys(host for each in where.values() for host in each))
    by_place = {urlsplit(url).netloc: host for host, url in addresses(inventory, hosts).items()}
    found: dict[tuple[str, str], str] = {}
    try:
        async with httpx.AsyncClient(headers=PLAIN, timeout=SECONDS, trust_env=False, follow_redirects=False) as client:
            answer = await _get(client, f"{base_url(server)}/api/v1/query?{urlencode({'query': QUERY})}", MAX_VECTOR)
        for row in json.loads(answer)["data"]["result"]:
            labels = row["metric"]
            host = by_place.get(str(labels.get("instance", "")))
            if host is not None:
                found[str(labels["service"]), host] = _version(labels["version"])
    except (httpx.HTTPError, OSError, TimeoutError, ProbeError) as exc:
        raise FleetError(f"Prometheus gives no answer: {str(exc) or type(exc).__name__}") from exc
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise FleetError(f"Prometheus answers with something else than a vector: {server}") from exc
    return tuple(
        Seen(name, host, found.get((name, host), ""), "" if (name, host) in found else "Prometheus knows nothing of it")
        for name, named in where.items()
        for host in named
    )


def _where(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    return {name: plan.hosts[plan.components[name].hosts] for name in plan.order.names}


async def _get(client: httpx.AsyncClient, url: str, most: int = MAX_ANSWER) -> bytes:
    """The body of a 200.

    Raises:
        ValueError: another status, or too large.
    """
    body = bytearray()
    async with client.stream("GET", url) as answer:
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > most:
                raise ValueError("its answer is too large")
        if answer.status_code != 200:
            raise ValueError(_refusal(answer.status_code, bytes(body)))
    return bytes(body)


def _refusal(status: int, body: bytes) -> str:
    try:
        said = str(json.loads(body)["error"]["message"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        said = ""
    return f"the sidecar answers {status}{': ' if said else ''}{said}"


def _read(name: str, host: str, body: bytes) -> Seen:
    """Raises ValueError for an answer of another shape."""
    try:
        found: Any = json.loads(body)["releases"]
        runs = _version(found["runs"]) if found["runs"] else ""
        problems = [str(each)[:200] for each in found["problems"]][:3]
        problems += [f"under way: {str(found['busy'])[:100]}"] if found["busy"] else []
        problems += [str(found["unfinished"])[:200]] if found["unfinished"] else []
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ValueError("the sidecar answers with something else") from exc
    return Seen(name, host, runs, "; ".join(problems) or ("" if runs else "what runs is no release"))


def _version(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(VERSION, value, re.ASCII):
        raise ValueError("no version")
    return value
