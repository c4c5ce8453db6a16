"""`sosie check`: reads a catalogue and hands its products, row by row, to the check."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sosie.catalog import open_source
from sosie.catalog.check import check
from sosie.types import CatalogueReport, Product, Progress, Reject


def check_catalogue(
    catalogue: Path,
    mapping: Mapping[str, str],
    ignore: tuple[str, ...],
    images: Path | None,
    reviews: Path | None,
    progress: Progress,
) -> CatalogueReport:
    """Check a whole catalogue. Raises CatalogueError where it can't be read at all."""
    source = open_source(catalogue, mapping=mapping, ignore=ignore, images=images, reviews=reviews)
    rejects: list[Reject] = []

    def products() -> Iterator[tuple[int, Product]]:
        for batch in source.batches():
            record = dict(zip(batch.ids, batch.rows.tolist(), strict=True))
            for item in source.read(batch):
                if isinstance(item, Reject):
                    rejects.append(item)
                else:
                    yield record[item.id], item
        rejects.extend(source.leftovers())

    return check(products(), rejects, progress=progress)
