"""Who may answer, and which rank they share: the places of a gallery."""

from dataclasses import dataclass

import numpy as np

from sosie.evaluate.task import Lists
from sosie.store import Snapshot
from sosie.types import Rows


@dataclass(frozen=True, eq=False)
class Gallery:
    """Rows that may answer and their places; products with variants share a place unless variants are told apart."""

    rows: Rows  # of the snapshot, ascending
    places: Rows  # (rows,)
    titles: tuple[str, ...]  # (places,) ids, descending
    _table: Rows  # product of the snapshot -> its place, -1 = none of its rows may answer
    _products: Rows  # (size of the snapshot,) number of each row's product

    @classmethod
    def of(cls, snapshot: Snapshot, rows: Rows, variants: bool) -> "Gallery":
        """The gallery of some rows of a snapshot, ascending; `variants` tells variants apart."""
        places, titles = places_of(snapshot, rows, variants)
        products = products_of(snapshot, variants)
        table = np.full(int(products.max(initial=-1)) + 1, -1, np.int64)
        table[products[rows]] = places
        return cls(rows, places, titles, table, products)

    def place(self, rows: Rows) -> Rows:
        """The place of the product of each row, (rows,); -1 where none of its rows may answer, and for a row of -1."""
        found: Rows = np.where(rows < 0, -1, self._table[self._products[rows]])
        return found

    def own(self, rows: Rows) -> Lists:
        """For each question that is a product: its own place, if it has one."""
        places = self.place(rows)
        there = places >= 0
        return Lists(np.concatenate([[0], np.cumsum(there)]).astype(np.int64), places[there])


def products_of(snapshot: Snapshot, variants: bool) -> Rows:
    """A number for the product of each row, (size,): variants share one, unless `variants` tells them apart."""
    return np.arange(snapshot.size) if variants else snapshot.groups.astype(np.int64)


def first_rows(snapshot: Snapshot, rows: Rows, variants: bool) -> Rows:
    """Of the rows of each product the first by id, ascending: it stands for the product, and names it."""
    if variants:
        return rows
    descending = rows[np.argsort(np.array(snapshot.ids(rows), object), kind="stable")[::-1]]
    products = products_of(snapshot, variants)
    first = np.full(int(products.max(initial=-1)) + 1, -1, np.int64)
    first[products[descending]] = descending  # of several assignments the last one holds
    return np.sort(first[first >= 0])


def number_of(snapshot: Snapshot, first: Rows, rows: Rows, variants: bool) -> Rows:
    """For each of some rows: which of the `first` rows stands for its product, (rows,). All must have one."""
    products = products_of(snapshot, variants)
    order = np.argsort(products[first])
    found: Rows = order[np.searchsorted(products[first], products[rows], sorter=order)]
    return found


def places_of(snapshot: Snapshot, gallery: Rows, variants: bool) -> tuple[Rows, tuple[str, ...]]:
    """The place of each row of a gallery, (gallery,), and the id of each place, ids descending.

    A place of several variants is named by the first of their ids, which is the same whatever their order in the
    catalogue. Ids compare by code points, which is the order of their UTF-8 bytes.
    """
    first = first_rows(snapshot, gallery, variants)
    ids = np.array(snapshot.ids(first), object)
    order = np.argsort(ids, kind="stable")[::-1]
    products = products_of(snapshot, variants)
    table = np.empty(int(products.max(initial=-1)) + 1, np.int64)
    table[products[first[order]]] = np.arange(len(order))
    return table[products[gallery]], tuple(ids[order].tolist())
