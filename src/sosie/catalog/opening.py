"""Opening a catalogue: its format, its columns, where its pictures lie."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import polars as pl

from sosie.catalog.delimited import read_delimited
from sosie.catalog.encoding import sample
from sosie.catalog.folder import read_archives, read_folder
from sosie.catalog.frames import MORE, Table, empty
from sosie.catalog.grouped import Layout, recognise_layout
from sosie.catalog.guess import Guess, make_plan
from sosie.catalog.parquet import read_parquet
from sosie.catalog.pictures import Pictures, order_roots
from sosie.catalog.records import read_feed, read_json
from sosie.catalog.reviews import Reviews
from sosie.catalog.source import VERSION, Source, named_ids, pictured_ids
from sosie.catalog.values import CategoryStyle, is_url, split_pictures
from sosie.errors import CatalogueError
from sosie.media import is_archive
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
    layout = read_table(path)
    table = layout.table
    rows, whole = _sample(table)
    if not rows.height and whole:
        raise CatalogueError(f"{path}: names columns ({', '.join(table.columns)}) but holds no product.")
    plan, separate, notes = make_plan(
        table.columns,
        rows,
        whole=whole,
        mapping=mapping,
        ignore=ignore,
        given=layout.given,
        separate=layout.separate,
    )
    if layout.styles:
        plan = replace(plan, styles={**plan.styles, **layout.styles})
    pictures = Pictures(path if path.is_dir() else path.parent, images, downloaded)
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
    told = Reviews(reviews, read_table(reviews).table) if reviews is not None else None
    guess = Guess(
        format=table.format,
        encoding=table.encoding,
        delimiter=table.delimiter,
        fields={
            layout.shown.get(column, column): "text" if field == "more_text" else field
            for field, columns in plan.fields.items()
            for column in columns
        },
        attributes=tuple(layout.shown.get(name, name) for name in plan.attributes if name != MORE),
        ignored=separate,
        notes=(*table.notes, *notes),
    )
    key = repr((VERSION, pl.__version__, table.format, table.columns, plan, pictures.roots, pictures.allowed))
    return Source(
        guess, table, plan, pictures, told, named_ids(ids) if ids else pictured_ids(plan.fields["images"]), key
    )


def read_table(path: Path) -> Layout:
    """Recognise the format of a file or folder and open it. Raises CatalogueError."""
    if path.is_dir():
        return _pictures(read_folder(path))
    if not path.is_file():
        raise CatalogueError(f"{path}: there is no such file or folder.")
    if is_archive(path):
        return _pictures(read_archives([path]))
    start = sample(path)[:4096]
    if start.startswith(b"PAR1"):
        return recognise_layout(read_parquet(path))
    text = start.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if text.startswith(b"<"):
        return recognise_layout(read_feed(path))
    if text.startswith((b"{", b"[")):
        return recognise_layout(read_json(path))
    return recognise_layout(read_delimited(path))


def _pictures(table: Table) -> Layout:
    given = {"images": ("picture",), "category": ("category",)}
    separate = {"label": "a label", "split": "a split"}
    return Layout(table, given, separate, styles={"category": CategoryStyle(">")})


def _sample(table: Table) -> tuple[pl.DataFrame, bool]:
    """The first rows, and whether they are all there are."""
    chunks = (chunk for chunk in table.chunks() if chunk.frame.height or chunk.rejects)
    first = list(islice(chunks, 2))
    frames = [chunk.frame for chunk in first if chunk.frame.height]
    rows = frames[0] if frames else empty(table.columns)
    broken = any(chunk.rejects for chunk in first)
    whole = len(first) < 2 and rows.height <= SAMPLE
    return rows.head(SAMPLE), whole and not (broken and not rows.height)
