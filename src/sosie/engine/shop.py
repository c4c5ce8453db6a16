"""An open store as Python code meets it: `sosie.build(...)`, `sosie.open(...)`, `store.similar(...)`."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sosie.encoders import load_encoder
from sosie.encoders.function import by_signal
from sosie.engine.build import BuildOptions, BuildReport, build_store, silent
from sosie.engine.exports import write_export
from sosie.engine.matrix import write_matrix
from sosie.engine.neighbours import write_neighbours
from sosie.engine.questions import Answer, answer
from sosie.engine.reading import PRESENT
from sosie.engine.rules import ANYWHERE, Rules, change_rules, read_rules
from sosie.errors import EncoderError, QuestionError
from sosie.store import LocalStore, Snapshot, VectorCache
from sosie.types import Encoder, Hit, Matrix, Product, Progress, Query

if TYPE_CHECKING:
    import polars as pl

DEFAULT_STORE = Path("sosie.store")


class Store:
    """A store open for questions. Cheap to keep; sees what later builds write."""

    def __init__(self, folder: Path, report: BuildReport | None = None, encoders: Sequence[Encoder] = ()) -> None:
        self.folder = folder
        self.report = report
        self._local = LocalStore.open(folder)
        self._encoder = lru_cache(maxsize=None)(_load)
        self._own = by_signal(encoders, PRESENT)

    @property
    def snapshot(self) -> Snapshot:
        """The newest state, as one consistent view."""
        return self._local.snapshot()

    def __len__(self) -> int:
        return int(self.snapshot.alive.sum())

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.snapshot.row(id) is not None

    def __getitem__(self, id: str) -> Product:
        """A product by id. Raises QuestionError, offering close ids."""
        return self.snapshot.products([self._row(id)])[0]

    def similar(self, id: str, **options: object) -> list[Hit]:
        """Look-alikes of a product. `options` are the fields of `Query`: limit, where, weights, …"""
        return list(self.ask(_query(like=(id,), **options)).hits)

    def search(
        self,
        text: str = "",
        image: str | Path | None = None,
        like: Sequence[str] = (),
        unlike: Sequence[str] = (),
        **options: object,
    ) -> list[Hit]:
        """Products for words, a picture, products liked and unliked, in any mixture."""
        picture = Path(image) if image is not None else None
        query = _query(text=text, image=picture, like=tuple(like), unlike=tuple(unlike), **options)
        return list(self.ask(query).hits)

    def ask(self, query: Query) -> Answer:
        """Answer a question. Raises QuestionError where it can't be answered as asked."""
        return answer(self.snapshot, query, self.encoder)

    @property
    def local(self) -> LocalStore:
        """The folder of the store, for whoever writes to it."""
        return self._local

    @property
    def cache(self) -> VectorCache:
        """Raw vectors by encoder and content."""
        return self._local.cache

    def encoder(self, signal: str, state: Snapshot | None = None) -> Encoder:
        """The frozen encoder of a signal, loaded once; of an earlier `state` where one is given.

        One that was passed to `sosie.open` comes first. Raises StoreError where vectors came from elsewhere, and
        EncoderError where they are another's.
        """
        if signal in self._own:
            return self._passed(signal)
        return self._encoder((state or self.snapshot).encoder_folder(signal))

    @property
    def rules(self) -> Rules:
        """What is pinned and blocked beside which product. Raises StoreError: damaged."""
        return read_rules(self.folder)

    def pin(self, id: str, others: Sequence[str]) -> Rules:
        """Show products first beside another, in their order. Raises QuestionError: an unknown id, a blocked one."""
        known = [self._row(one) for one in (id, *others)]
        if known[0] in known[1:]:
            raise QuestionError(f"'{id}' can't be pinned beside itself.")
        anywhere = set(others) & set(self.rules.blocks.get(ANYWHERE, ()))
        if anywhere:
            raise QuestionError(
                f"{', '.join(sorted(anywhere))}: is blocked beside every product; take that back first."
            )
        return change_rules(self.folder, lambda rules: rules.with_pins(id, others))

    def block(self, id: str, others: Sequence[str]) -> Rules:
        """Never show products, nor their variants, beside another, or ("*") beside any. Raises QuestionError."""
        for one in (*others, *(() if id == ANYWHERE else (id,))):
            self._row(one)
        return change_rules(self.folder, lambda rules: rules.with_blocks(id, others))

    def unpin(self, id: str, others: Sequence[str] | None = None) -> Rules:
        """Take back pins beside a product, or all of them."""
        return change_rules(self.folder, lambda rules: rules.without_pins(id, others))

    def unblock(self, id: str, others: Sequence[str] | None = None) -> Rules:
        """Take back blocks beside a product, or ("*") beside every one."""
        return change_rules(self.folder, lambda rules: rules.without_blocks(id, others))

    def neighbours(self, out: str | Path, k: int = 50, progress: Progress | None = None) -> Path:
        """Write every product's k nearest to a .parquet, .csv or .jsonl file: id, neighbour, rank, score, parts."""
        write_neighbours(self.snapshot, Path(out), k, progress)
        return Path(out)

    def export(self, out: str | Path, form: str, k: int = 10, where: str = "", progress: Progress | None = None) -> int:
        """Write look-alikes in a form that a shop imports: shopify, woocommerce, magento, jsonl; how many have any."""
        return write_export(self.snapshot, self.encoder, Path(out), form, k, where, progress)

    def matrix(self, out: str | Path, k: int = 50, progress: Progress | None = None) -> Path:
        """Write the similarity matrix as .npz: dense up to 20,000 products, the k best a row beyond."""
        write_matrix(self.snapshot, Path(out), k, progress)
        return Path(out)

    def vectors(self, signal: str, ids: Sequence[str] | None = None) -> Matrix:
        """Vectors of a signal, (products, dim): of `ids` in their order, or of all products in the order of `table`."""
        snapshot = self.snapshot
        if signal not in snapshot.signals:
            raise QuestionError(f"there is no signal '{signal}'; this store has {', '.join(snapshot.signals)}.")
        rows = np.flatnonzero(snapshot.alive) if ids is None else np.array([self._row(i) for i in ids], np.int64)
        return snapshot.vectors(signal, rows)

    def table(self) -> "pl.DataFrame":
        """Every product as a polars table: id, title, category, brand, price and the filterable columns."""
        import polars as pl

        snapshot = self.snapshot
        rows = np.flatnonzero(snapshot.alive)
        columns: dict[str, object] = {"id": snapshot.ids(rows)}
        for name, column in snapshot.columns.items():
            values = column.values[rows]
            if column.vocabulary is None:
                columns.setdefault(name, pl.Series(values).fill_nan(None))
            else:
                words = pl.Series(column.vocabulary, dtype=pl.String)
                codes = pl.Series(values.astype(np.int64))
                columns.setdefault(name, words.gather(codes.set(codes < 0, None)))
        return pl.DataFrame(columns)

    def info(self) -> dict[str, object]:
        """What the store holds, as plain values."""
        snapshot = self.snapshot
        living = snapshot.groups[snapshot.alive]
        size = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        return {
            "products": len(living),
            "without variants": len(np.unique(living)),
            "version": snapshot.version,
            "signals": {
                name: {
                    "dim": state.dim,
                    "weight": state.weight,
                    "sigma": round(state.sigma, 4),
                    "encoder": state.encoder,
                }
                for name, state in snapshot.manifest.signals.items()
            },
            "columns": list(snapshot.columns),
            "bytes": size,
            "source": dict(snapshot.manifest.source),
        }

    def _passed(self, signal: str) -> Encoder:
        state, own = self.snapshot.manifest.signals.get(signal), self._own[signal]
        if state is None or state.fingerprint != own.fingerprint:
            raise EncoderError(
                f"encoders: the store's signal '{signal}' was not made by the one passed; build it with that."
            )
        return own

    def _row(self, id: str) -> int:
        snapshot = self.snapshot
        row = snapshot.row(id)
        if row is None:
            near = snapshot.close_ids(id)
            raise QuestionError(f"there is no product '{id}'" + (f"; did you mean {', '.join(near)}?" if near else "."))
        return row


def open_store(folder: str | Path = DEFAULT_STORE, *, encoders: Sequence[Encoder] = ()) -> Store:
    """Open a store that `build` made; `encoders` are those it can't hold. Raises StoreError."""
    return Store(Path(folder), encoders=encoders)


def build(
    catalogue: str | Path,
    store: str | Path = DEFAULT_STORE,
    *,
    progress: Progress = silent,
    **options: object,
) -> Store:
    """Build or update a store from a catalogue file or a folder of pictures, and open it.

    `options` are the fields of `BuildOptions`: mapping, ignore, images, reviews, vectors, config, encoders, ….
    Raises CatalogueError, StoreError, ConfigError.
    """
    chosen = BuildOptions(**options)  # type: ignore[arg-type]
    report = build_store(Path(catalogue), Path(store), chosen, progress)
    return Store(Path(store), report, chosen.encoders)


def _load(folder: Path) -> Encoder:
    return load_encoder(folder)


def _query(**fields: object) -> Query:
    known: Mapping[str, object] = {name: value for name, value in fields.items() if value is not None}
    try:
        return Query(**known)  # type: ignore[arg-type]
    except TypeError as error:
        raise QuestionError(f"{error}; a question has {', '.join(Query.__dataclass_fields__)}.") from error
