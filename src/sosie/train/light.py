"""How light a trained encoder is: beside its teacher, and with fewer or coarser numbers."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.state import unit_rows
from sosie.types import Encoder, Matrix, Product

LEVELS = 127  # of an int8 number, either way
TURNS = 3  # in which two encoders are timed, of which the quickest counts


@dataclass(frozen=True, slots=True)
class Short:
    """What vectors come to with only their first numbers, each in so many bits."""

    dim: int
    bits: int
    bytes: int  # of a product
    value: float  # of the measure


@dataclass(frozen=True, slots=True)
class Light:
    """A small encoder beside its teacher."""

    teacher: str
    measure: str
    value: float
    of_teacher: float | None  # the teacher's own; None where it can't be asked the same
    bytes: int  # of the network's file
    bytes_of_teacher: int
    per_second: float  # products, from files to vectors
    per_second_of_teacher: float

    @property
    def share(self) -> float | None:
        """Of the teacher's quality that is kept."""
        return self.value / self.of_teacher if self.of_teacher else None


def shortened(figure: Callable[[Matrix], float], vectors: Matrix, cuts: Sequence[int]) -> tuple[Short, ...]:
    """The measure with each of some lengths, as 32-bit and as 8-bit numbers; the whole vectors come last."""
    dims = sorted({cut for cut in cuts if cut < vectors.shape[1]} | {vectors.shape[1]})
    found = []
    for dim in dims:
        cut = unit_rows(vectors[:, :dim])
        found += [
            Short(dim, 32, 4 * dim, figure(cut)),
            Short(dim, 8, dim, figure(unit_rows(coarse(cut).astype(np.float32)))),
        ]
    return tuple(found)


def coarse(vectors: Matrix) -> NDArray[np.int8]:
    """Unit vectors as 8-bit numbers, each row by its own largest, which cosines don't mind."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    numbers: NDArray[np.int8] = np.rint(vectors * (LEVELS / np.maximum(largest, 1e-9))).astype(np.int8)
    return numbers


def speeds(encoders: Sequence[Encoder], products: Sequence[Product]) -> tuple[float, ...]:
    """Products a second of encoders, taken in turns, from files to vectors."""
    least = [float("inf")] * len(encoders)
    for _ in range(TURNS):
        for at, encoder in enumerate(encoders):
            started = time.perf_counter()
            encoder.encode(products)
            least[at] = min(least[at], time.perf_counter() - started)
    return tuple(len(products) / seconds for seconds in least)


def network_bytes(folder: Path) -> int:
    """Size of the exported networks in an encoder's folder."""
    return sum(file.stat().st_size for file in folder.rglob("*.onnx"))
