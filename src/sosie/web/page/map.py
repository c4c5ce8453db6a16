"""The view of the map: every product as a point, laid out once a generation, kept in the store's cache.

Products that are written live appear when the next generation, or many of them, let it be drawn anew.
"""

import json
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.engine.build import silent
from sosie.errors import StoreError
from sosie.store import Snapshot
from sosie.store.files import explained, write_atomic
from sosie.text import tokens
from sosie.types import Product, Progress, Rows
from sosie.web.jobs import Job
from sosie.web.page.layout import Points, main_directions, place
from sosie.web.problems import Problem
from sosie.web.shop import Shop

VERSION = 1  # raise it when the same generation would be laid out differently
AT_ONCE = 3_000  # products that are laid out while somebody waits
CLUSTERS, KINDS = 12, 12  # colours that can be told apart
NAMED_BY = 300  # products of a cluster whose titles name it
TYPICAL = 6  # products of a cluster that are named
LATE, LATE_SHARE = 20, 0.02  # products, and share of all, that may be missing on a map that was drawn
LISTED = 200  # products told about at once
NONE = 255  # code of what is not known
LAST = 65535  # of a coordinate


@dataclass(frozen=True, eq=False)
class Map:
    """Products on a plane. All arrays are of the rows that lived when it was drawn, (products,)."""

    generation: int
    rows: NDArray[np.uint32]
    points: Points
    clusters: NDArray[np.uint8]
    names: Sequence[str]  # of clusters
    typical: Sequence[Sequence[int]]  # rows of products in the middle of each


def map_of(shop: Shop) -> Map | Job:
    """The map of the newest generation; where making it takes long, the job that does. Raises StoreError."""
    snapshot = shop.store.snapshot
    file = _file(snapshot)
    if file.is_file():
        drawn = _living(_read(file, snapshot.manifest.generation), snapshot)
        if int(np.count_nonzero(snapshot.alive)) - len(drawn.rows) <= LATE + LATE_SHARE * len(drawn.rows):
            return drawn
    if np.count_nonzero(snapshot.alive) <= AT_ONCE:
        return _draw(snapshot, silent)
    if running := shop.jobs.running("layout"):
        return running

    def work(progress: Progress) -> dict[str, object]:
        return {"products": len(_draw(snapshot, progress).rows)}

    return shop.jobs.start("layout", work)


def as_bytes(drawn: Map, snapshot: Snapshot) -> bytes:
    """What the browser draws: the number of products, their rows, x, y, kinds, clusters, prices. Little-endian."""
    whole = np.clip((drawn.points + 1) / 2 * LAST, 0, LAST).astype("<u2")
    parts = [
        struct.pack("<I", len(drawn.rows)),
        drawn.rows.astype("<u4").tobytes(),
        whole[:, 0].tobytes(),
        whole[:, 1].tobytes(),
        _kinds(snapshot, drawn.rows)[0].tobytes(),
        drawn.clusters.tobytes(),
        _prices(snapshot, drawn.rows)[0].tobytes(),
    ]
    return b"".join(parts)


def legend(drawn: Map, snapshot: Snapshot) -> dict[str, Sequence[str]]:
    """What the codes of each colouring stand for."""
    return {
        "category": _kinds(snapshot, drawn.rows)[1],
        "cluster": drawn.names,
        "price": _prices(snapshot, drawn.rows)[1],
    }


def sizes(drawn: Map) -> list[int]:
    """How many products each cluster has."""
    found: list[int] = np.bincount(drawn.clusters, minlength=len(drawn.names)).tolist()
    return found


def products_at(snapshot: Snapshot, generation: int, rows: Rows) -> list[Product]:
    """Products at rows that a map named; those that are gone since are left out. Raises Problem: 410, another map."""
    if generation != snapshot.manifest.generation:
        raise Problem(410, "the store was built anew since this map was drawn; load the page again.")
    there = rows[(rows >= 0) & (rows < snapshot.size)]
    return snapshot.products(there[snapshot.alive[there]])


def _living(drawn: Map, snapshot: Snapshot) -> Map:
    """A map without the products that are gone since."""
    alive = snapshot.alive[drawn.rows]
    if alive.all():
        return drawn
    return replace(drawn, rows=drawn.rows[alive], points=drawn.points[alive], clusters=drawn.clusters[alive])


def _file(snapshot: Snapshot) -> Path:
    return snapshot.store / "cache" / "map" / f"{snapshot.folder.name}-{VERSION}.npz"


def _draw(snapshot: Snapshot, progress: Progress) -> Map:
    rows = np.flatnonzero(snapshot.alive)
    generation = snapshot.manifest.generation
    if not len(rows):
        empty = np.zeros((0, 2), np.float32)
        return Map(generation, rows.astype(np.uint32), empty, np.zeros(0, np.uint8), (), ())
    vectors = main_directions(snapshot, rows, progress)
    points = place(vectors, progress)
    clusters, middles = _clustered(points)
    names = _named(snapshot, rows, clusters, len(middles))
    typical = []
    for at, middle in enumerate(middles):
        of = np.flatnonzero(clusters == at)
        nearest = of[np.argsort(np.square(points[of] - middle).sum(axis=1), kind="stable")[:TYPICAL]]
        typical.append(rows[nearest].tolist())
    drawn = Map(generation, rows.astype(np.uint32), points, clusters, names, typical)
    _write(_file(snapshot), drawn)
    return drawn


def _clustered(points: Points) -> tuple[NDArray[np.uint8], Points]:
    """Clusters of the plane as it is seen, the largest first: codes, (products,), and middles."""
    import faiss

    wanted = int(np.clip(np.sqrt(len(points) / 4), 1, CLUSTERS))
    kmeans = faiss.Kmeans(2, wanted, niter=25, seed=1, max_points_per_centroid=10_000, min_points_per_centroid=1)
    kmeans.train(np.ascontiguousarray(points))
    codes = kmeans.index.search(np.ascontiguousarray(points), 1)[1][:, 0]
    middles: Points = kmeans.centroids  # type: ignore[assignment]
    order = np.argsort(-np.bincount(codes, minlength=wanted), kind="stable")
    place_of = np.empty(wanted, np.uint8)
    place_of[order] = np.arange(wanted)
    return place_of[codes], middles[order]


def _named(snapshot: Snapshot, rows: Rows, clusters: NDArray[np.uint8], count: int) -> list[str]:
    """The two words of titles (of categories, where there are no titles) that tell each cluster from the others."""
    of_each: list[Counter[str]] = []
    everywhere: Counter[str] = Counter()
    for at in range(count):
        of = rows[clusters == at]
        some = of[np.linspace(0, len(of) - 1, min(NAMED_BY, len(of))).astype(np.int64)] if len(of) else of
        words: Counter[str] = Counter()
        for product in snapshot.products(some):
            said = product.title or " ".join(product.category[:1])
            words.update({word for word in tokens(said) if len(word) > 1 and not word.isdigit()})
        of_each.append(words)
        everywhere.update(words)
    names = []
    for at, words in enumerate(of_each):
        best = sorted(words, key=lambda word: (-(words[word] ** 2) / everywhere[word], word))[:2]
        names.append(" · ".join(best) or str(at + 1))
    return names


def _kinds(snapshot: Snapshot, rows: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], list[str]]:
    """The commonest categories that divide the catalogue: codes, (rows,), and names."""
    column = snapshot.columns["category"]
    vocabulary = column.vocabulary or ()
    codes = column.values[rows].astype(np.int64)
    paths = [entry.split(" | ")[0].split(" > ") for entry in vocabulary]
    depth = 1
    while depth < 4 and len({tuple(path[:depth]) for path in paths}) < 2:
        depth += 1
    heads = [path[:depth][-1] for path in paths]
    counts = np.bincount(codes[codes >= 0], minlength=len(vocabulary))
    total: Counter[str] = Counter()
    for head, count in zip(heads, counts.tolist(), strict=True):
        total[head] += count
    names = [name for name, count in total.most_common(KINDS) if count]
    number = {name: at for at, name in enumerate(names)}
    table = np.array([*(number.get(head, NONE) for head in heads), NONE], np.uint8)
    return table[codes], names


def _prices(snapshot: Snapshot, rows: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], list[str]]:
    """Prices by rank, 0..254, so that the colours are evenly used; and the least, the middle and the highest price."""
    values = snapshot.columns["price"].values[rows].astype(np.float64)
    known = np.isfinite(values)
    codes = np.full(len(rows), NONE, np.uint8)
    if not known.any():
        return codes, []
    ordered = np.sort(values[known])
    rank = np.searchsorted(ordered, values[known], side="left") / len(ordered)
    codes[known] = np.floor(rank * NONE).astype(np.uint8)
    return codes, [f"{ordered[int(at * (len(ordered) - 1))]:,.2f}" for at in (0, 0.5, 1)]


def _write(file: Path, drawn: Map) -> None:
    out = BytesIO()
    told = json.dumps({"names": list(drawn.names), "typical": [list(one) for one in drawn.typical]})
    np.savez(
        out,
        rows=drawn.rows,
        points=drawn.points,
        clusters=drawn.clusters,
        told=np.frombuffer(told.encode(), np.uint8),
        allow_pickle=False,
    )
    with explained(file.parents[2], "keep its map"):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, out.getvalue())
        for old in sorted(file.parent.glob("*.npz"), key=lambda one: one.stat().st_mtime)[:-2]:
            old.unlink(missing_ok=True)


def _read(file: Path, generation: int) -> Map:
    try:
        with np.load(file, allow_pickle=False) as kept:
            told: Mapping[str, list[str]] = json.loads(kept["told"].tobytes())
            return Map(
                generation,
                kept["rows"],
                kept["points"],
                kept["clusters"],
                told["names"],
                told["typical"],  # type: ignore[arg-type]
            )
    except (OSError, ValueError, KeyError) as error:
        file.unlink(missing_ok=True)
        raise StoreError(
            f"{file.name}: the map is damaged ({error}); load the page again, it is drawn anew."
        ) from error
