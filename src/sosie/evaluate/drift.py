"""What changed between two builds of a shop, and whether it is more than what random halves of one differ by."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TruthError
from sosie.evaluate.drift_remarks import remarks_of_drift, said_of_fact, said_of_signal, verdict_of_drift
from sosie.evaluate.places import first_rows
from sosie.metrics.drift import mean_discrepancy, population_stability
from sosie.metrics.health import distinct, keys, linear_cka, nearest, shared
from sosie.metrics.intervals import holm, interval
from sosie.reports import DriftReport, FactDrift, Figure, Shift, Shown, SignalDrift
from sosie.store import Snapshot
from sosie.text import language
from sosie.types import Matrix, Product, Progress, Rows

KEPT, FRESH = 2_000, 1_000  # products of both builds, and new ones, that are looked at
LEAST = 20  # of each: with fewer nothing is told
DEPTH = 10
SAME = 1 - 1e-5  # cosine of vectors that did not change
VALUES = 10  # of a fact that are told apart; the others are one
BANDS = 8  # of prices
OTHERS = "others"
SHOWN = 6


def drift(old: Snapshot, new: Snapshot, progress: Progress | None = None) -> DriftReport:
    """Set a newer build beside an older one.

    Products of both are compared with themselves; new ones with those of both, in the newer build, or, where none is
    in both, with the older build's, if its encoders and scales are the same. The reference is what random splits of
    the latter differ by. Variants count once. Raises TruthError where nothing can be compared.
    """
    pairs = _Products.of(old, new)
    signals = [signal for signal in new.signals if signal in old.signals]
    if not signals:
        raise TruthError(f"{old.store} and {new.store} have no signal in common; there is nothing to compare.")
    found = []
    for at, signal in enumerate(signals):
        found.append(_signal(pairs, signal))
        if progress is not None:
            progress("drift", at + 1, len(signals))
    if len(pairs.kept_new) < LEAST and not any(one.new for one in found):
        raise TruthError(
            f"{old.store} and {new.store} share {len(pairs.kept_new):,} products, at least {LEAST} are needed. To see "
            "whether new products are unlike the old, build their file into a copy of the older store."
        )
    facts = _facts(pairs)
    found, facts = _judged(found, facts)
    only = [signal for signal in {*old.signals, *new.signals} if signal not in signals]
    notes = [f"Only one of the builds has {', '.join(sorted(only))}."] if only else []
    if pairs.looked < pairs.size:
        notes.append(
            f"Looked at {len(pairs.kept_new):,} products of both builds and {len(pairs.fresh):,} new ones, at random."
        )
    return DriftReport(
        old=str(old.store),
        old_version=old.version,
        new=str(new.store),
        new_version=new.version,
        kept=pairs.kept,
        fresh=pairs.added,
        gone=pairs.gone,
        signals=tuple(found),
        facts=tuple(facts),
        remarks=remarks_of_drift(found),
        verdict=verdict_of_drift(len(pairs.fresh), found, facts),
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Products:
    """A sample of the products of both builds, and of new ones; by the first of their variants."""

    old: Snapshot
    new: Snapshot
    kept_old: Rows  # (kept,) rows of the same products in the two builds
    kept_new: Rows
    fresh: Rows
    others: Rows  # rows of the older build: all that new ones may be compared with
    kept: int  # of all products
    added: int
    gone: int

    @classmethod
    def of(cls, old: Snapshot, new: Snapshot) -> "_Products":
        rows, rows_old = np.flatnonzero(new.alive), np.flatnonzero(old.alive)
        before = old.rows(new.ids(rows))
        kept = first_rows(new, rows[before >= 0], variants=False)
        was = np.full(new.size, -1, np.int64)
        was[rows] = before
        fresh = first_rows(new, rows, variants=False)
        fresh = fresh[~np.isin(new.groups[fresh], new.groups[kept])]
        others = first_rows(old, rows_old, variants=False)
        still = np.unique(old.groups[rows_old[new.rows(old.ids(rows_old)) >= 0]])
        generator = np.random.default_rng(0)
        some = _some(kept, KEPT, generator)
        return cls(
            old,
            new,
            was[some],
            some,
            _some(fresh, FRESH, generator),
            _some(others, KEPT, generator),
            len(kept),
            len(fresh),
            int(np.count_nonzero(~np.isin(old.groups[others], still))),
        )

    @property
    def size(self) -> int:
        """How many there are."""
        return self.kept + self.added

    @property
    def looked(self) -> int:
        """How many of them are in the sample."""
        return len(self.kept_new) + len(self.fresh)

    @property
    def alone(self) -> bool:
        """Whether so few are in both builds that new ones have to be compared with the older build's."""
        return len(self.kept_new) < LEAST


def _some(rows: Rows, most: int, generator: np.random.Generator) -> Rows:
    return rows if len(rows) <= most else np.sort(generator.choice(rows, most, replace=False))


def _signal(pairs: _Products, signal: str) -> SignalDrift:
    old, new = pairs.old, pairs.new
    comparable = _comparable(old, new, signal)
    before, after = old.vectors(signal, pairs.kept_old), new.vectors(signal, pairs.kept_new)
    both = before.any(axis=1) & after.any(axis=1)
    before, after = before[both], after[both]
    cosine = overlap = cka = moved = None
    if len(before) >= LEAST:
        overlap, cka = _structure(before, after)
        if comparable:
            cosines = np.einsum("ij,ij->i", before, after, dtype=np.float64)
            cosine = interval(np.minimum(cosines, 1))
            if cosines.min() < SAME:
                order = np.random.default_rng(0).permutation(len(before))
                half = (2 * len(before)) // 3  # disjoint, so that no product stands on both sides
                moved = mean_discrepancy(before[order[:half]], after[order[half:]])
    known, fresh = new.vectors(signal, pairs.kept_new), new.vectors(signal, pairs.fresh)
    if pairs.alone:
        known = old.vectors(signal, pairs.others) if comparable else known[:0]
    there = fresh.any(axis=1)
    known, fresh = known[known.any(axis=1)], fresh[there]
    shift: Shift | None = None
    strange: tuple[Shown, ...] = ()
    if min(len(known), len(fresh)) >= LEAST:
        shift = mean_discrepancy(known, fresh)
        strange = _strange(new, pairs.fresh[there], fresh, known)
    return SignalDrift(
        name=signal,
        comparable=comparable,
        kept=len(before),
        fresh=len(fresh),
        cosine=cosine,
        overlap=overlap,
        cka=cka,
        moved=moved,
        new=shift,
        strange=strange,
        verdict="",
        what="",
    )


def _comparable(old: Snapshot, new: Snapshot, signal: str) -> bool:
    """Whether vectors of two builds were made by one encoder and went through one scale."""
    a, b = old.manifest.signals[signal], new.manifest.signals[signal]
    x, y = old.scales[signal], new.scales[signal]
    if (a.fingerprint, a.dim) != (b.fingerprint, b.dim) or not np.array_equal(x.mean, y.mean):
        return False
    if x.projection is None or y.projection is None:
        return x.projection is y.projection
    return np.array_equal(x.projection, y.projection)


def _structure(before: Matrix, after: Matrix) -> tuple[Figure | None, float | None]:
    """Share of the first neighbours in common, and alignment; of equal vectors only one has neighbours."""
    cka = linear_cka(before, after)
    unlike = distinct(keys(before))[0]
    if len(unlike) < LEAST:
        return None, cka
    lists = (nearest(matrix[unlike], DEPTH)[0] for matrix in (before, after))
    return interval(shared(*lists)), cka


def _strange(new: Snapshot, rows: Rows, fresh: Matrix, known: Matrix) -> tuple[Shown, ...]:
    """New products whose nearest known one is farthest."""
    near = (fresh @ known.T).max(axis=1)
    order = np.argsort(near, kind="stable")[:SHOWN]
    return tuple(
        Shown(product.id, product.title, product.images[0] if product.images else "", round(float(value), 4))
        for product, value in zip(new.products(rows[order]), near[order], strict=True)
    )


def _facts(pairs: _Products) -> list[FactDrift]:
    """What new products are, beside those that were there."""
    known = pairs.old.products(pairs.others) if pairs.alone else pairs.new.products(pairs.kept_new)
    fresh = pairs.new.products(pairs.fresh)
    if min(len(known), len(fresh)) < LEAST:
        return []
    prices = [product.price for product in known if product.price is not None]
    edges = np.unique(np.quantile(prices, np.linspace(0, 1, BANDS + 1)[1:-1])).tolist() if prices else []
    facts: Mapping[str, Callable[[Product], str]] = {
        "category": lambda product: product.category[0].split(" > ")[0] if product.category else "",
        "brand": lambda product: product.brand,
        "price": lambda product: _band(product.price, edges),
        "pictures": lambda product: str(len(product.images)) if len(product.images) < 4 else "4 or more",
        "language": lambda product: product.language or language(product.title),
    }
    found = []
    for name, value in facts.items():
        before, after = ([value(product) for product in products] for products in (known, fresh))
        names = _common(before + after)
        if len(names) > 1:
            counts = [_counts(values, names) for values in (before, after)]
            shares = [(count / count.sum()).tolist() for count in counts]
            shift = population_stability(counts[0], counts[1])
            found.append(FactDrift(name, shift, tuple(zip(names, *shares, strict=True)), "", ""))
    return found


def _band(price: float | None, edges: Sequence[float]) -> str:
    if price is None:
        return ""
    at = bisect_right(edges, price)
    low, high = edges[at - 1 : at], edges[at : at + 1]
    return " ".join([*(f"from {edge:,.2f}" for edge in low), *(f"below {edge:,.2f}" for edge in high)])


def _common(values: Sequence[str]) -> list[str]:
    """The most frequent values, and one for all others where there are more."""
    most = [name for name, _ in Counter(values).most_common(VALUES + 1)]
    return most if len(most) <= VALUES else [*most[:VALUES], OTHERS]


def _counts(values: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    place = {name: at for at, name in enumerate(names)}
    return np.bincount([place.get(value, len(names) - 1) for value in values], minlength=len(names))


def _judged(signals: list[SignalDrift], facts: list[FactDrift]) -> tuple[list[SignalDrift], list[FactDrift]]:
    """The same with p values corrected for being several, and what they say."""
    shifts = [shift for one in signals for shift in (one.moved, one.new) if shift] + [one.shift for one in facts]
    corrected = iter(holm(np.array([shift.p for shift in shifts])).tolist() if shifts else [])

    def with_p(shift: Shift | None) -> Shift | None:
        return None if shift is None else replace(shift, p=next(corrected))

    told = [said_of_signal(replace(one, moved=with_p(one.moved), new=with_p(one.new))) for one in signals]
    return told, [said_of_fact(replace(one, shift=replace(one.shift, p=next(corrected)))) for one in facts]
