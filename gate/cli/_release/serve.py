"""Serve a repository on this host, to try it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gate.cli import Failure
from gate.cli._release._options import repository_argument

if TYPE_CHECKING:
    from pathlib import Path


@click.command("serve")
@repository_argument
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--quiet", is_flag=True, help="No line for each request.")
def command(repo: Path, *, port: int, quiet: bool) -> None:
    """Serve REPO on 127.0.0.1, to try it out. For hosts, put the folder behind any web server with https."""
    from gate.release.serving import Server

    try:
        server = Server(repo, port, quiet=quiet)
    except OSError as exc:
        raise Failure(
            f"cannot listen on 127.0.0.1:{port} ({exc.strerror})", hint="pass --port 0 for a free one"
        ) from exc
    with server:
        click.echo(f"serving {repo} at {server.url}; ctrl-C ends it", err=True)
        server.serve_forever()
