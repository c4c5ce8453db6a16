"""What can be said of answers without any truth: it shows that something is broken, not how good they are."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from sosie.engine.questions import Encoders
from sosie.errors import PictureError, TruthError
from sosie.evaluate.answers import Asked, alone, ask, fused
from sosie.evaluate.cases import worst_and_best
from sosie.evaluate.judge import Options
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task, part_of
from sosie.evaluate.truth import Gallery, Listed, every_product
from sosie.evaluate.values import values_of
from sosie.media import open_picture
from sosie.metrics.intervals import interval
from sosie.reports import Case, Evaluation, Figure
from sosie.store import Snapshot
from sosie.types import Product, Progress, Query, Rows

SAMPLE = 300  # products that are asked about
CASES = 2  # of each check, that failed
NOTE = (
    "No truth was given. These checks show that something is broken, not how good the answers are: judge by a label, "
    "judgements, links, pairs or events."
)
WORDLESS = "Words find pictures only with an encoder trained on both; that check is left out."
PHOTOS, HALF, TITLE, VARIANTS = "photo", "half of the title", "title finds its picture", "variants find each other"
PICTURE = "image"  # the signal that a title may find

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    f"{PHOTOS} cropped": lambda picture: ImageOps.crop(picture, round(min(picture.size) * 0.1)),
    f"{PHOTOS} mirrored": ImageOps.mirror,
    f"{PHOTOS} recoloured": lambda picture: ImageEnhance.Color(ImageEnhance.Brightness(picture).enhance(1.25)).enhance(
        0.7
    ),
}


@dataclass(frozen=True, eq=False)
class _Check:
    """Questions whose first answer is known, and the products that are asked about."""

    name: str
    task: Task
    products: Sequence[Product]


def self_checks(
    snapshot: Snapshot, encoders: Encoders, options: Options, progress: Progress | None = None
) -> Evaluation:
    """Each product's own photo changed, and half of its title, must find it; variants each other; signals must agree.

    The measures are named by the check: the share of questions whose first answer is right, and for two signals the
    share of their first answers that is the same. Raises TruthError for fewer than three products.
    """
    started = time.perf_counter()
    rows = np.flatnonzero(snapshot.alive)
    if len(rows) < 3:
        raise TruthError(f"{snapshot.store}: holds {len(rows)} products; there is nothing to compare.")
    whole = every_product(snapshot, variants=False)
    metrics: dict[str, Figure] = {}
    worst: tuple[Case, ...] = ()
    with TemporaryDirectory() as folder:
        for check in _checks(snapshot, whole, Path(folder)):
            asked = ask(snapshot, check.task, encoders, progress)
            system = _system(asked, check.name, options)
            if system is None:
                continue
            values, top = values_of(system, check.task, ("hit@1",), progress)
            metrics[check.name] = interval(values["hit@1"], check.task.clusters)
            worst += tuple(
                _told(case, check)
                for case in worst_and_best(snapshot, check.task, top, values["hit@1"], CASES)[0]
                if case.value < 1
            )
    metrics |= _agreement(snapshot, whole, encoders, progress)
    return Evaluation(
        store=str(snapshot.store),
        version=snapshot.version,
        truth="",
        measure=next(iter(metrics), ""),
        queries=min(whole.size, SAMPLE),
        without_relevant=0,
        gallery=len(whole.titles),
        metrics=metrics,
        baselines=(),
        beaten_by=(),
        slices=(),
        leaks=(),
        worst=worst,
        best=(),
        notes=(NOTE, *([] if TITLE in metrics else [WORDLESS])),
        reproduce=dict(options.reproduce),
        seconds=time.perf_counter() - started,
    )


def _system(asked: Asked, name: str, options: Options) -> System | None:
    """What answers a check; None where the questions say nothing to what would have to answer."""
    if name == TITLE:
        return next((one for one in alone(asked) if one.name == PICTURE), None)
    return fused(asked, options.weights) if asked.signals or asked.words is not None else None


def _checks(snapshot: Snapshot, whole: Task, folder: Path) -> Iterator[_Check]:
    some = _evenly(whole.size)
    products = snapshot.products(np.asarray(whole.asked)[some])
    own = [whole.barred.of(at) for at in some.tolist()]  # the place that a product may not fill when it asks itself
    encoded = {name for name, state in snapshot.manifest.signals.items() if state.fingerprint}
    if {"image", "colour"} & encoded:
        for name, change in CHANGES.items():
            pictures = [_changed(p, change, folder / f"{name} {at}.jpg") for at, p in enumerate(products)]
            yield from _asking(name, whole, own, products, pictures)
    if {"text", "words"} & encoded:
        yield from _asking(HALF, whole, own, products, [_part_of_title(product) for product in products])
        if PICTURE in encoded:
            titles = [Query(text=product.title) if product.title.strip() else None for product in products]
            yield from _asking(TITLE, whole, own, products, titles)
    yield from _variants(snapshot)


def _asking(
    name: str, whole: Task, own: Sequence[Rows], products: Sequence[Product], queries: Sequence[Query | None]
) -> Iterator[_Check]:
    there = [at for at, query in enumerate(queries) if query is not None]
    if there:
        task = replace(
            whole,
            name=name,
            keys=tuple(products[at].id for at in there),
            asked=tuple(query for query in queries if query is not None),
            relevance=Listed.same_grade(Lists.build([own[at] for at in there])),
            barred=Lists.build([np.empty(0, np.int64)] * len(there)),
        )
        yield _Check(name, task, [products[at] for at in there])


def _variants(snapshot: Snapshot) -> Iterator[_Check]:
    """Each of several variants asks for the others, told apart."""
    whole = every_product(snapshot, variants=True)
    groups = snapshot.groups[whole.gallery].astype(np.int64)
    several = np.flatnonzero(np.bincount(groups)[groups] > 1)
    if not len(several):
        return
    chosen = several[_evenly(len(several))]
    places = Gallery.of(snapshot, whole.gallery, variants=True).place(whole.gallery)
    others = [places[(groups == groups[at]) & (np.arange(len(groups)) != at)] for at in chosen.tolist()]
    task = replace(
        part_of(whole, chosen),
        name=VARIANTS,
        relevance=Listed.same_grade(Lists.build(others)),
        clusters=groups[chosen],
    )
    yield _Check(VARIANTS, task, snapshot.products(np.asarray(task.asked)))


def _evenly(size: int) -> Rows:
    return np.unique(np.linspace(0, size - 1, min(size, SAMPLE)).astype(np.int64))


def _told(case: Case, check: _Check) -> Case:
    """The case with the product's own picture (that of the question is gone) and the check in its title."""
    product = check.products[check.task.keys.index(case.query)]
    words = case.title if check.name == HALF else product.title
    picture = product.images[0] if product.images else ""
    return replace(case, title=f"{words} ({check.name})" if words else check.name, picture=picture)


def _changed(product: Product, change: Callable[[Image.Image], Image.Image], file: Path) -> Query | None:
    if not product.images:
        return None
    try:
        change(open_picture(product.images[0], draft=256)).save(file, quality=85)
    except PictureError:
        return None
    return Query(image=file)


def _part_of_title(product: Product) -> Query | None:
    words = product.title.split()
    return Query(text=" ".join(words[::2])) if len(words) > 1 else None


def _agreement(snapshot: Snapshot, whole: Task, encoders: Encoders, progress: Progress | None) -> dict[str, Figure]:
    """Share of the first answers that two signals have in common, each pair of signals."""
    asked = ask(snapshot, part_of(whole, _evenly(whole.size)), encoders)
    lists = {one.name: values_of(one, asked.task, (), progress)[1].places for one in alone(asked)}
    names = list(lists)
    found = {}
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            a, b = lists[first], lists[second]
            size = np.minimum((a >= 0).sum(axis=1), (b >= 0).sum(axis=1))
            shared = ((a[:, :, None] == b[:, None, :]) & (a >= 0)[:, :, None]).sum(axis=(1, 2))
            if size.any():
                found[f"{first} and {second} agree"] = interval((shared / np.maximum(size, 1))[size > 0])
    return found
