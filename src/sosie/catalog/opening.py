"""Opening a catalogue: its format, its columns, where its pictures lie."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from sosie.catalog.delimited import read_delimited
from sosie.catalog.frames import Table, empty
from sosie.catalog.guess import Guess, make_plan
from sosie.catalog.pictures import Pictures, order_roots
from sosie.catalog.reviews import Reviews
from sosie.catalog.source import VERSION, Source, named_ids, pictured_ids
from sosie.catalog.values import is_url, split_pictures
from sosie.errors import CatalogueError
from sosie.types import NOTHING

SAMPLE = 10_000  # rows that columns are judged by


def open_source(
    file_or_folder: Path,
    *,
    mapping: Mapping[str, str] = NOTHING,
    ignore: Sequence[str] = (),
    images: Path | None = None,
    reviews: Path | None = None,
    downloaded: Mapping[str, str] | None = None,
) -> Source:
    """Open a catalogue: a product file, a folder of pictures, or labelled archives of pictures.

    `mapping` names the column of a field where the guess is wrong; columns in `ignore` are kept but never compared;
    `images` is the folder of the pictures, where it is not the catalogue's own; `reviews` a file of reviews;
    `downloaded` the local file of each address of a picture. Raises CatalogueError.
    """
    path = Path(file_or_folder)
    if not path.exists():
        raise CatalogueError(f"{path}: there is no such file or folder.")
    table = read_table(path)
    rows, whole = _sample(table)
    if not rows.height and whole:
        raise CatalogueError(f"{path}: names columns ({', '.join(table.columns)}) but holds no product.")
    plan, separate, notes = make_plan(
        table.columns, rows, whole=whole, mapping=mapping, ignore=ignore, given={}, separate={}
    )
    pictures = Pictures(path.parent, images, downloaded)
    refs = [
        ref for name in plan.fields.get("images", ()) for cell in rows[name].head(500) for ref in split_pictures(cell)
    ]
    order_roots(pictures, refs)
    ids = plan.fields.get("id", ())
    if not ids and not plan.fields.get("images"):
        raise CatalogueError(
            f"{path}: has neither a column of ids nor one of pictures; say which it is with --map id=COLUMN. "
            f"Columns: {', '.join(table.columns)}."
        )
    if not ids:
        notes.append(f"no column of ids: the path of each picture ('{plan.fields['images'][0]}') is taken as the id.")
    if downloaded is None and (addresses := sum(map(is_url, refs))):
        share = "the pictures are" if addresses == len(refs) else "some pictures are"
        notes.append(f"{share} given by address: they are read only with --download-images.")
    told = Reviews(reviews, read_table(reviews)) if reviews is not None else None
    guess = Guess(
        format=table.format,
        encoding=table.encoding,
        delimiter=table.delimiter,
        fields={c: "text" if f == "more_text" else f for f, cs in plan.fields.items() for c in cs},
        attributes=plan.attributes,
        ignored=separate,
        notes=(*table.notes, *notes),
    )
    key = repr((VERSION, pl.__version__, table.format, table.columns, plan, pictures.roots, pictures.allowed))
    return Source(
        guess, table, plan, pictures, told, named_ids(ids) if ids else pictured_ids(plan.fields["images"]), key
    )


def read_table(path: Path) -> Table:
    """Recognise the format of a file or folder and open it. Raises CatalogueError."""
    if not path.exists():
        raise CatalogueError(f"{path}: there is no such file or folder.")
    return read_delimited(path)


def _sample(table: Table) -> tuple[pl.DataFrame, bool]:
    """The first rows, and whether they are all there are."""
    chunks = (chunk for chunk in table.chunks() if chunk.frame.height or chunk.rejects)
    first = list(islice(chunks, 2))
    frames = [chunk.frame for chunk in first if chunk.frame.height]
    rows = frames[0] if frames else empty(table.columns)
    broken = any(chunk.rejects for chunk in first)
    whole = len(first) < 2 and rows.height <= SAMPLE
    return rows.head(SAMPLE), whole and not (broken and not rows.height)
