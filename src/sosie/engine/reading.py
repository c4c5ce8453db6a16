"""Reading a catalogue into a store's writer: what changed is parsed and staged, what can't be used is written down."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from sosie.catalog import Source
from sosie.engine.given import Given
from sosie.store import UNCHANGED, Known, Writer
from sosie.text import catalogue_language, product_text
from sosie.types import Product, Progress, Reject

REJECTS = "rejects.jsonl"
RAW = 2_000  # characters of a rejected row that are kept
LANGUAGE_SAMPLE = 2_000  # products whose texts tell the catalogue's language

PRESENT: Mapping[str, Callable[[Product], object]] = {
    "image": lambda product: product.images,
    "colour": lambda product: product.images,
    "patches": lambda product: product.images,
    "text": product_text,
    "words": product_text,
    "price": lambda product: product.price is not None,
    "category": lambda product: product.category,
    "attributes": lambda product: product.attributes or product.brand,
    "reviews": lambda product: product.reviews,
    "learned": lambda product: product.images or product_text(product),
}


@dataclass(slots=True)
class Reading:
    """What came of reading a catalogue."""

    rows: int = 0
    refused: int = 0  # rows that could not be used
    dropped: int = 0  # fields that could not be used, in rows that could
    encoded: int = 0  # products staged
    signals: set[str] = field(default_factory=set)  # that at least one staged product has
    texts: list[str] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)  # id -> record number, where vectors are given in that order

    @property
    def language(self) -> str:
        """The language most staged products are written in."""
        return catalogue_language(self.texts)


class RejectFile:
    """Writes rejects beside the store as they come, and puts them in place at the end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._partial = file.with_suffix(".partial")
        self._stream: TextIO | None = None

    def add(self, reject: Reject) -> None:
        """Write one reject as a JSON line."""
        if self._stream is None:
            self._stream = self._partial.open("w", encoding="utf-8")
        record = asdict(reject) | {"raw": reject.raw[:RAW]}
        self._stream.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self) -> Path | None:
        """Put the file in place, or remove an old one when nothing was rejected; returns where it is."""
        if self._stream is None:
            self.file.unlink(missing_ok=True)
            return None
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        self._partial.replace(self.file)
        return self.file


def read_catalogue(
    source: Source,
    writer: Writer,
    known: Known,
    given: Sequence[Given],
    rejects: RejectFile,
    progress: Progress,
) -> tuple[Reading, list[str]]:
    """Stage every new or changed product; returns what was read, and the ids of the store that the file lacks."""
    reading = Reading()
    for batch in source.batches():
        reading.rows += len(batch.rows)
        stamps = batch.stamps
        for vectors in given:
            stamps = stamps ^ vectors.stamp(vectors.positions(batch.ids, batch.rows))
        wanted = np.flatnonzero(known.compare(batch.ids, stamps) != UNCHANGED)  # with the unusable ones, whose id is ""
        position = {batch.ids[at]: at for at in wanted.tolist()}
        products = []
        for item in source.read(batch, wanted):
            if isinstance(item, Reject):
                rejects.add(item)
                reading.refused += item.fatal
                reading.dropped += not item.fatal
            else:
                products.append(item)
        writer.put(products, stamps[[position[product.id] for product in products]])
        _note(reading, products)
        if any(vectors.rows_by_id is None for vectors in given):
            reading.records |= {product.id: int(batch.rows[position[product.id]]) for product in products}
        progress("reading", reading.rows, None)
    for reject in source.leftovers():
        rejects.add(reject)
        reading.dropped += 1
    return reading, known.unseen()


def _note(reading: Reading, products: Sequence[Product]) -> None:
    reading.encoded += len(products)
    reading.signals |= {
        signal for signal, has in PRESENT.items() if signal not in reading.signals and any(map(has, products))
    }
    reading.texts.extend(product_text(product) for product in products[: LANGUAGE_SAMPLE - len(reading.texts)])
