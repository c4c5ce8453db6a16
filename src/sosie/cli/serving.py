"""The verbs of the service: each reads its options and hands over."""

from pathlib import Path
from typing import Annotated

import typer

from sosie.cli.options import DEFAULT, StoreOption


def serve(
    store: StoreOption = DEFAULT,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Processes.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings, a sosie.toml; its table [serve] counts.")
    ] = None,
) -> None:
    """Answer over HTTP: an API and a page."""
    from sosie.config import read_config
    from sosie.engine.shop import Store
    from sosie.web.server import run_server

    serving = read_config(config).serve if config else Store(store).snapshot.config.serve
    given = {"host": host, "port": port, "workers": workers}
    run_server(store, serving.model_copy(update={name: value for name, value in given.items() if value is not None}))
