"""Shops of made-up products whose only signals are vectors that a test gives: no network has to be opened."""

from pathlib import Path

import numpy as np

from sosie.config import parse_config
from sosie.engine.build import BuildOptions, build_store
from sosie.engine.shop import Store

OFF = {name: {"enabled": False} for name in ("text", "words", "category", "attributes", "price", "image", "colour")}


def write_catalogue(file: Path, columns: dict[str, list]) -> None:
    """A CSV file of columns, an id first where there is none."""
    size = len(next(iter(columns.values())))
    columns = {"id": [f"p{at:05}" for at in range(size)], **columns}
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")


def shop_of(
    folder: Path,
    columns: dict[str, list],
    vectors: dict[str, np.ndarray],
    on: tuple[str, ...] = (),
    ignore: tuple[str, ...] = (),
    index: dict[str, int] | None = None,
) -> Store:
    """Build a shop; `on` are the signals of the catalogue that are switched on, beside the given vectors.

    `index` are settings: from which size on there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_catalogue(folder / "catalogue.csv", columns)
    for name, matrix in vectors.items():
        np.save(folder / f"{name}.npy", matrix)
    signals = {name: one for name, one in OFF.items() if name not in on}
    config = parse_config({"signals": signals, "index": index or {}}, "test")
    specs = [f"{name}={folder / name}.npy" for name in vectors]
    options = BuildOptions(vectors=specs, config=config, ignore=ignore)
    build_store(folder / "catalogue.csv", folder / "store", options)
    return Store(folder / "store")
