"""What is wrong with a catalogue, and what to do about it; streamed, in bounded memory."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import numpy as np

from sosie.catalog.check.pictures import OPENED, contents
from sosie.catalog.check.seen import Seen
from sosie.catalog.check.whole import (
    add_currencies,
    add_dates,
    add_languages,
    add_outliers,
    add_pictures,
    add_rejects,
    add_repeats,
)
from sosie.types import CatalogueReport, Product, Progress, Reject


def check(
    products: Iterable[tuple[int, Product]],
    rejects: Iterable[Reject] = (),
    *,
    pictures: bool = True,
    today: date | None = None,
    progress: Progress | None = None,
) -> CatalogueReport:
    """Judge a catalogue: products with their rows, then the rows that gave none (`rejects` is read after `products`).

    Holds some 200 bytes a product and no product itself. Beyond some thousands, pictures are judged by a sample of
    them, which the report's notes tell.
    """
    seen = Seen(today or datetime.now(UTC).date())
    for done, (row, product) in enumerate(products, 1):
        seen.add(row, product)
        if progress and done % 10_000 == 0:
            progress("reading", done, None)
    rejected = add_rejects(seen.tally, rejects)
    named = len(np.unique(np.frombuffer(seen.picture_keys, np.uint64)))
    content: dict[int, int] = {}
    examined = 0
    if pictures and named:
        content = contents(seen.sample, progress)
        examined = add_pictures(seen, content, OPENED, progress)
    add_repeats(seen, content)
    add_outliers(seen)
    add_currencies(seen)
    add_languages(seen)
    add_dates(seen)
    findings = seen.tally.findings(len(seen.ids), rejected, examined)
    return CatalogueReport(
        products=len(seen.ids),
        rejected=rejected,
        pictures=named,
        examined=examined,
        findings=findings,
        notes=_notes(pictures, named, len(seen.sample.kept), examined),
    )


def _notes(pictures: bool, named: int, compared: int, examined: int) -> tuple[str, ...]:
    if not named:
        return ()
    if not pictures:
        return ("Pictures were not opened; only their names were compared.",)
    if examined == named:
        return ()
    return (
        f"Pictures were judged by a sample: {examined:,} of {named:,} were opened, "
        f"the bytes of {compared:,} compared, the names of all.",
    )
