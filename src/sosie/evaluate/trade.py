"""What other settings would give and cost: quality, milliseconds and bytes, each beside the present ones."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from sosie.config import Config, parse_config
from sosie.encoders import made_from, make_encoders
from sosie.engine.encode import encode_products, kept_directions
from sosie.engine.questions import EXACT
from sosie.engine.shop import Store
from sosie.evaluate.answers import Asked, Made
from sosie.evaluate.pool import Pool, replaced
from sosie.evaluate.trade_index import through_index
from sosie.metrics.intervals import holm, interval, paired
from sosie.reports import Figure, Trade
from sosie.scoring import apply_scale, fit_scale
from sosie.types import Matrix, Progress, Rows

LEVEL = 0.05
TIMED = 15  # times that a question is asked
LARGEST = 50_000  # products beyond which encoding them anew for a trial would take too long
BATCH = 1_024
BITS = (16, 8, 4)

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
    weights: Mapping[str, float]
    asked: Asked
    pooled: Pool
    bits: int = 32  # of a number


def trades(
    store: Store,
    asked: Asked,
    pooled: Pool,
    weights: Mapping[str, float],
    before: Mapping[str, float],
    measure: str,
    until: float,
    progress: Progress | None = None,
) -> tuple[tuple[Trade, ...], dict[str, object]]:
    """Ways to set up the store, that with `weights` first, and the setting that is better by more than chance.

    Each is judged on the questions of `pooled` and set beside the first; nothing new is tried after `until`. Of several
    that are better the best alone is told: together they were not tried. Settings that need the products encoded anew
    are tried where products ask, in stores of at most LARGEST.
    """
    base = pooled.values(weights, measure)
    made: list[Trade] = []
    ps: list[float] = []
    for way in _ways(store, asked, pooled, weights, before, until, progress):
        values = way.pooled.values(way.weights, measure)
        difference, p = paired(base, values, asked.task.clusters)
        tried = bool(made) and way.weights is not before
        ps.append(p)
        made.append(
            Trade(
                name=way.name,
                settings=dict(way.settings),
                quality=interval(values, asked.task.clusters),
                ms=_milliseconds(way),
                bytes=sum(way.asked.dim(signal) for signal in _used(way)) * way.bits // 8,
                difference=difference if tried else None,
            )
        )
    looked = through_index(asked, weights, measure, store.encoder)
    if looked is not None:
        difference, p = paired(base[looked.questions], looked.values)
        ps.append(p)
        made.append(replace(made[0], name="through the index", ms=looked.ms, bytes=made[0].bytes + looked.bytes))
        made[-1] = replace(made[-1], quality=_shifted(made[0].quality, difference), difference=difference)
    some = [at for at, one in enumerate(made) if one.difference is not None]
    for at, p in zip(some, holm([ps[at] for at in some]), strict=True):
        made[at] = replace(made[at], p_holm=float(p))
    return tuple(replace(one, front=_on_front(one, made)) for one in made), _adopted(made)


def _shifted(figure: Figure, by: Figure) -> Figure:
    """What a difference, seen in some of the questions, makes of the figure of all."""
    return Figure(figure.value + by.value, figure.value + by.low, figure.value + by.high, by.n)


def _adopted(made: Sequence[Trade]) -> dict[str, object]:
    better = [
        (one.difference.value, one.settings)
        for one in made
        if one.settings and one.difference and one.p_holm is not None
        if one.difference.value > 0 and one.p_holm < LEVEL
    ]
    return dict(max(better, key=lambda one: one[0])[1]) if better else {}


def _on_front(one: Trade, made: Sequence[Trade]) -> bool:
    mine = (one.quality.value, -one.ms, -one.bytes)
    others = [(other.quality.value, -other.ms, -other.bytes) for other in made if other is not one]
    return not any(all(a >= b for a, b in zip(other, mine, strict=True)) and other != mine for other in others)


def _used(way: _Way) -> list[str]:
    """The signals whose vectors a question is compared with."""
    return [signal for signal in way.asked.signals if way.weights.get(signal)]


def _ways(
    store: Store,
    asked: Asked,
    pooled: Pool,
    weights: Mapping[str, float],
    before: Mapping[str, float],
    until: float,
    progress: Progress | None,
) -> Iterator[_Way]:
    first = _Way("now" if weights == before else "tuned weights", {}, weights, asked, pooled)
    yield first
    if weights != before:
        yield replace(first, name="now", weights=before)
    used = [signal for signal in pooled.signals if weights.get(signal)]
    for signal in used:
        if len(used) > 1:
            rest = {s: w for s, w in weights.items() if s != signal}
            yield replace(first, name=f"without {signal}", settings=switched_off(signal), weights=rest)
    for bits in BITS:
        coded = {
            s: Made(asked.questions(s), _coded(asked.gallery(s), bits), asked.sigma(s)) for s in used if s != EXACT
        }
        some, changed = pooled, replace(asked, made=coded)
        for signal in coded:
            some = replaced(some, changed, signal)
        yield replace(first, name=f"{bits} bits a number", asked=changed, pooled=some, bits=bits)
    if isinstance(asked.task.asked, tuple) or len(asked.task.gallery) > LARGEST:
        return
    for key, choices in CHOICES.items():
        signal = key.split(".")[1]
        for choice in choices:
            config = asked.snapshot.config
            if signal not in used or time.perf_counter() > until:
                continue
            if made_from(changed_to(config, key, choice), signal) == made_from(config, signal):
                continue
            if progress is not None:
                progress(f"trying {key} = {choice}", 0, None)
            changed = remade(store, asked, {key: choice})
            name = f"{key.removeprefix('signals.')} = {choice}"
            some = replaced(pooled, changed, signal)
            yield replace(first, name=name, settings={key: choice}, asked=changed, pooled=some)


def switched_off(signal: str) -> dict[str, object]:
    """The setting that leaves a signal out."""
    if signal in type(Config().signals).model_fields:
        return {f"signals.{signal}.enabled": False}
    return {f"signals.given.{signal}": 0.0}


def changed_to(config: Config, key: str, value: object) -> Config:
    """Settings with one of them changed. Raises ConfigError where it can't be."""
    raw = config.model_dump()
    *tables, name = key.split(".")
    inner = raw
    for table in tables:
        inner = inner[table]
    inner[name] = value
    return parse_config(raw, key)


def remade(store: Store, asked: Asked, settings: Mapping[str, object]) -> Asked:
    """The questions with the signals of some settings as a build with these would make them.

    The questions must be products. Settings that only switch a signal off, or weigh it, change no vectors.
    """
    snapshot, task = asked.snapshot, asked.task
    living, rows = np.flatnonzero(snapshot.alive), np.union1d(np.asarray(task.asked), task.gallery)
    made = {}
    for key, value in settings.items():
        signal = key.split(".")[1]
        if key not in CHOICES:
            continue
        config = changed_to(snapshot.config, key, value)
        language = str(snapshot.manifest.source.get("language", ""))
        encoder = make_encoders(config, language, [signal], store.folder)[signal]
        encoder.fit(product for batch in _batches(living) for product in snapshot.products(batch))
        parts = [encode_products(encoder, snapshot.products(batch), store.cache)[0] for batch in _batches(rows)]
        raw = np.concatenate(parts)
        scale = fit_scale(raw, kept_directions(config, encoder))
        final = apply_scale(raw, scale)
        questions, gallery = (final[np.searchsorted(rows, some)] for some in (np.asarray(task.asked), task.gallery))
        made[signal] = Made(questions, gallery, scale.sigma)
    return replace(asked, made=made)


def _batches(rows: Rows) -> Iterator[Rows]:
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _coded(matrix: Matrix, bits: int) -> Matrix:
    """Vectors as they come back from fewer bits a number: half floats, or even steps between a dimension's ends."""
    if bits == 16:
        return matrix.astype(np.float16).astype(np.float32)
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    step = np.where(high > low, (high - low) / (2**bits - 1), 1)
    coded: Matrix = (np.rint((matrix - low) / step) * step + low).astype(np.float32)
    return np.where(matrix.any(axis=1, keepdims=True), coded, np.float32(0))


def _milliseconds(way: _Way) -> float:
    """Time to score every product for one question on one core, from the vectors as they are kept."""
    whole = np.hstack([np.zeros((len(way.asked.task.gallery), 0), np.float32), *map(way.asked.gallery, _used(way))])
    if not whole.shape[1]:
        return 0.0
    question = np.ascontiguousarray(whole[0])
    score = _scorer(whole, way.bits)
    taken = []
    with threadpool_limits(1):
        for _ in range(TIMED):
            start = time.perf_counter()
            score(question)
            taken.append(time.perf_counter() - start)
    return 1000 * min(taken)  # what else the machine does only adds


def _scorer(matrix: Matrix, bits: int) -> Callable[[Matrix], object]:
    if bits == 32:
        return lambda question: matrix @ question
    import faiss

    kind = {16: faiss.ScalarQuantizer.QT_fp16, 8: faiss.ScalarQuantizer.QT_8bit, 4: faiss.ScalarQuantizer.QT_4bit}[bits]
    index = faiss.IndexScalarQuantizer(matrix.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(matrix)
    index.add(matrix)
    return lambda question: index.search(question[None], 10)
