"""How raw cosines of several signals become one score whose parts add up.

Every signal's vectors are centred by the catalogue's mean and brought back to unit length; a signal's weight is
divided by the spread sigma of its cosines over random pairs: omega = w / sigma. Then

    score(q, p) = sum over s of omega_s cos_s(q, p) / sum of omega_s,   s = the signals that the question has.

A signal the candidate lacks (a row of zeros) counts 0, and a product is 1 to itself.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sosie.errors import QuestionError
from sosie.types import Matrix, Scale, Vector

SAMPLE = 20_000  # rows from which a Scale is fitted: its mean is then known to about 1%
PAIRS = 20_000  # random pairs from which sigma is taken
LEAST_ROWS = 8  # fewer rows are not centred: they would all be pushed apart (two rows exactly to -1)
LEAST_LENGTH = 0.1  # a mean that leaves most rows shorter than this is nearly all there is to them
FLOOR = 1e-3  # of the largest variance: directions below it are noise, and are not raised further
LEAST_SIGMA = 0.02  # a smaller spread is noise
LEAST_REST = 1e-6  # a centred row shorter than this lay on the mean
DECIMALS = 4  # of printed scores and parts


def fit_scale(sample: Matrix, dim: int = 0) -> Scale:
    """Mean and spread of one signal from rows drawn at random, (rows, raw dim); rows of zeros are left out.

    With `dim`, and at least as many distinct rows, also the projection on their `dim` main directions, half-whitened:
    what all of a shop's pictures share no longer drowns what tells them apart (Jégou & Chum, "Negative evidences and
    co-occurences in image retrieval", 2012; here with the exponent 1/4 instead of 1/2 on the variances).

    Tiny catalogues, and those whose rows hardly differ, keep a mean of zeros (nothing is centred). Sigma is the
    root mean square of the cosines of random pairs of centred rows, never below LEAST_SIGMA.
    """
    rows = sample[np.isfinite(sample).all(axis=1) & np.any(sample, axis=1)]
    nothing = np.zeros(sample.shape[1], np.float32)
    if len(rows) < 2:
        return Scale(nothing)
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32) if len(rows) >= LEAST_ROWS else nothing
    if np.median(np.linalg.norm(rows - mean, axis=1)) < LEAST_LENGTH:
        mean = nothing
    projection = _projection(rows, mean, dim) if dim else None
    centred = apply_scale(rows, Scale(mean, projection=projection))
    generator = np.random.default_rng(0)
    left = generator.integers(0, len(rows), PAIRS)
    right = (left + generator.integers(1, len(rows), PAIRS)) % len(rows)
    cosines = _pair_cosines(centred, left, right)
    if not mean.any():
        cosines = cosines - cosines.mean()  # uncentred, the part that all cosines share is no spread
    sigma = float(np.sqrt(np.mean(np.square(cosines, dtype=np.float64))))
    if len(rows) < LEAST_ROWS or (sigma < LEAST_SIGMA and not mean.any()):
        sigma = 1.0  # a signal in which nothing differs must not outweigh the others
    sigma = max(sigma, LEAST_SIGMA)  # centred rows with hardly a spread are all different: texts that share no word
    return Scale(mean, sigma, projection)


def _projection(rows: Matrix, mean: Vector, dim: int) -> Matrix | None:
    from scipy.linalg import eigh

    centred = np.unique(rows, axis=0).astype(np.float64) - mean
    size = rows.shape[1]
    if dim >= min(len(centred), size):
        return None
    covariance = centred.T @ centred / len(centred)
    variances, directions = eigh(covariance, subset_by_index=[size - dim, size - 1])
    whitened: Matrix = (directions * (variances + FLOOR * variances[-1]) ** -0.25).astype(np.float32)
    return whitened


def _pair_cosines(rows: Matrix, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float32]:
    blocks = [slice(start, start + 4096) for start in range(0, len(left), 4096)]
    return np.concatenate([np.einsum("ij,ij->i", rows[left[b]], rows[right[b]]) for b in blocks])


def apply_scale(matrix: Matrix, scale: Scale) -> Matrix:
    """Rows centred by the scale's mean, projected and brought to unit length, (rows, dim); rows of zeros stay zeros.

    A row that lies on the mean would vanish; it keeps its own direction, since zeros mean "missing".
    """
    present = np.any(matrix, axis=1) & np.isfinite(matrix).all(axis=1)
    centred = np.where(present[:, None], matrix - scale.mean, np.float32(0)).astype(np.float32, copy=False)
    vanished = present & (np.linalg.norm(centred, axis=1) < LEAST_REST)
    centred[vanished] = matrix[vanished]
    if scale.projection is not None:
        centred = centred @ scale.projection
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    centred /= lengths
    return centred


def apply_scale_to(vector: Vector, scale: Scale) -> Vector:
    """One vector (of a question) scaled as the rows of its signal were, (dim,)."""
    row: Vector = apply_scale(vector[None], scale)[0]
    return row


def chosen_weights(defaults: Mapping[str, float], given: Mapping[str, float] | None) -> dict[str, float]:
    """Default weights with those a question names replaced; signals of weight 0 are left out.

    Raises QuestionError for an unknown signal (naming the known ones), and for a weight that is negative or no number.
    """
    weights = dict(defaults)
    for signal, weight in (given or {}).items():
        if signal not in defaults:
            raise QuestionError(f"weights: unknown signal '{signal}'; this store has: {', '.join(sorted(defaults))}.")
        if not (np.isfinite(weight) and weight >= 0):
            raise QuestionError(f"weights: {signal}={weight} is not usable; give 0 (off) or a positive number.")
        weights[signal] = float(weight)
    kept = {signal: weight for signal, weight in weights.items() if weight > 0}
    if not kept:
        raise QuestionError("weights: every signal is switched off; give at least one a positive weight.")
    return kept


def read_weights(text: str) -> dict[str, float]:
    """Weights as people write them, "image=2,text=1"; none for "". Raises QuestionError."""
    weights = {}
    for pair in filter(None, text.split(",")):
        signal, separator, value = pair.partition("=")
        try:
            weights[signal.strip()] = float(value)
        except ValueError:
            separator = ""
        if not separator:
            raise QuestionError(f"weights: '{pair}' is not SIGNAL=NUMBER, such as image=2.")
    return weights


def omegas(weights: Mapping[str, float], scales: Mapping[str, Scale]) -> dict[str, float]:
    """Weight over spread of each signal of positive weight; a signal without a scale has spread 1."""
    return {
        signal: weight / (scales[signal].sigma if signal in scales else 1.0)
        for signal, weight in weights.items()
        if weight > 0
    }


def combine(cosines: Mapping[str, NDArray[np.float32]], omega: Mapping[str, float]) -> NDArray[np.float32]:
    """Parts of the score, one row a signal in the order of `cosines`: omega_s cos_s / sum of omega, (signals, n)."""
    total = sum(omega[signal] for signal in cosines)
    return np.stack([values * np.float32(omega[signal] / total) for signal, values in cosines.items()])


def printed_parts(parts: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and parts, (hits, signals), rounded to four decimals so that printed parts add up to the printed score.

    In each row the largest remainders are rounded up first (Hamilton's method), so no part is off by a whole unit.
    """
    unit = 10**DECIMALS
    exact = parts.astype(np.float64) * unit
    totals = np.rint(exact.sum(axis=1))
    floors = np.floor(exact)
    place = np.argsort(np.argsort(floors - exact, axis=1, kind="stable"), axis=1)
    floors += place < (totals - floors.sum(axis=1))[:, None]
    return (totals + 0.0) / unit, (floors + 0.0) / unit  # + 0.0: no "-0.0" is printed
