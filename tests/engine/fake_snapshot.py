"""A store's snapshot held in memory, with the attributes that the engine reads."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from sosie.config import Config, IndexSettings
from sosie.engine.candidates import build_candidates
from sosie.index.words import build_postings, document
from sosie.scoring import apply_scale, fit_scale, omegas
from sosie.types import Column, Product, Scale

INDEXED = Config(index=IndexSettings(codes_from=100, graph_from=100))


class FakeSnapshot:
    """Built from raw vectors of each signal; rows from `base` on are the delta."""

    calibration = None

    def __init__(
        self,
        folder: Path,
        products: Sequence[Product],
        raw: Mapping[str, np.ndarray],
        *,
        weights: Mapping[str, float] | None = None,
        scales: Mapping[str, Scale] | None = None,
        config: Config | None = None,
        base: int | None = None,
        columns: Mapping[str, Column] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = self.folder = folder
        self.version = "1.1"
        self.delta = SimpleNamespace(grown=self, removed=(0,))  # any: tests let rows die later
        self.config = config or Config()
        self.records = list(products)
        self.size = len(self.records)
        self.base = self.size if base is None else base
        self.alive = np.ones(self.size, np.bool_)
        names = {name: at for at, name in enumerate(dict.fromkeys(p.group or p.id for p in products))}
        self.groups = np.array([names[p.group or p.id] for p in products], np.int32)
        self.signals = tuple(raw)
        self.scales = dict(scales or {s: fit_scale(m) for s, m in raw.items()})
        self.weights = dict(weights or dict.fromkeys(raw, 1.0))
        self.final = {s: apply_scale(np.asarray(m, np.float32), self.scales[s]) for s, m in raw.items()}
        self.columns = dict(columns or {})
        build_candidates(
            folder,
            {s: m[: self.base] for s, m in self.final.items()},
            omegas(self.weights, self.scales),
            self.config.index,
        )
        build_postings(folder, map(document, self.records[: self.base]))

    def row(self, id: str) -> int | None:
        return next((r for r, p in enumerate(self.records) if p.id == id and self.alive[r]), None)

    def ids(self, rows: Iterable[int]) -> list[str]:
        return [self.records[int(row)].id for row in rows]

    def products(self, rows: Iterable[int]) -> list[Product]:
        return [self.records[int(row)] for row in rows]

    def matrix(self, signal: str) -> np.ndarray:
        return self.final[signal][: self.base]

    def delta_matrix(self, signal: str) -> np.ndarray:
        return self.final[signal][self.base :]

    def vectors(self, signal: str, rows: np.ndarray) -> np.ndarray:
        return self.final[signal][rows]

    def encoder_folder(self, signal: str) -> Path:
        return self.folder / signal

    def close_ids(self, id: str, n: int = 3) -> list[str]:
        return [p.id for p in self.records if p.id[:2] == id[:2]][:n]
