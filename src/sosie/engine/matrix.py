"""The similarity matrix of a store as one .npz file that `scipy.sparse.load_npz` opens."""

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sosie.engine.candidates import Candidates
from sosie.engine.nearest import every_nearest
from sosie.errors import QuestionError
from sosie.scoring import omegas
from sosie.types import Matrix, Progress

if TYPE_CHECKING:
    from sosie.store import Snapshot

DENSE = 20_000  # products up to which every pair is written
BLOCK = 2_048


def write_matrix(snapshot: "Snapshot", out: Path, k: int = 50, progress: Progress | None = None) -> None:
    """Write the symmetric matrix of scores at default weights; `ids` in the file names its rows and columns, in order.

    Every pair up to DENSE products (one block of SciPy's BSR format: `load_npz(file).toarray()`), beyond it the k best
    a row and their mirror images (CSR). Where one of two products lacks a signal, the scores of the two directions
    differ, and their mean is written. Raises QuestionError where the file doesn't end in .npz.
    """
    if out.suffix.lower() != ".npz":
        raise QuestionError(f"{out}: can't be written; give a file that ends in .npz.")
    candidates = Candidates.open(snapshot)
    living = np.flatnonzero(snapshot.alive)
    arrays: dict[str, NDArray[Any]]
    if len(living) > DENSE or len(living) == 0:
        arrays = _sparse(candidates, living, k, progress)
    else:
        arrays = {
            "format": np.array(b"bsr"),
            "shape": np.array([len(living), len(living)]),
            "data": _dense(candidates, living, progress)[None],
            "indices": np.array([0], np.int32),
            "indptr": np.array([0, 1], np.int32),
        }
    arrays["ids"] = np.array(snapshot.ids(living), np.str_)
    out.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as sink:
        part = Path(sink.name)
        try:
            np.savez(sink, allow_pickle=False, **arrays)
            sink.flush()
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    part.chmod(0o644)
    part.replace(out)


def _masses(candidates: Candidates, rows: NDArray[np.int64]) -> tuple[dict[str, float], NDArray[np.float32]]:
    """Omega of each signal, and of each product the sum over the signals it has."""
    snapshot = candidates.snapshot
    omega = {s: w for s, w in omegas(snapshot.weights, snapshot.scales).items() if s in snapshot.signals}
    mass = np.zeros(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        for signal, value in omega.items():
            mass[start : start + BLOCK] += value * candidates.vectors(signal, block).any(axis=1)
    return omega, mass


def _dense(candidates: Candidates, rows: NDArray[np.int64], progress: Progress | None) -> Matrix:
    omega, mass = _masses(candidates, rows)
    inverse = np.divide(0.5, mass, out=np.zeros_like(mass), where=mass > 0)
    scores = np.zeros((len(rows), len(rows)), np.float32)
    for start in range(0, len(rows), BLOCK):
        above = slice(start, min(start + BLOCK, len(rows)))
        for signal, value in omega.items():
            left = candidates.vectors(signal, rows[above]) * np.float32(value)
            for other in range(start, len(rows), BLOCK):
                right = candidates.vectors(signal, rows[other : other + BLOCK])
                scores[above, other : other + BLOCK] += left @ right.T
        scores[above, start:] *= inverse[above, None] + inverse[None, start:]
        scores[above, above] = (scores[above, above] + scores[above, above].T) / 2  # BLAS rounds the two differently
        scores[start:, above] = scores[above, start:].T
        if progress is not None:
            progress("matrix", above.stop, len(rows))
    square = scores[np.arange(len(rows)), np.arange(len(rows))]
    scores[np.arange(len(rows)), np.arange(len(rows))] = np.where(square != 0, 1, 0)
    return scores


def _sparse(
    candidates: Candidates, rows: NDArray[np.int64], k: int, progress: Progress | None
) -> dict[str, NDArray[Any]]:
    from scipy.sparse import coo_array

    _, mass = _masses(candidates, rows)
    place = np.full(candidates.snapshot.size, -1, np.int64)
    place[rows] = np.arange(len(rows))
    pairs, values = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for block in every_nearest(candidates, k, variants=True, progress=progress):
        there = block.rows >= 0
        left = place[np.repeat(block.asked, there.sum(axis=1))]
        right = place[block.rows[there]]
        scores = block.parts.sum(axis=2)[there] * (1 + mass[left] / np.where(mass[right] > 0, mass[right], 1)) / 2
        pairs.append(np.minimum(left, right) * len(rows) + np.maximum(left, right))
        values.append(scores.astype(np.float32))
    keys, first = np.unique(np.concatenate(pairs), return_index=True)
    scores = np.concatenate(values)[first]
    left, right = keys // len(rows), keys % len(rows)
    own = np.flatnonzero(mass > 0)
    matrix = coo_array(
        (
            np.concatenate([scores, scores, np.ones(len(own), np.float32)]),
            (np.concatenate([left, right, own]), np.concatenate([right, left, own])),
        ),
        shape=(len(rows), len(rows)),
    ).tocsr()
    shape = np.array(matrix.shape)
    return {
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "format": np.array(b"csr"),
        "shape": shape,
    }
