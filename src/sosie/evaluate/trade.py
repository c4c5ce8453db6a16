"""What other settings would give and cost: quality, milliseconds and bytes, each beside the present ones."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from sosie.config import Config, parse_config
from sosie.encoders import make_encoders
from sosie.engine.encode import encode_products
from sosie.engine.shop import Store
from sosie.evaluate.answers import Asked
from sosie.evaluate.pool import Pool, replaced
from sosie.evaluate.system import System
from sosie.metrics.intervals import holm, interval, paired
from sosie.reports import Trade
from sosie.scoring import apply_scale, fit_scale
from sosie.types import Matrix, Product, Progress, Rows

LEVEL = 0.05
TIMED = 15  # questions whose time is taken
LARGEST = 50_000  # products beyond which encoding them anew for a trial would take too long
BATCH = 1_024

CHOICES: Mapping[str, Sequence[object]] = {
    "signals.image.dim": (64, 128, 512),
    "signals.image.pictures": (1, 2),
    "signals.words.dim": (128, 512),
    "signals.words.encoder": ("tfidf", "word2vec"),
}


@dataclass(frozen=True, eq=False)
class _Way:
    """One way to set up the store, before it is judged."""

    name: str
    settings: Mapping[str, object]
    pooled: Pool
    weights: Mapping[str, float]
    gallery: Mapping[str, Matrix]  # what a question is scored against
    bits: int = 32  # of a number


def trades(
    store: Store,
    asked: Asked,
    pooled: Pool,
    weights: Mapping[str, float],
    measure: str,
    until: float,
    progress: Progress | None = None,
) -> tuple[tuple[Trade, ...], dict[str, object]]:
    """Ways to set up the store, the present one first, and the settings that are better by more than chance.

    Each is judged on the questions of `pooled` at `weights`; nothing new is tried after `until`. Settings that need
    the products encoded anew are tried where products ask, in stores of at most LARGEST.
    """
    base = pooled.values(weights, measure)
    clusters = asked.task.clusters
    ways, values = [], []
    for way in _ways(store, asked, pooled, weights, until, progress):
        ways.append(way)
        values.append(way.pooled.values(way.weights, measure))
    compared = [paired(base, one, clusters) for one in values]
    ps = [1.0, *holm(np.array([p for _, p in compared[1:]]))] if len(ways) > 1 else [1.0]
    made = [
        Trade(
            name=way.name,
            settings=dict(way.settings),
            quality=interval(value, clusters),
            ms=_milliseconds(way, asked),
            bytes=sum(matrix.shape[1] for matrix in way.gallery.values()) * way.bits // 8,
            difference=difference,
            p_holm=float(p),
        )
        for way, value, (difference, _), p in zip(ways, values, compared, ps, strict=True)
    ]
    adopted = _adopted(made)
    return tuple(replace(one, front=_on_front(one, made)) for one in made), adopted


def _adopted(made: Sequence[Trade]) -> dict[str, object]:
    """Of each setting the value that is better by more than chance, the best of several."""
    best: dict[str, Trade] = {}
    for one in made[1:]:
        gain = one.difference.value if one.difference else 0.0
        if gain <= 0 or one.p_holm is None or one.p_holm >= LEVEL:
            continue
        for key in one.settings:
            if key not in best or gain > (best[key].difference or one.quality).value:
                best[key] = one
    return {key: one.settings[key] for key, one in best.items()}


def _on_front(one: Trade, made: Sequence[Trade]) -> bool:
    mine = (one.quality.value, -one.ms, -one.bytes)
    others = [(other.quality.value, -other.ms, -other.bytes) for other in made if other is not one]
    return not any(all(a >= b for a, b in zip(other, mine, strict=True)) and other != mine for other in others)


def _ways(
    store: Store, asked: Asked, pooled: Pool, weights: Mapping[str, float], until: float, progress: Progress | None
) -> Iterator[_Way]:
    used = [signal for signal in asked.signals if weights.get(signal)]
    gallery = {signal: asked.gallery(signal) for signal in used}
    yield _Way("now", {}, pooled, weights, gallery)
    for signal in used:
        if len(used) > 1:
            rest = {s: w for s, w in weights.items() if s != signal}
            others = {s: matrix for s, matrix in gallery.items() if s != signal}
            yield _Way(f"without {signal}", {f"signals.{signal}.enabled": False}, pooled, rest, others)
    for bits in (16, 8, 4):
        coded = {signal: _coded(matrix, bits) for signal, matrix in gallery.items()}
        some = pooled
        for signal, matrix in coded.items():
            some = replaced(some, asked, System(signal, "signal", asked.questions(signal), matrix))
        yield _Way(f"{bits} bits a number", {}, some, weights, coded, bits)
    task = asked.task
    if isinstance(task.asked, tuple) or len(task.gallery) > LARGEST:
        return
    config = asked.snapshot.config
    for key, choices in CHOICES.items():
        signal = key.split(".")[1]
        for choice in choices:
            changed = _with(config, key, choice)
            if signal not in used or changed == config or time.perf_counter() > until:
                continue
            if progress is not None:
                progress(f"trying {key} = {choice}", 0, None)
            system, sigma = _anew(store, asked, signal, changed)
            yield _Way(
                f"{key.removeprefix('signals.')} = {choice}",
                {key: choice},
                replaced(pooled, asked, system, sigma),
                weights,
                gallery | {signal: system.gallery},
            )


def _with(config: Config, key: str, value: object) -> Config:
    raw = config.model_dump()
    *tables, name = key.split(".")
    inner = raw
    for table in tables:
        inner = inner[table]
    inner[name] = value
    return parse_config(raw, key)


def _anew(store: Store, asked: Asked, signal: str, config: Config) -> tuple[System, float]:
    """The signal as a build with other settings would make it, and its spread."""
    snapshot = asked.snapshot
    language = str(snapshot.manifest.source.get("language", ""))
    encoder = make_encoders(config, language, [signal])[signal]
    living = np.flatnonzero(snapshot.alive)

    def products(rows: Rows) -> Iterator[Product]:
        for start in range(0, len(rows), BATCH):
            yield from snapshot.products(rows[start : start + BATCH])

    encoder.fit(products(living))
    task = asked.task
    rows = np.union1d(np.asarray(task.asked), task.gallery)
    every = products(rows)
    parts = []
    while batch := list(islice(every, BATCH)):
        parts.append(encode_products(encoder, batch, store.cache)[0])
    raw = np.concatenate(parts)
    scale = fit_scale(raw, config.signals.image.dim if signal == "image" else 0)
    final = apply_scale(raw, scale)
    questions = final[np.searchsorted(rows, np.asarray(task.asked))]
    return System(signal, "signal", questions, final[np.searchsorted(rows, task.gallery)]), scale.sigma


def _coded(matrix: Matrix, bits: int) -> Matrix:
    """Vectors as they come back from fewer bits a number: half floats, or even steps between a dimension's ends."""
    if bits == 16:
        return matrix.astype(np.float16).astype(np.float32)
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    step = np.where(high > low, (high - low) / (2**bits - 1), 1)
    coded: Matrix = (np.rint((matrix - low) / step) * step + low).astype(np.float32)
    return np.where(matrix.any(axis=1, keepdims=True), coded, np.float32(0))


def _milliseconds(way: _Way, asked: Asked) -> float:
    """Median time to score every product for one question, from the vectors as they are kept."""
    whole = np.hstack([*way.gallery.values()]) if way.gallery else np.zeros((1, 1), np.float32)
    question = np.ascontiguousarray(whole[0])
    score = _scorer(whole, way.bits)
    score(question)
    taken = []
    for _ in range(TIMED):
        start = time.perf_counter()
        score(question)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))


def _scorer(matrix: Matrix, bits: int) -> Callable[[np.ndarray], object]:
    if bits == 32:
        return lambda question: matrix @ question
    import faiss

    kind = {16: faiss.ScalarQuantizer.QT_fp16, 8: faiss.ScalarQuantizer.QT_8bit, 4: faiss.ScalarQuantizer.QT_4bit}[bits]
    index = faiss.IndexScalarQuantizer(matrix.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(matrix)
    index.add(matrix)
    return lambda question: index.search(question[None], 10)
