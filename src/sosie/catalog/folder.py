"""Pictures without a product file: a folder of them, or labelled archives.

A subfolder is a category, unless it is named as a split (train, val, test).
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from sosie.catalog.frames import ROW, Chunk, Table
from sosie.catalog.pictures import SUFFIXES
from sosie.catalog.values import LEVEL
from sosie.errors import CatalogueError, PictureError
from sosie.media import archive_entries, is_archive

CHUNK = 20_000
COLUMNS = ("picture", "category", "label", "split", "#state")  # the last one tells a changed picture
PRODUCT_FILES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xml"})
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val", "test": "test"}
ARCHIVE_SPLITS = {"train": "train", "data_batch": "train", "t10k": "test", "test": "test", "val": "val"}
Row = tuple[str, str, str, str, str]


def read_folder(folder: Path) -> Table:
    """Open a folder of pictures or of archives. Raises CatalogueError where it holds neither."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    archives = [folder / name for name in names if Path(name).suffix not in SUFFIXES and is_archive(folder / name)]
    if archives:
        return read_archives(archives)
    if next(_pictures(folder), None) is None:
        files = [name for name in names if Path(name).suffix.casefold() in PRODUCT_FILES]
        hint = f" It holds {', '.join(files[:3])}: name that file." if files else ""
        raise CatalogueError(f"{folder}: holds no picture and no archive of pictures.{hint}")
    beside = [name for name in names if Path(name).suffix.casefold() in PRODUCT_FILES]
    notes = (f"{', '.join(beside[:3])} in the folder was not read; name the file to build from it.",) if beside else ()
    return Table("folder of pictures", COLUMNS, lambda: _chunks(_pictures(folder)), notes=notes)


def read_archives(archives: list[Path]) -> Table:
    """Open labelled archives of pictures (IDX, CIFAR-10): a picture an entry, its label as its category."""
    names = ", ".join(path.name for path in archives)

    def rows() -> Iterator[Row]:
        for path in archives:
            yield from _entries(path)

    return Table(f"pictures in {names}", COLUMNS, lambda: _chunks(rows()))


def _entries(path: Path) -> Iterator[Row]:
    try:
        listing = archive_entries(path)
    except PictureError as error:
        raise CatalogueError(str(error)) from error
    known = listing.label_names or (FASHION if "fashion" in str(path.resolve()).casefold() else None)
    split = next((split for word, split in ARCHIVE_SPLITS.items() if path.name.startswith(word)), "")
    status = path.stat()
    state = f"{status.st_size} {status.st_mtime_ns}"
    for number in range(listing.count):
        label = ""
        if listing.labels is not None:
            value = int(listing.labels[number])
            label = known[value] if known and value < len(known) else str(value)
        yield f"{path.name}#{number}", label, label, split, state


def _pictures(folder: Path) -> Iterator[Row]:
    """Every picture below a folder, in the order of its path."""
    for current, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inner = Path(current).relative_to(folder)
        split = SPLITS.get(inner.parts[0].casefold(), "") if inner.parts else ""
        category = LEVEL.join(inner.parts[1:] if split else inner.parts)
        for name in sorted(files):
            if os.path.splitext(name)[1].casefold() in SUFFIXES and not name.startswith("."):  # noqa: PTH122 - many
                status = os.lstat(os.path.join(current, name))  # noqa: PTH118 - many
                yield (inner / name).as_posix(), category, "", split, f"{status.st_size} {status.st_mtime_ns}"


def _chunks(rows: Iterator[Row]) -> Iterator[Chunk]:
    number = 1
    while block := list(islice(rows, CHUNK)):
        frame = pl.DataFrame(block, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
        numbers = pl.int_range(number, number + frame.height, dtype=pl.Int64, eager=True)
        number += frame.height
        yield Chunk(frame.with_columns(numbers.alias(ROW)))
