"""The verbs of the service: each reads its options and hands over."""

from pathlib import Path
from typing import Annotated

import typer

from sosie.cli.options import DEFAULT, Json, StoreOption


def serve(
    store: StoreOption = DEFAULT,
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Where to listen; 0.0.0.0 is everywhere.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, max=64, help="Processes.")] = None,
    keys: Annotated[
        str | None, typer.Option("--keys", metavar="WHEN", help="Whether requests need a key: auto, on or off.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings, a sosie.toml; its table [serve] counts.")
    ] = None,
) -> None:
    """Answer over HTTP: an API and a page."""
    from sosie.cli import show
    from sosie.config import parse_config, read_config
    from sosie.engine.shop import Store
    from sosie.web.server import run_server

    told = read_config(config).serve if config else Store(store).snapshot.config.serve
    given = {"host": host, "port": port, "workers": workers, "keys": keys}
    chosen = told.model_dump() | {name: value for name, value in given.items() if value is not None}
    serving = parse_config({"serve": chosen}, "sosie serve").serve

    def tell(address: str) -> None:
        show.err.print(f"serving {store} at {address}  (Ctrl-C ends it)", markup=False, soft_wrap=True)

    run_server(store, serving, tell)


def key(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="add, list or revoke.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is, such as the shop's web site.")] = "",
    role: Annotated[
        str, typer.Option("--role", help="read asks; write also changes products; admin also rolls back.")
    ] = "read",
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Keys of the service: make one, list them, or let one in no more."""
    from dataclasses import asdict

    from sosie.cli import show
    from sosie.web import keys

    if action not in ("add", "list", "revoke"):
        raise typer.BadParameter(f"'{action}' is none of add, list, revoke.", param_hint="ACTION")
    if role not in keys.ROLES:
        raise typer.BadParameter(f"'{role}' is none of {', '.join(keys.ROLES)}.", param_hint="--role")
    if bool(name) == (action == "list"):
        raise typer.BadParameter(f"key {action} takes {'no' if name else 'a'} NAME.", param_hint="NAME")
    if action == "list":
        known = [
            {field: value for field, value in asdict(one).items() if field != "hash"} for one in keys.list_keys(store)
        ]
        if as_json:
            show.print_json({"keys": known})
        else:
            show.print_facts("keys", {one["name"]: f"{one['role']}, since {one['since']}" for one in known})
        return
    if action == "revoke":
        keys.revoke_key(store, name)
        told = {"name": name, "revoked": True}
        line = f"{name}: revoked, from the next request on"
    else:
        made = keys.add_key(store, name, next(one for one in keys.ROLES if one == role))
        told = {"name": name, "role": role, "key": made}
        line = f"{made}\n[dim]the key of {name}, role {role}; it can't be shown again[/]"
    if as_json:
        show.print_json(told)
    else:
        show.out.print(line, soft_wrap=True)
