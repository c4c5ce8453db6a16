"""The verbs about a store's vectors and scores themselves: health, calibrate."""

import time
from pathlib import Path
from typing import Annotated

import typer

from sosie.cli.measuring import (
    GallerySplit,
    Kinds,
    Labels,
    Links,
    Pairs,
    Qrels,
    QuerySplit,
    Split,
    Variants,
    command_line,
    truth_of,
)
from sosie.cli.options import DEFAULT, Html, Json, StoreOption


def health(
    store: StoreOption = DEFAULT,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="DIR", help="An older store of the shop: what drifted since?")
    ] = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What can be told of a store's vectors without any truth, and what to do about it.

    Collapsed dimensions, hubs, equal vectors, signals that only repeat each other. With --against also drift: how the
    products of both stores moved, and how unlike them new products are, beside what random halves of one store differ
    by. Figures are of a random sample in large stores.
    """
    from sosie.cli import show
    from sosie.cli.figures_health import print_health
    from sosie.engine.shop import Store
    from sosie.evaluate.front import Truth, reproduce
    from sosie.evaluate.health import health as looked

    snapshot = Store(store).snapshot
    older = None if against is None else Store(against).snapshot
    with show.progress() as progress:
        report = looked(snapshot, older, reproduce(snapshot, Truth(), command_line()), progress)
    if html:
        from sosie.pages import health_page

        show.write_page(html, health_page(report))
    if as_json:
        show.print_json(report.as_json())
    else:
        print_health(report)


def calibrate(
    store: StoreOption = DEFAULT,
    label: Labels = [],  # noqa: B006 - typer wants the default itself
    pairs: Pairs = None,
    qrels: Qrels = None,
    links: Links = None,
    kind: Kinds = [],  # noqa: B006
    split: Split = "",
    query_split: QuerySplit = "",
    gallery_split: GallerySplit = "",
    variants: Variants = False,
    least: Annotated[
        float, typer.Option("--least", min=0.0, help="The grade from which on two products are alike; 0 = any.")
    ] = 0.0,
    remove: Annotated[bool, typer.Option("--remove", help="Forget what scores stand for.")] = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Learn from a truth what scores stand for, and keep it with the store: 'n of 10 such hits are alike'.

    From then on every hit of a product tells it, at the store's own weights, until signals, weights or scales change.
    With --split, products of val ask and those of train answer unless told otherwise: test is left for judging.
    """
    from sosie.cli import show
    from sosie.cli.figures_health import print_calibration
    from sosie.engine.shop import Store
    from sosie.errors import TruthError
    from sosie.evaluate.calibrate import calibrate as learnt
    from sosie.evaluate.calibrate import scored
    from sosie.evaluate.front import reproduce
    from sosie.store import forget_calibration

    started = time.perf_counter()
    truth = truth_of(
        label, pairs, qrels, None, links, kind, None, "last", False, split, query_split, gallery_split, variants
    )  # fmt: skip
    shop = Store(store)
    if remove:
        if truth.given:
            raise TruthError("--remove forgets a calibration, and learns none: leave out the truth.")
        removed = forget_calibration(store)
        if as_json:
            show.print_json({"removed": removed})
        else:
            show.out.print("The calibration is forgotten." if removed else "There was no calibration.")
        return
    snapshot = shop.snapshot
    with show.progress() as progress:
        found = scored(snapshot, truth, shop.encoder, least, progress)
    report = learnt(snapshot, found, reproduce(snapshot, truth, command_line()), started)
    if html:
        from sosie.pages import calibration_page

        show.write_page(html, calibration_page(report))
    if as_json:
        show.print_json(report.as_json())
    else:
        print_calibration(report)
