"""What can be said of answers without any truth: it shows that something is broken, not how good they are."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from sosie.engine.questions import Encoders
from sosie.errors import PictureError, TruthError
from sosie.evaluate.answers import alone, ask, fused
from sosie.evaluate.cases import worst_and_best
from sosie.evaluate.judge import Options
from sosie.evaluate.task import Lists, Task, part_of
from sosie.evaluate.truth import Listed, every_product, places_of
from sosie.evaluate.values import SHOWN, values_of
from sosie.media import open_picture
from sosie.metrics.intervals import interval
from sosie.reports import Case, Evaluation, Figure
from sosie.store import Snapshot
from sosie.types import Product, Progress, Query, Rows

SAMPLE = 300  # products that are asked about
NAMES = ("hit@1", "mrr")
NOTE = (
    "No truth was given. These checks show that something is broken, not how good the answers are: judge by a label, "
    "judgements, links, pairs or events."
)
WORDLESS = "Words find pictures only with an encoder trained on both; that check is left out."

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "photo cropped": lambda picture: ImageOps.crop(picture, round(min(picture.size) * 0.1)),
    "photo mirrored": ImageOps.mirror,
    "photo recoloured": lambda picture: ImageEnhance.Color(ImageEnhance.Brightness(picture).enhance(1.25)).enhance(0.7),
}


def self_checks(
    snapshot: Snapshot, encoders: Encoders, options: Options, progress: Progress | None = None
) -> Evaluation:
    """Each product's own photo changed, and half of its title, must find it; variants each other; signals must agree.

    The measures are named by the check. Raises TruthError for fewer than three products.
    """
    started = time.perf_counter()
    rows = np.flatnonzero(snapshot.alive)
    if len(rows) < 3:
        raise TruthError(f"{snapshot.store}: holds {len(rows)} products; there is nothing to compare.")
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(np.int64))]
    metrics: dict[str, Figure] = {}
    worst: tuple[Case, ...] = ()
    gallery = 0
    with TemporaryDirectory() as folder:
        for name, task in _tasks(snapshot, sample, Path(folder)):
            asked = ask(snapshot, task, encoders, progress)
            values, top = values_of(fused(asked, options.weights), task, NAMES, progress)
            metrics[name] = interval(values["hit@1"], task.clusters)
            worst += worst_and_best(snapshot, task, top, values["hit@1"], 2)[0]
            gallery = len(task.titles)
    metrics |= _agreement(snapshot, encoders, progress)
    return Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth="",
        measure=next(iter(metrics), ""),
        queries=len(sample),
        without_relevant=0,
        gallery=gallery or len(rows),
        metrics=metrics,
        baselines=(),
        beaten_by=(),
        slices=(),
        leaks=(),
        worst=worst,
        best=(),
        notes=(NOTE, WORDLESS),
        reproduce=dict(options.reproduce),
        seconds=time.perf_counter() - started,
    )


def _tasks(snapshot: Snapshot, sample: Rows, folder: Path) -> Iterator[tuple[str, Task]]:
    """The checks by name; the share of questions whose first answer is right is what each of them measures."""
    whole = every_product(snapshot, variants=False)
    products = snapshot.products(sample)
    place = dict(zip(whole.gallery.tolist(), whole.places.tolist(), strict=True))
    own = np.array([place[row] for row in sample.tolist()])
    for name, change in CHANGES.items():
        if {"image", "colour"} & set(snapshot.signals):
            yield from _asking(
                name, whole, own, [_changed(p, change, folder / f"{name} {at}.jpg") for at, p in enumerate(products)]
            )
    yield from _asking("half of the title", whole, own, [_half_title(product) for product in products])
    variants = every_product(snapshot, variants=True)
    groups = snapshot.groups[variants.gallery]
    several = np.flatnonzero(np.bincount(groups)[groups] > 1)
    if len(several):
        rows = variants.gallery
        chosen = several[np.unique(np.linspace(0, len(several) - 1, min(len(several), SAMPLE)).astype(np.int64))]
        places, titles = places_of(snapshot, rows, variants=True)
        same = [np.sort(places[(groups == groups[at]) & (np.arange(len(rows)) != at)]) for at in chosen.tolist()]
        yield (
            "variants find each other",
            Task(
                "variants find each other",
                tuple(snapshot.ids(rows[chosen])),
                rows[chosen],
                rows,
                places,
                titles,
                Listed.same_grade(Lists.build(same)),
                Lists.build([places[at : at + 1] for at in chosen.tolist()]),
                clusters=groups[chosen].astype(np.int64),
            ),
        )


def _asking(name: str, whole: Task, own: Rows, queries: list[Query | None]) -> Iterator[tuple[str, Task]]:
    there = [at for at, query in enumerate(queries) if query is not None]
    if not there:
        return
    lists = Lists.build([own[at : at + 1] for at in there])
    nobody = Lists(np.zeros(len(there) + 1, np.int64), np.empty(0, np.int64))
    yield (
        name,
        Task(
            name,
            tuple(whole.titles[own[at]] for at in there),
            tuple(query for query in queries if query is not None),
            whole.gallery,
            whole.places,
            whole.titles,
            Listed.same_grade(lists),
            nobody,
        ),
    )


def _changed(product: Product, change: Callable[[Image.Image], Image.Image], file: Path) -> Query | None:
    if not product.images:
        return None
    try:
        change(open_picture(product.images[0], draft=256)).save(file, quality=85)
    except PictureError:
        return None
    return Query(image=file)


def _half_title(product: Product) -> Query | None:
    words = product.title.split()
    return Query(text=" ".join(words[::2])) if len(words) > 1 else None


def _agreement(snapshot: Snapshot, encoders: Encoders, progress: Progress | None) -> dict[str, Figure]:
    """Share of the first answers that two signals have in common, each pair of signals."""
    whole = every_product(snapshot, variants=False)
    some = np.unique(np.linspace(0, whole.size - 1, min(whole.size, SAMPLE)).astype(np.int64))
    task = part_of(whole, some)
    lists = {one.name: values_of(one, task, (), progress)[1].places for one in alone(ask(snapshot, task, encoders))}
    names = list(lists)
    found = {}
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            a, b = lists[first], lists[second]
            there = (a >= 0).any(axis=1) & (b >= 0).any(axis=1)
            if there.any():
                shared = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).sum(axis=(1, 2)) / SHOWN
                found[f"{first} and {second} agree"] = interval(shared[there])
    return found
