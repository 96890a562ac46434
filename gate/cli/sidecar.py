"""Run beside services: poll, keep their history, answer verdicts, show a page."""

from __future__ import annotations

import os

import click

from gate.cli import Failure
from gate.cli._shared.audit import store_option
from gate.exits import EXIT_BUG


@click.command(
    "sidecar",
    epilog="Signals: HUP reads the configuration again, TERM and INT drain and end. "
    "Exit codes: 0, or 2 when the store did not get everything.",
)
@click.option(
    "--config",
    "path",
    metavar="FILE",
    envvar="HOTGATE_POLICY",
    help="Policy file with a [sidecar] table (default: hotgate.toml).",
)
@store_option
def command(*, path: str | None, store: str | None) -> int:
    """Poll the services of the configuration, keep what they say, and serve metrics, an API and a page.

    It observes only: it restarts, reloads and changes nothing. In a terminal the last line shows where it stands;
    elsewhere stderr gets lines of JSON.
    """
    import asyncio
    from functools import partial

    from gate.policy.environment import apply_environment
    from gate.policy.file import load_policy
    from gate.policy.model import Policy, find_policy_file
    from gate.sidecar.config.model import SidecarConfig, load_sidecar

    path = path or find_policy_file()
    if path is None:
        raise Failure("no configuration", hint="pass --config FILE, or write hotgate.toml with [[sidecar.service]]")
    source = path

    def load() -> tuple[SidecarConfig, Policy]:
        policy = apply_environment(load_policy(source), os.environ)
        return load_sidecar(source), policy

    config, policy = load()
    from gate.sidecar.app import Sidecar
    from gate.sidecar.log import configure
    from gate.sidecar.web.server import listen, serve
    from gate.store.database import Database

    with Database.open(store or policy.store) as database:
        try:
            sock = listen(config.host, config.port)
        except OSError as exc:
            raise Failure(f"cannot listen on {config.host}:{config.port} ({exc.strerror})") from exc
        show = configure()

        async def run() -> tuple[int, bool]:
            sidecar = Sidecar(config, policy, database, load, store or "")
            return await sidecar.run(sock, show, partial(serve, sidecar)), sidecar.broken

        with sock:
            lost, broken = asyncio.run(run())
    if broken:
        return EXIT_BUG
    if lost:
        raise Failure(f"{lost} polls never reached the store", hint="its log says why; what was answered is kept")
    return 0
