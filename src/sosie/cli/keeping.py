"""The verbs of operators: a store merged, backed up, restored and tidied while it is in use."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sosie.cli.options import DEFAULT, Json, StoreOption

BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The back-up, a .tar file.")]


def merge(store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """Take what was written since the last generation into a new one, while others read and write.

    `sosie serve` does it by itself. Answers stay the same; questions cost less.
    """
    from sosie.cli import show
    from sosie.engine.live import Live
    from sosie.engine.shop import Store

    with show.progress() as progress:
        version = Live(Store(store)).merge(progress)
    if as_json:
        show.print_json({"version": version})
    else:
        show.out.print(f"{store}: version {version}", markup=False)


def backup(file: BackupFile, store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """Write a store into one file, while others read and write: one consistent state, with checksums.

    Products, vectors, encoders, pictures that the store keeps, rules, judgements and hashes of keys; not the cache, nor
    states of trainings, nor the generation before. An earlier FILE is replaced once the new one is whole.
    """
    from sosie.cli import show
    from sosie.store.backup import back_up

    with show.progress() as progress:
        made = back_up(store, file, progress)
    if as_json:
        show.print_json(asdict(made) | {"file": str(made.file)})
    else:
        show.out.print(
            f"{file}: version {made.version} of {store}, {made.files:,} files, {show.size(made.bytes)}", markup=False
        )


def restore(
    file: BackupFile,
    store: StoreOption = DEFAULT,
    force: Annotated[
        bool, typer.Option("--force", help="Also where there is a store already; `sosie rollback` undoes it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put a back-up in place: verified whole before anything is switched, at once for whoever has the store open."""
    from sosie.cli import show
    from sosie.store.restore import restore as put_back

    with show.progress() as progress:
        made = put_back(file, store, force, progress)
    if as_json:
        show.print_json(asdict(made) | {"store": str(made.store)})
    else:
        show.out.print(
            f"{store}: version {made.version}, {made.files:,} files, {show.size(made.bytes)} verified", markup=False
        )


def gc(
    cache: Annotated[
        float | None, typer.Option("--cache", metavar="GB", min=0.0, help="Keep at most this much of cached vectors.")
    ] = None,
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Remove what killed processes left, and the oldest cached vectors beyond a limit (16 GB unless told otherwise)."""
    from sosie.cli import show
    from sosie.store.collect import collect

    freed = collect(store, None if cache is None else int(cache * 1e9))
    show.warn(freed.notes)
    if as_json:
        show.print_json({"states": freed.states, "unfinished": freed.unfinished, "cache": freed.cache})
    else:
        parts = (("old states", freed.states), ("unfinished work", freed.unfinished), ("cache", freed.cache))
        told = ", ".join(f"{show.size(count)} of {what}" for what, count in parts if count)
        show.out.print(f"{store}: freed {told or 'nothing: there was nothing to free'}", markup=False)
