"""Questions answered: words, pictures, products liked and unliked → hits whose parts add up to their scores."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sosie.engine.candidates import Candidates, Sought
from sosie.engine.likely import calibration_for, likely
from sosie.engine.patches import FIRST, PATCHES, Compared, patches_of
from sosie.engine.rules import Rules, read_rules
from sosie.engine.wording import word_scores
from sosie.errors import QuestionError
from sosie.filters import category_filter, evaluate, parse_filter
from sosie.scoring import apply_scale_to, chosen_weights, omegas, printed_parts
from sosie.types import Column, Encoder, Hit, Mask, Matrix, Query, Rows, Scale, Vector

if TYPE_CHECKING:
    from sosie.store import Calibrated, Snapshot

EXACT = "exact"  # the signal of words found literally
EXACT_SCALE = Scale(np.empty(0, np.float32), 0.35)  # a share of words, 0..1; chosen on questions of three words
UNLIKE = 0.5  # how strongly disliked products push away, beside the pull of liked ones
POOL = 50  # places from which a diverse answer is chosen, at least
MOST = 10_000  # answers of one question, offset included
TIE = 1e-6  # scores that differ by less are equal

Encoders = Callable[[str], Encoder]  # the encoder of a signal, loaded when first asked for


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first; how many products the filter keeps (None = there is no filter); notes for who asked.

    `alike` names the truth by which hits tell how likely they are alike, "" where they don't.
    """

    hits: tuple[Hit, ...]
    took_ms: float
    total: int | None = None
    notes: tuple[str, ...] = ()
    alike: str = ""


def answer(snapshot: "Snapshot", query: Query, encoders: Encoders, rules: Rules | None = None) -> Answer:
    """Answer a question from a snapshot.

    Each hit is another product: variants fill one place, and the products asked about and their variants none.
    A question about one product obeys the store's rules, or those given: what is pinned comes first where the filter
    keeps it, whatever its score; what is blocked is left out with its variants.
    Raises QuestionError for an unknown id, signal or field, a malformed filter and settings out of range.
    """
    started = time.perf_counter()
    _check(query)
    candidates = Candidates.open(snapshot)
    liked, unliked = _rows(snapshot, query.like), _rows(snapshot, query.unlike)
    allowed = _allowed(snapshot, query, liked)
    sought, notes = _sought(candidates, query, liked, unliked, encoders)
    total = None if allowed is None else int(np.count_nonzero(allowed))
    hits: tuple[Hit, ...] = ()
    calibrated = None
    if sought is not None and total != 0 and query.limit:
        pinned, blocked = _ruled(snapshot, query, allowed, rules) if _only_one(query) else ([], [])
        barred = set(snapshot.groups[liked + unliked + pinned + blocked].tolist())
        rows, scores, compared = _places(candidates, sought, query, allowed, barred)
        if query.diversity:
            rows = _diverse(candidates, sought, rows, scores, query)
        if pinned:
            rows = np.concatenate([pinned, rows])
            compared |= _compared_parts(snapshot, sought, rows[: len(pinned)])
        calibrated, told = calibration_for(snapshot, query) if _only_one(query) else (None, ())
        rows = rows[query.offset : query.offset + query.limit]
        hits = _hits(candidates, sought, rows, compared, query, calibrated, set(pinned))
        notes += told
    alike = calibrated.truth if calibrated is not None else ""
    return Answer(hits, (time.perf_counter() - started) * 1000, total, notes, alike)


def understand(candidates: Candidates, query: Query, encoders: Encoders) -> Sought | None:
    """A question as vectors and shares of the score; None where it says nothing to any weighted signal.

    Raises QuestionError as `answer` does.
    """
    _check(query)
    liked, unliked = _rows(candidates.snapshot, query.like), _rows(candidates.snapshot, query.unlike)
    return _sought(candidates, query, liked, unliked, encoders)[0]


def _check(query: Query) -> None:
    if not (query.text.strip() or query.image or query.like or query.unlike):
        raise QuestionError("nothing is asked: give words, a picture, or ids of products to be like or unlike.")
    if query.image is not None and not query.image.is_file():
        raise QuestionError(f"{query.image}: there is no such picture.")
    if query.limit < 0 or query.offset < 0 or query.limit + query.offset > MOST:
        raise QuestionError(f"limit and offset must not be negative, and together at most {MOST:,}.")
    if not 0 <= query.diversity <= 1:
        raise QuestionError(f"diversity is {query.diversity}; it goes from 0 (best scores) to 1 (most different).")
    if query.min_score is not None and query.min_score != query.min_score:
        raise QuestionError("min_score is not a number.")


def _rows(snapshot: "Snapshot", ids: Sequence[str]) -> list[int]:
    rows = []
    for id in ids:
        row = snapshot.row(id)
        if row is None:
            near = snapshot.close_ids(id)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise QuestionError(f"there is no product '{id}'.{hint}")
        rows.append(row)
    return rows


def _sought(
    candidates: Candidates, query: Query, liked: list[int], unliked: list[int], encoders: Encoders
) -> tuple[Sought | None, tuple[str, ...]]:
    """The question as vectors and shares, None where it says nothing to any weighted signal, and notes."""
    snapshot = candidates.snapshot
    exact = snapshot.config.signals.exact
    defaults = dict(snapshot.weights)
    if exact.enabled:
        defaults[EXACT] = exact.weight
    weights = chosen_weights(defaults, query.weights)
    vectors: dict[str, Vector] = {}
    for signal in snapshot.signals:
        if signal in weights:
            vector = _vector(candidates, signal, query, liked, unliked, encoders)
            if vector is not None:
                vectors[signal] = vector
    omega = omegas(weights, snapshot.scales)
    words = None
    if query.text.strip() and EXACT in weights:
        words = word_scores(snapshot, query.text)
    asked = {signal: omega[signal] for signal in vectors}
    if words is not None:
        asked[EXACT] = weights[EXACT] / EXACT_SCALE.sigma
    if not asked:
        return None, (f"the question says nothing to the signals of this store: {', '.join(weights)}.",)
    patches = patches_of(snapshot, query, liked, encoders) if PATCHES in weights else None
    if patches is not None:
        asked[PATCHES] = omega[PATCHES]
    mass = sum(asked.values())
    shares = {signal: value / mass for signal, value in asked.items()}
    lacking = [signal for signal in snapshot.signals if signal in weights and signal not in vectors]
    notes = (f"{', '.join(query.like)}: nothing is known of {', '.join(lacking)}.",) if liked and lacking else ()
    scaled = None if words is None else words * np.float32(shares[EXACT])
    compared = None if patches is None else Compared(patches, shares[PATCHES])
    return Sought(vectors, shares, scaled, liked[0] if _only_one(query) else None, compared), notes


def _vector(
    candidates: Candidates, signal: str, query: Query, liked: list[int], unliked: list[int], encoders: Encoders
) -> Vector | None:
    """What the question is in one signal, of unit length; None where it says nothing to it."""
    if _only_one(query):
        vector = candidates.vector(signal, liked[0])
        return vector if vector.any() else None
    snapshot = candidates.snapshot
    wanted = [candidates.vector(signal, row) for row in liked]
    if (query.text.strip() or query.image is not None) and signal in type(snapshot.config.signals).model_fields:
        encoded = encoders(signal).encode_query(query)
        if encoded is not None and encoded.any():
            wanted.append(apply_scale_to(encoded, snapshot.scales[signal]))
    pull = _mean(wanted)
    push = _mean([candidates.vector(signal, row) for row in unliked])
    if push is None:
        return None if pull is None else _unit(pull)
    if pull is None:
        return _unit(-push)
    return _unit(pull - np.float32(UNLIKE) * push)


def _only_one(query: Query) -> bool:
    """Whether the question is one product and nothing else."""
    return len(query.like) == 1 and not query.unlike and not query.text and query.image is None


def _mean(vectors: list[Vector]) -> Vector | None:
    present = [vector for vector in vectors if vector.any()]
    return np.mean(present, axis=0, dtype=np.float32) if present else None


def _unit(vector: Vector) -> Vector | None:
    length = float(np.linalg.norm(vector))
    if length < 1e-6:
        return None
    unit: Vector = vector / np.float32(length)
    return unit


class _Fields(Mapping[str, float | str | None]):
    """The fields of a row, read from the columns when asked for."""

    def __init__(self, columns: Mapping[str, Column], row: int) -> None:
        self.columns, self.row = columns, row

    def __getitem__(self, field: str) -> float | str | None:
        column = self.columns[field]
        value = column.values[self.row]
        if column.vocabulary is not None:
            return column.vocabulary[int(value)] if value >= 0 else None
        return float(value) if value == value else None

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def _allowed(snapshot: "Snapshot", query: Query, liked: list[int]) -> Mask | None:
    """Living rows that the question's filters keep, (size,); None where it has none."""
    if not query.where.strip() and not query.category.strip():
        return None
    fields = _Fields(snapshot.columns, liked[0]) if liked else None
    allowed: Mask = snapshot.alive
    if query.where.strip():
        allowed = allowed & evaluate(parse_filter(query.where), snapshot.columns, snapshot.size, fields)
    if query.category.strip():
        allowed = allowed & evaluate(category_filter(query.category), snapshot.columns, snapshot.size, None)
    return allowed


def _places(
    candidates: Candidates, sought: Sought, query: Query, allowed: Mask | None, barred: set[int]
) -> tuple[Rows, Vector, dict[int, float]]:
    """The best row of each of the best groups, as many as the question needs, with scores; ties by id.

    And the parts of those that were compared with the question. These only add: the first stay the first, however far
    an answer goes on.
    """
    want = query.offset + query.limit
    if query.diversity:
        want = max(want * 5, POOL)
    most = 0.0
    if sought.compared is not None:
        want, most = max(want, FIRST), sought.compared.share
    rows, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for rows, scores in candidates.find(sought, allowed, want + len(barred)):
        lowest = float(scores.min()) if len(scores) else np.inf
        rows, scores = _fill(candidates, sought, rows, scores, want, barred)
        if len(rows) >= want or (query.min_score is not None and lowest < query.min_score - most):
            break
    parts: dict[int, float] = {}
    if sought.compared is not None:
        parts = _compared_parts(candidates.snapshot, sought, rows[:FIRST])
        added = np.array(list(parts.values()), np.float32)
        scores = np.concatenate([scores[:FIRST] + added, scores[FIRST:]])
        order = _order(candidates.snapshot, rows, scores, len(rows))
        rows, scores = rows[order], scores[order]
    if query.min_score is not None:
        kept = scores >= query.min_score
        rows, scores = rows[kept], scores[kept]
    return rows, scores, parts


def _compared_parts(snapshot: "Snapshot", sought: Sought, rows: Rows) -> dict[int, float]:
    """What comparing adds to the scores of rows, by row."""
    if sought.compared is None:
        return {}
    return dict(zip(rows.tolist(), sought.compared.parts(snapshot, rows).tolist(), strict=True))


def _ruled(
    snapshot: "Snapshot", query: Query, allowed: Mask | None, rules: Rules | None
) -> tuple[list[int], list[int]]:
    """Rows pinned beside the product asked about, in their order, and rows blocked beside it; of what is there."""
    asked = query.like[0]
    rules = read_rules(snapshot.store) if rules is None else rules
    blocked = [row for id in rules.blocked(asked) if (row := snapshot.row(id)) is not None]
    never = {*snapshot.groups[blocked].tolist()}
    pinned = [row for id in rules.pinned(asked) if (row := snapshot.row(id)) is not None]
    pinned = [row for row in pinned if (allowed is None or allowed[row]) and snapshot.groups[row] not in never]
    return pinned, blocked


def _fill(
    candidates: Candidates, sought: Sought, rows: Rows, scores: Vector, want: int, barred: set[int]
) -> tuple[Rows, Vector]:
    """Walk rows from the best on until `want` groups have a place."""
    snapshot = candidates.snapshot
    depth = want + len(barred) + 10
    while True:
        order = _order(snapshot, rows, scores, depth)
        best = rows[order]
        kept: list[int] = []
        seen = set(barred)
        for at, (row, group, score) in enumerate(
            zip(best.tolist(), snapshot.groups[best].tolist(), scores[order].tolist(), strict=True)
        ):
            if group not in seen and (score != 0 or _comparable(candidates, sought, row)):
                seen.add(group)
                kept.append(at)
                if len(kept) == want:
                    break
        if len(kept) == want or len(order) == len(rows):
            return best[kept], scores[order[kept]]
        depth *= 4


def _order(snapshot: "Snapshot", rows: Rows, scores: Vector, depth: int) -> Rows:
    """Positions of the `depth` best scores, and of all that tie with the last; equal scores by id."""
    if depth < len(scores):
        cut = np.partition(scores, len(scores) - depth)[len(scores) - depth]
        at: Rows = np.flatnonzero(scores >= cut - TIE)
    else:
        at = np.arange(len(scores))
    loss = np.rint(scores[at] * np.float32(-1 / TIE))
    order = loss.argsort()
    at, loss = at.take(order), loss[order]
    same = loss[1:] == loss[:-1]
    if not same.any():
        return at
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    ids = np.array(snapshot.ids(rows[at[tied]]), object)
    places = np.zeros(len(at), np.int64)
    places[tied[np.argsort(ids, kind="stable")]] = np.arange(len(tied))
    return at.take(np.lexsort((places, loss)))


def _comparable(candidates: Candidates, sought: Sought, row: int) -> bool:
    """Whether a row has any signal of the question, so that its score of 0 says something."""
    return any(candidates.vector(signal, row).any() for signal in sought.vectors)


def _diverse(candidates: Candidates, sought: Sought, rows: Rows, scores: Vector, query: Query) -> Rows:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) over the places found."""
    alike: Matrix = np.zeros((len(rows), len(rows)), np.float32)
    for signal in sought.vectors:
        vectors = candidates.vectors(signal, rows)
        alike += np.float32(sought.shares[signal]) * (vectors @ vectors.T)
    want = min(len(rows), query.offset + query.limit)
    chosen: list[int] = []
    nearest = np.full(len(rows), -np.inf, np.float32)
    worth = scores.astype(np.float32)
    for _ in range(want):
        gain = worth if not chosen else (1 - query.diversity) * worth - query.diversity * nearest
        gain = gain.copy()
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        nearest = np.maximum(nearest, alike[best])
    return rows[chosen]


def _hits(
    candidates: Candidates,
    sought: Sought,
    rows: Rows,
    compared: Mapping[int, float],
    query: Query,
    calibrated: "Calibrated | None",
    pinned: Collection[int] = (),
) -> tuple[Hit, ...]:
    """Records, printed parts, missing signals and variants of the rows of an answer."""
    if len(rows) == 0:
        return ()
    snapshot = candidates.snapshot
    signals = list(sought.shares)
    parts = []
    for signal in signals:
        if signal == EXACT and sought.words is not None:
            parts.append(sought.words[rows])
        elif signal == PATCHES:
            parts.append(np.array([compared.get(row, 0.0) for row in rows.tolist()], np.float32))
        else:
            parts.append(candidates.cosines(signal, sought.vectors[signal], rows) * np.float32(sought.shares[signal]))
    scores, table = (values.tolist() for values in printed_parts(np.stack(parts, axis=1)))
    shares = likely(calibrated, scores)
    hits = []
    for at, (row, product) in enumerate(zip(rows.tolist(), snapshot.products(rows), strict=True)):
        missing: tuple[str, ...] = ()
        if 0.0 in table[at]:
            missing = tuple(s for s in sought.vectors if not candidates.vector(s, row).any())
            if row in compared and not snapshot.vectors(PATCHES, [row]).any():
                missing += (PATCHES,)
        variants = candidates.variants(row) if query.variants else ()
        printed = dict(zip(signals, table[at], strict=True))
        rank = query.offset + at + 1
        hits.append(Hit(product, scores[at], rank, printed, missing, variants, shares[at], row in pinned))
    return tuple(hits)
