"""One byte a dimension of every row: a quarter of what exact scores have to read, within a known error.

Scalar quantisation to 8 bits. The largest error of any row is kept, so that rows that can't be among the best are told
from those that can; the caller scores the latter exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import local
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sosie.errors import StoreError
from sosie.types import Matrix, Rows, Vector

TOP = 127  # the largest absolute value of a byte
ALIGNED = 64  # bytes of a line of the processor's cache
BLOCK = 16_384
ROUNDING = 1e-5  # of float32 sums, at most

_scratch = local()


@dataclass(frozen=True, slots=True)
class Bytes:
    """Rows of several parts side by side, (rows, width); the value of a byte b in part i is `(b - 128) * steps[i]`.

    Rows are of unit length, or zeros, in each part.
    """

    codes: NDArray[np.uint8]
    dims: tuple[int, ...]
    steps: tuple[float, ...]
    errors: tuple[float, ...]  # of each part: the largest distance of a row from its bytes

    @classmethod
    def build(cls, parts: Sequence[Matrix], file: Path) -> Self:
        """Write the bytes of matrices of equally many rows, (rows, dim) each, as .npy; in blocks."""
        dims = tuple(part.shape[1] for part in parts)
        size = len(parts[0])
        blocks = [slice(start, start + BLOCK) for start in range(0, size, BLOCK)]
        largest = [max((float(np.abs(part[b]).max(initial=0)) for b in blocks), default=0.0) for part in parts]
        steps = tuple((value or 1.0) / TOP for value in largest)
        errors = [0.0] * len(parts)
        starts = np.cumsum((0, *dims))
        shape = (size, _width(dims))
        with file.open("wb") as out:  # not a writable map: a full disk would kill the process
            np.lib.format.write_array_header_1_0(out, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for block in blocks:
                codes = np.full((len(parts[0][block]), shape[1]), TOP + 1, np.uint8)
                for at, part in enumerate(parts):
                    rows = np.asarray(part[block], np.float32)
                    rounded = np.rint(rows / np.float32(steps[at]))
                    codes[:, starts[at] : starts[at + 1]] = rounded + (TOP + 1)
                    rest = np.linalg.norm(rows - rounded * np.float32(steps[at]), axis=1)
                    errors[at] = max(errors[at], float(rest.max(initial=0)))
                out.write(codes.tobytes())
        return cls.load(file, size, dims, steps, errors)

    @classmethod
    def load(cls, file: Path, size: int, dims: Sequence[int], steps: Sequence[float], errors: Sequence[float]) -> Self:
        """Map what `build` wrote of `size` rows. Raises StoreError for a file that is missing, damaged or another's."""
        try:
            codes = np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{file}: the bytes can't be opened ({error}); build the store again.") from error
        if codes.dtype != np.uint8 or codes.shape != (size, _width(dims)):
            raise StoreError(f"{file}: the bytes don't fit their signals; build the store again.")
        return cls(codes, tuple(dims), tuple(steps), tuple(errors))

    def best(self, query: Vector, rows: Rows, k: int) -> tuple[Rows, float]:
        """Positions in `rows` of the k that look best to a query, (sum of dims,), and what no other row exceeds."""
        wide = np.zeros((1, self.codes.shape[1]), np.float32)
        slack = ROUNDING
        start = 0
        for dim, step, error in zip(self.dims, self.steps, self.errors, strict=True):
            part = query[start : start + dim]
            np.multiply(part, np.float32(step), out=wide[0, start : start + dim])
            slack += error * math.sqrt(part @ part)
            start += dim
        seeming, found = _gathered(self.codes, rows).search(wide, min(k, len(rows)))
        return found[0], -np.inf if k >= len(rows) else float(seeming[0, -1]) + slack


def _width(dims: Sequence[int]) -> int:
    return -(-sum(dims) // ALIGNED) * ALIGNED


def _gathered(codes: NDArray[np.uint8], rows: Rows) -> Any:  # noqa: ANN401 (faiss has no types)
    """A faiss index of some rows, made anew in memory that this thread keeps."""
    import faiss

    width = codes.shape[1]
    if getattr(_scratch, "width", None) != width or _scratch.room < len(rows):
        index = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_8bit_uniform, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(np.array([-TOP - 1.5, 255], np.float32), index.sq.trained)  # a byte b as b - 128
        index.is_trained = True
        index.codes.resize(len(rows) * width)
        _scratch.index, _scratch.width, _scratch.room = index, width, len(rows)
    index = _scratch.index
    place = faiss.rev_swig_ptr(index.codes.data(), _scratch.room * width).reshape(_scratch.room, width)
    codes.take(rows, axis=0, out=place[: len(rows)], mode="clip")  # rows are known to be there
    index.ntotal = len(rows)
    return index
