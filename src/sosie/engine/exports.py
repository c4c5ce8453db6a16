"""Every product's look-alikes in the form that a shop's own import reads, as customers are to see them."""

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import orjson

from sosie.engine.questions import Encoders, answer
from sosie.errors import QuestionError
from sosie.types import Hit, Product, Progress, Query

if TYPE_CHECKING:
    from sosie.store import Snapshot

MOST = 50
EVERY = 200  # products between two notes of progress
RELATED = "Related products (product.metafields.shopify--discovery--product_recommendation.related_products)"
Listed = tuple[Product, tuple[Hit, ...]]  # a product and its look-alikes, best first


@dataclass(frozen=True, slots=True)
class Form:
    """How lists are written: a name for each product; its cells of a CSV, or None for JSON lines."""

    name: Callable[[Product], str]
    columns: tuple[str, ...] = ()
    cells: Callable[[Product, str, list[str]], tuple[str, ...]] | None = None


def _handle(product: Product) -> str:
    return product.group or product.id


def _sku(product: Product) -> str:
    """Of a variant the parent's, which has the list."""
    if product.group not in ("", product.id):
        return product.group
    return product.identifiers.get("sku") or product.id


FORMS: Mapping[str, Form] = {
    "shopify": Form(
        _handle, ("Handle", "Title", RELATED), lambda one, name, others: (name, one.title, ", ".join(others))
    ),
    "woocommerce": Form(_sku, ("SKU", "Upsells"), lambda _, name, others: (name, ", ".join(others))),
    "magento": Form(
        _sku,
        ("sku", "related_skus", "related_position"),
        lambda _, name, others: (name, ",".join(others), ",".join(map(str, range(1, len(others) + 1)))),
    ),
    "jsonl": Form(lambda one: one.id),
}


def write_export(
    snapshot: "Snapshot",
    encoders: Encoders,
    out: Path,
    form: str,
    k: int = 10,
    where: str = "",
    progress: Progress | None = None,
) -> int:
    """Write the k look-alikes of each product that has any, as a form of FORMS; returns how many have.

    They are the answers of single questions: pins and blocks count, and `where` filters what is shown beside a product.
    In CSV, variants have one line together. Raises QuestionError for another form, k or filter.
    """
    if form not in FORMS:
        raise QuestionError(f"there is no form '{form}'; there are {', '.join(FORMS)}.")
    if not 1 <= k <= MOST:
        raise QuestionError(f"k is {k}; it goes from 1 to {MOST}.")
    chosen = FORMS[form]
    lists = _lists(snapshot, encoders, k, where, chosen.cells is not None, progress)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        part = Path(folder) / "out"
        written = _write_lines(part, lists) if chosen.cells is None else _write_rows(part, lists, chosen)
        part.replace(out)
    return written


def _lists(
    snapshot: "Snapshot", encoders: Encoders, k: int, where: str, together: bool, progress: Progress | None
) -> Iterator[Listed]:
    """Products in the order of rows; of variants only the first where they are listed `together`."""
    living = np.flatnonzero(snapshot.alive)
    if together:
        _, first = np.unique(snapshot.groups[living], return_index=True)
        living = living[np.sort(first)]
    for at, row in enumerate(living):
        product = snapshot.products([int(row)])[0]
        yield product, answer(snapshot, Query(like=(product.id,), limit=k, where=where), encoders).hits
        if progress is not None and (at % EVERY == 0 or at + 1 == len(living)):
            progress("look-alikes", at + 1, len(living))


def _write_rows(file: Path, lists: Iterator[Listed], form: Form) -> int:
    assert form.cells is not None
    written = 0
    with file.open("w", encoding="utf-8", errors="replace", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(form.columns)
        for product, hits in lists:
            names = (form.name(hit.product) for hit in hits)
            others = [name for name in names if "," not in name]  # which an import would read as two
            if others:
                writer.writerow(form.cells(product, form.name(product), others))
                written += 1
    return written


def _write_lines(file: Path, lists: Iterator[Listed]) -> int:
    written = 0
    with file.open("wb") as sink:
        for product, hits in lists:
            if hits:
                similar = [{"id": hit.product.id, "score": hit.score} for hit in hits]
                sink.write(orjson.dumps({"id": product.id, "similar": similar}) + b"\n")
                written += 1
    return written
