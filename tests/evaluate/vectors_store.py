"""Little stores whose final vectors a test gives: made in a moment, by no encoder."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sosie.config import Config
from sosie.store import LocalStore, Snapshot
from sosie.types import Product, Scale


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of unit length; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0).astype(np.float32)


def normal(rows: int, dim: int, seed: int = 0) -> np.ndarray:
    """Rows drawn from a normal distribution."""
    return np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)


def rotation(dim: int, seed: int = 1) -> np.ndarray:
    """A random rotation."""
    return np.linalg.qr(normal(dim, dim, seed))[0].astype(np.float32)


def named(count: int, first: int = 0) -> list[Product]:
    """Products that are told apart by their numbers."""
    return [Product(id=f"p{at:05}", title=f"thing {at}", group=f"p{at:05}") for at in range(first, first + count)]


def store_of(
    folder: Path,
    products: Sequence[Product],
    vectors: Mapping[str, np.ndarray],
    means: Mapping[str, np.ndarray] | None = None,
    weights: Mapping[str, float] | None = None,
) -> Snapshot:
    """A store of products with the vectors of each signal, in their order, taken as they are; spreads are 1."""
    store = LocalStore.create(folder, Config())
    with store.write() as writer:
        writer.put(products, np.arange(1, len(products) + 1, dtype=np.uint64))
        dims = {signal: matrix.shape[1] for signal, matrix in vectors.items()}
        with writer.generation(dims, dict.fromkeys(dims, "1")) as fresh:
            for signal, matrix in vectors.items():
                fresh.vectors(signal)[:] = matrix
                mean = (means or {}).get(signal, np.zeros(matrix.shape[1], np.float32))
                fresh.describe(signal, scale=Scale(mean, 1.0), weight=(weights or {}).get(signal, 1.0))
    return store.snapshot()
