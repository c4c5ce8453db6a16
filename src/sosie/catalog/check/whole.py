"""What only the whole catalogue shows: repeats, outliers, pictures, languages, dates."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from sosie.catalog.check.pictures import BLANK, TINY, key_of, looks, near_pairs
from sosie.catalog.check.seen import EXAMPLES, Seen, Tally
from sosie.types import Example, Progress, Reject

MANY = 8  # different products on one picture: no longer a mistake, but a placeholder
LEAST_PRICES = 12  # of a category, to judge outliers
OUTLIER_SPREADS, OUTLIER_FACTOR, LEAST_SPREAD = 5.0, 5.0, 0.1
DATED = 0.9  # share of a column's values that must be dates for it to be a date column
STALE = timedelta(days=182)

Codes = NDArray[np.int64]
Keys = NDArray[np.uint64]


def add_rejects(tally: Tally, rejects: Iterable[Reject]) -> int:
    """Count rows that gave no product (their number is returned) and fields that were dropped."""
    fatal = 0
    for reject in rejects:
        kind = "rejected-row" if reject.fatal else "dropped-field"
        if reject.fatal and reject.reason.startswith("repeats the id"):
            kind = "repeated-id"
        fatal += reject.fatal
        id = reject.raw if kind == "repeated-id" else ""
        tally.add(kind, reject.row, id, f"{reject.field}: {reject.reason}" if reject.field else reject.reason)
    return fatal


def add_pictures(seen: Seen, content: Mapping[int, int], most: int, progress: Progress | None) -> int:
    """Open a sample of `most` pictures and judge each by itself; how many were opened."""
    opened = sorted(looks(seen.sample.first(most), progress), key=lambda look: look.named.owner)
    for look in opened:
        ref, owner = look.named.ref, look.named.owner
        if look.problem:
            seen.tally.add("unreadable-picture", *seen.example(owner, look.problem))
        elif look.spread < BLANK:
            seen.tally.add("blank-picture", *seen.example(owner, "", ref))
        elif min(look.size) < TINY:
            seen.tally.add("tiny-picture", *seen.example(owner, f"{look.size[0]} × {look.size[1]} pixels", ref))
    for look, twin in near_pairs(opened):
        a, b = look.named, twin.named
        same_bytes = content.get(key_of(a.ref)) == content.get(key_of(b.ref))
        if seen.groups[a.owner] != seen.groups[b.owner] and not same_bytes:
            value = f"nearly the picture of row {seen.rows[b.owner]:,} ({seen.ids[b.owner]})"
            seen.tally.add("near-same-picture", *seen.example(a.owner, value, a.ref))
    return len(opened)


def add_repeats(seen: Seen, content: Mapping[int, int]) -> None:
    """Products of different groups that share everything, or their title, description or picture."""
    groups = np.frombuffer(seen.groups, np.uint64)
    every = np.arange(len(seen.ids), dtype=np.int64)
    pictures = {named.owner: named.ref for named in seen.sample.kept.values()}
    alone = np.ones(len(every), bool)  # copies of a product need no second finding for their title or picture
    for run, _ in _runs(np.frombuffer(seen.everything, np.uint64), every, groups):
        alone[run] = False
        _add_run(seen, "identical", run, pictures.get(int(run[0]), ""))
    for kind, texts in (("same-title", seen.titles), ("same-text", seen.texts)):
        keys = np.frombuffer(texts, np.uint64)
        kept = alone & (keys != 0)
        for run, _ in _runs(keys[kept], every[kept], groups):
            _add_run(seen, kind, run, pictures.get(int(run[0]), ""))
    owners = np.frombuffer(seen.picture_owners, np.int64)
    same = _by_content(np.frombuffer(seen.picture_keys, np.uint64), content)
    refs = {key: named.ref for key, named in seen.sample.kept.items()}
    refs |= {content[key]: refs[key] for key in content}
    for run, key in _runs(same[alone[owners]], owners[alone[owners]], groups):
        distinct = np.unique(run)
        kind = "shared-picture" if len(np.unique(groups[distinct])) >= MANY else "same-picture"
        _add_run(seen, kind, distinct, refs.get(key, ""))


def _by_content(keys: Keys, content: Mapping[int, int]) -> Keys:
    if not content:
        return keys
    refs = np.array(sorted(content), np.uint64)
    values = np.array([content[int(ref)] for ref in refs], np.uint64)
    places = np.minimum(np.searchsorted(refs, keys), len(refs) - 1)
    return np.where(refs[places] == keys, values[places], keys)


def _runs(keys: Keys, owners: Codes, groups: Keys) -> Iterator[tuple[Codes, int]]:
    """Owners that share a key though they are of different groups, with the key, by their first owner.

    `owners` ascend.
    """
    if len(keys) < 2:
        return
    order = np.argsort(keys, kind="stable")
    equal = np.zeros(len(keys) + 1, bool)
    equal[1:-1] = np.diff(keys[order]) == 0
    order = order[equal[1:] | equal[:-1]]  # what occurs once is let go before the rest is laid out
    if not len(order):
        return
    keys, owners = keys[order], owners[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    ends = np.append(starts[1:], len(keys))
    of = groups[owners]
    mixed = np.maximum.reduceat(of, starts) != np.minimum.reduceat(of, starts)
    for start, end in sorted(zip(starts[mixed], ends[mixed], strict=True), key=lambda run: int(owners[run[0]])):
        yield owners[start:end], int(keys[start])


def _add_run(seen: Seen, kind: str, run: Codes, picture: str = "") -> None:
    first = int(run[0])
    value = f"{len(run):,} products"
    room = EXAMPLES - len(seen.tally.examples[kind])
    for at in map(int, run[:room]):
        seen.tally.add(kind, *seen.example(at, value, picture))
        value, picture = f"same as row {seen.rows[first]:,} ({seen.ids[first]})", ""
    seen.tally.counts[kind] += len(run[room:])


def add_outliers(seen: Seen) -> None:
    """Prices whose logarithm lies over five robust spreads (1.4826 median absolute deviations) from the median."""
    prices, codes = np.frombuffer(seen.prices, np.float64), np.frombuffer(seen.categories, np.int32)
    priced = np.flatnonzero(np.isfinite(prices) & (codes >= 0))
    if not len(priced):
        return
    order = priced[np.argsort(codes[priced], kind="stable")]
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    names = {code: path for path, code in seen.category_codes.items()}
    found = []
    for members in np.split(order, cuts):
        if len(members) < LEAST_PRICES:
            continue
        logs = np.log(prices[members])
        middle = float(np.median(logs))
        spread = max(1.4826 * float(np.median(np.abs(logs - middle))), LEAST_SPREAD)
        far = np.abs(logs - middle) > max(OUTLIER_SPREADS * spread, np.log(OUTLIER_FACTOR))
        category, currency = names[int(codes[members[0]])]
        usual = f"{np.exp(middle):,.2f} {currency}".strip()
        place = f"in {category}" if category else "without a category"
        found += [(int(at), f"{prices[at]:,.2f}; half of those {place} cost less than {usual}") for at in members[far]]
    for at, value in sorted(found):
        seen.tally.add("price-outlier", *seen.example(at, value))


def add_languages(seen: Seen) -> None:
    """Products in another language than most, where there is one that most are in."""
    told = {name: count for name, count in seen.languages.items() if name not in ("", "mixed")}
    if told and max(told.values()) >= sum(told.values()) / 2:
        _add_minority(seen, "other-language", told, seen.language_examples)


def add_currencies(seen: Seen) -> None:
    """Products priced in another currency than most."""
    if len(seen.currencies) > 1:
        _add_minority(seen, "other-currency", seen.currencies, seen.currency_examples)


def _add_minority(seen: Seen, kind: str, counts: Mapping[str, int], examples: Mapping[str, list[Example]]) -> None:
    """Count all that differ from most; the first of them are the examples."""
    main = max(counts, key=lambda name: counts[name])
    others = sorted(
        ((example, name) for name in counts if name != main for example in examples[name]), key=lambda e: e[0].row
    )
    for example, name in others[:EXAMPLES]:
        seen.tally.add(kind, example.row, example.id, f"{name}, where most are {main}: {example.value}")
    if others:
        seen.tally.counts[kind] = sum(counts.values()) - counts[main]


def add_dates(seen: Seen) -> None:
    """Dates that are over, in columns where nearly all values are dates; and the age of the whole feed."""
    newest: date | None = None
    for column in seen.columns.values():
        if column is None or not column.dates or column.dates < DATED * column.values:
            continue
        if column.role == "update" and column.newest:
            newest = max(newest or column.newest, column.newest)
        elif column.count:
            kind = "expired" if column.role == "end" else "past-season"
            seen.tally.counts[kind] += column.count
            examples = [*seen.tally.examples[kind], *column.over]
            seen.tally.examples[kind] = sorted(examples, key=lambda example: example.row)[:EXAMPLES]
    if newest and seen.today - newest > STALE:
        seen.tally.add("stale-feed", 0, "", f"newest change: {newest.isoformat()}")
        seen.tally.counts["stale-feed"] = len(seen.ids)
