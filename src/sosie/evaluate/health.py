"""What a store's vectors tell without any truth: collapse, hubs, equal vectors, signals that only repeat each other."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TruthError
from sosie.evaluate.drift import drift
from sosie.evaluate.health_remarks import FACTS, remarks_of, repeated, verdict_of
from sosie.evaluate.places import first_rows
from sosie.metrics.health import (
    covariance,
    dead_dimensions,
    distinct,
    effective_rank,
    intrinsic_dimension,
    keys,
    linear_cka,
    mean_cosine,
    nearest,
    occurrences,
    shared,
    skewness,
    spectrum,
)
from sosie.reports import HealthReport, Kind, Repetition, Shown, SignalHealth
from sosie.scoring import omegas
from sosie.store import Snapshot
from sosie.types import Mask, Matrix, Progress, Rows

SAMPLE = 5_000  # products whose neighbours are looked at
BOTH = 2_000  # of them, those by which two signals are set beside each other
PAIRS = 20_000  # random pairs of those
DEPTH = 10  # neighbours of a product: as many as an answer has
LEAST = 50  # distinct vectors, with fewer neighbours say nothing
DIRECTIONS = 64
SHOWN = 8  # hubs, and sets of equal vectors
BLOCK = 16_384  # vectors read at a time
QUANTILES = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)
BINS = (0, 2, 5, 10, 20, 50, 100)  # upper ends of the bars of occurrences
FUSED = "fused"
REPEATS_CKA, REPEATS_OVERLAP = 0.9, 0.8  # the first is what a copy with noise of a third of its length has

Keys = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class _Vectors:
    """One signal, or all of them side by side: what is known of each product, and the vectors of a sample."""

    name: str
    kind: Kind
    weight: float
    common: float
    keys: Keys  # (products,)
    lengths: NDArray[np.float64]  # (products,) 0 = it lacks the signal
    sample: Matrix  # (sample, dim)


def health(
    snapshot: Snapshot,
    against: Snapshot | None = None,
    reproduce: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> HealthReport:
    """Look at the vectors of a store; with `against`, an older build, also at what changed since.

    Products count once, by the first of their variants. Equal vectors and lengths are of all of them, all else of
    SAMPLE drawn at random. Raises TruthError for a store without products, or builds that have nothing in common.
    """
    started = time.perf_counter()
    rows = first_rows(snapshot, np.flatnonzero(snapshot.alive), variants=False)
    if not len(rows):
        raise TruthError(f"{snapshot.store}: holds no products; there is nothing to look at.")
    size = min(SAMPLE, len(rows))
    sample = np.sort(np.random.default_rng(0).choice(len(rows), size, replace=False))
    read = list(_read(snapshot, rows, sample, progress))
    signals = []
    for at, vectors in enumerate([_side_by_side(snapshot, read), *read]):
        signals.append(_health(snapshot, rows, sample, vectors))
        if progress is not None:
            progress("neighbours", at + 1, len(read) + 1)
    repetitions = tuple(_repetitions(read, progress))
    drifted = None if against is None else drift(against, snapshot, progress)
    notes = []
    if size < len(rows):
        notes.append(f"Figures of neighbours are of {size:,} of the {len(rows):,} products, drawn at random.")
    if size < LEAST:
        notes.append(f"{size:,} products are too few to tell of neighbours; {LEAST} are needed.")
    report = HealthReport(
        store=str(snapshot.store),
        version=snapshot.version,
        products=len(rows),
        sampled=size,
        signals=tuple(replace(one, remarks=remarks_of(one, snapshot.signals)) for one in signals),
        repetitions=repetitions,
        drift=drifted,
        remarks=repeated(repetitions),
        verdict="",
        notes=tuple(notes),
        reproduce=dict(reproduce or {}),
        seconds=time.perf_counter() - started,
    )
    return replace(report, verdict=verdict_of(report))


def _read(snapshot: Snapshot, rows: Rows, sample: Rows, progress: Progress | None) -> Iterator[_Vectors]:
    for at, signal in enumerate(snapshot.signals):
        found, lengths = [], []
        for start in range(0, len(rows), BLOCK):
            block = snapshot.vectors(signal, rows[start : start + BLOCK])
            found.append(keys(block))
            lengths.append(np.nan_to_num(np.sqrt(np.einsum("ij,ij->i", block, block, dtype=np.float64)), posinf=0))
        mean = snapshot.scales[signal].mean.astype(np.float64)
        yield _Vectors(
            name=signal,
            kind="signal",
            weight=snapshot.weights[signal],
            common=float(mean @ mean),
            keys=np.concatenate(found),
            lengths=np.concatenate(lengths),
            sample=np.nan_to_num(snapshot.vectors(signal, rows[sample]), posinf=0, neginf=0),
        )
        if progress is not None:
            progress("reading vectors", at + 1, len(snapshot.signals))


def _side_by_side(snapshot: Snapshot, read: Sequence[_Vectors]) -> _Vectors:
    """The signals as the fused score weighs them: inner products are scores, and a product has 1 with itself."""
    omega = omegas(snapshot.weights, snapshot.scales)
    weighed = [one for one in read if one.name in omega] or list(read)
    shares = np.array([omega.get(one.name, 1.0) for one in weighed])
    shares /= shares.sum()
    number = np.unique(np.stack([one.keys for one in weighed], axis=1), axis=0, return_inverse=True)[1]
    return _Vectors(
        name=FUSED,
        kind="fused",
        weight=float(sum(one.weight for one in weighed)),
        common=0.0,
        keys=number.ravel().astype(np.uint64),
        lengths=np.sqrt(sum(share * one.lengths**2 for share, one in zip(shares, weighed, strict=True))),
        sample=np.hstack(
            [np.float32(math.sqrt(share)) * one.sample for share, one in zip(shares, weighed, strict=True)]
        ),
    )


def _health(snapshot: Snapshot, rows: Rows, sample: Rows, vectors: _Vectors) -> SignalHealth:
    there = np.flatnonzero(vectors.lengths > 0)
    known = np.flatnonzero(vectors.sample.any(axis=1))
    matrix = vectors.sample[known]
    spread = covariance(matrix) if len(known) > 1 else np.zeros((matrix.shape[1],) * 2)
    duplicates, sets, largest = _equal(snapshot, rows, there, vectors.keys)
    unlike = known[distinct(vectors.keys[sample[known]])[0]]
    seen = _Seen()
    if len(unlike) >= LEAST and vectors.name not in FACTS:
        seen = _neighbours(snapshot, rows[sample[unlike]], vectors.sample[unlike])
    lengths = vectors.lengths[vectors.lengths != 0]
    return SignalHealth(
        name=vectors.name,
        kind=vectors.kind,
        weight=vectors.weight,
        dim=matrix.shape[1],
        products=len(there),
        missing=1 - len(there) / len(rows),
        sample=len(unlike),
        spectrum=tuple(spectrum(spread, DIRECTIONS).tolist()),
        directions=effective_rank(spread),
        dead=dead_dimensions(spread),
        common=vectors.common,
        mean_cosine=mean_cosine(matrix) if len(known) > 1 else 0.0,
        intrinsic=seen.intrinsic,
        lengths=tuple(np.quantile(lengths, QUANTILES).tolist()) if len(lengths) else (),
        hub_skew=seen.skew,
        hub_share=seen.share,
        unseen=seen.unseen,
        occurrences=seen.bars,
        hubs=seen.hubs,
        duplicates=duplicates,
        duplicate_sets=sets,
        largest=largest,
        remarks=(),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What neighbours tell; nothing where there are too few, or of facts."""

    intrinsic: float | None = None
    skew: float | None = None
    share: float | None = None
    unseen: float | None = None
    bars: Mapping[str, int] = field(default_factory=dict)
    hubs: tuple[Shown, ...] = ()


def _neighbours(snapshot: Snapshot, rows: Rows, matrix: Matrix) -> _Seen:
    found, distances = nearest(matrix, DEPTH)
    counts = occurrences(found, len(matrix))
    order = np.argsort(-counts, kind="stable")
    dimension = intrinsic_dimension(distances[:, 0], distances[:, 1])
    return _Seen(
        intrinsic=dimension if math.isfinite(dimension) else None,
        skew=skewness(counts),
        share=float(counts[order[: math.ceil(len(counts) / 100)]].sum() / counts.sum()),
        unseen=float(np.mean(counts == 0)),
        bars=_bars(counts),
        hubs=shown(snapshot, rows[order[:SHOWN]], counts[order[:SHOWN]]),
    )


def _bars(counts: Rows) -> dict[str, int]:
    place = np.searchsorted(BINS, counts)
    names = ["0", *(f"{low + 1}–{high}" for low, high in pairwise(BINS)), f"over {BINS[-1]}"]
    return dict(zip(names, np.bincount(place, minlength=len(names)).tolist(), strict=True))


def _equal(snapshot: Snapshot, rows: Rows, there: Rows, found: Keys) -> tuple[int, int, tuple[Shown, ...]]:
    """Products whose vector another one has, too, the sets of these, and one product of each of the largest sets."""
    first, number = distinct(found[there])
    counts = np.bincount(number, minlength=len(first))
    order = np.argsort(-counts, kind="stable")[:SHOWN]
    order = order[counts[order] > 1]
    return (
        int(counts[counts > 1].sum()),
        int(np.count_nonzero(counts > 1)),
        shown(snapshot, rows[there[first[order]]], counts[order]),
    )


def shown(snapshot: Snapshot, rows: Rows, values: NDArray[np.number]) -> tuple[Shown, ...]:
    """Products at rows with a value each, as a report has them."""
    return tuple(
        Shown(product.id, product.title, product.images[0] if product.images else "", float(value))
        for product, value in zip(snapshot.products(rows), values, strict=True)
    )


def _repetitions(read: Sequence[_Vectors], progress: Progress | None) -> list[Repetition]:
    """Every two signals beside each other, by products that have both, those most alike first."""
    size = len(read[0].sample) if read else 0
    some = np.sort(np.random.default_rng(1).choice(size, min(size, BOTH), replace=False))
    known: dict[str, Mask] = {one.name: np.any(one.sample[some], axis=1) for one in read}
    lists: dict[tuple[str, bytes], Rows] = {}

    def neighbours(one: _Vectors, both: Mask) -> Rows:
        asked = one.name, both.tobytes()
        if asked not in lists:
            lists[asked] = nearest(one.sample[some[both]], DEPTH)[0]
        return lists[asked]

    found = []
    pairs = [(a, b) for at, a in enumerate(read) for b in read[at + 1 :]]
    for at, (a, b) in enumerate(pairs):
        both: Mask = known[a.name] & known[b.name]
        if (count := int(both.sum())) >= LEAST:
            cka = linear_cka(a.sample[some[both]], b.sample[some[both]])
            overlap = float(shared(neighbours(a, both), neighbours(b, both)).mean())
            correlation = _correlation(a.sample[some[both]], b.sample[some[both]])
            repeats = cka >= REPEATS_CKA or overlap >= REPEATS_OVERLAP
            found.append(Repetition(a.name, b.name, count, correlation, cka, overlap, repeats))
        if progress is not None:
            progress("signals beside each other", at + 1, len(pairs))
    return sorted(found, key=lambda one: (-one.cka, one.a, one.b))


def _correlation(a: Matrix, b: Matrix) -> float:
    """Of the cosines of random pairs, rank by rank; 0 where one of the two is always the same."""
    from scipy.stats import rankdata

    generator = np.random.default_rng(2)
    left = generator.integers(0, len(a), PAIRS)
    right = (left + generator.integers(1, len(a), PAIRS)) % len(a)
    ranks = [rankdata(np.einsum("ij,ij->i", rows[left], rows[right])) for rows in (a, b)]
    if min(float(rank.std()) for rank in ranks) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
