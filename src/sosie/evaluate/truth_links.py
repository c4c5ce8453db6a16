"""Links as a truth: what a shop put beside a product answers it."""

from pathlib import Path

import numpy as np
import polars as pl

from sosie.evaluate.places import Gallery, first_rows, number_of, products_of
from sosie.evaluate.reading import find_rows, only_kinds, read_truth, rows_of
from sosie.evaluate.relevance import Listed, answerable
from sosie.evaluate.splits import TEST, Splits, find_split, find_splits
from sosie.evaluate.task import Task, TaskOptions
from sosie.store import Snapshot

FROM, TO = "product", "linked product"


def links_task(snapshot: Snapshot, file: Path, options: TaskOptions) -> Task:
    """Each product that has links asks for what it is linked to, one way, grade 1; `options.kinds` limits the links.

    A product with variants asks once, for what any of them is linked to, and is found where any of its variants is.
    With `options.split`, a column of the store, the products of the query split ask; all products answer, or those of
    `options.gallery_split`. Raises TruthError.
    """
    variants = options.variants
    truth = only_kinds(read_truth(file, "links", (FROM, TO)), options.kinds)
    truth = find_rows(snapshot, truth, (FROM, TO), options.unknown_share)
    name = f"links {file.name}{' of ' + '+'.join(options.kinds) if options.kinds else ''}"
    answering = snapshot.alive
    if options.split:
        splits = Splits.of(snapshot, options.split)
        asking = find_split(options.query_split or TEST, splits.there, splits.where)
        other = ~splits.rows(asking)[rows_of(truth, FROM)]
        truth = truth.without(pl.Series(other), f"link products that are not of the split {'+'.join(asking)}")
        name += f", queries {'+'.join(asking)}"
        if options.gallery_split:
            among = find_splits(options.gallery_split, splits.there, splits.where)
            answering = splits.rows(among)
            name += f", gallery {'+'.join(among)}"
    products = products_of(snapshot, variants)
    itself = products[rows_of(truth, FROM)] == products[rows_of(truth, TO)]
    truth = truth.without(pl.Series(itself), "link a product to itself")
    asked = first_rows(snapshot, np.unique(rows_of(truth, FROM)), variants)
    gallery = Gallery.of(snapshot, np.flatnonzero(answering), variants)
    outside = gallery.place(rows_of(truth, TO)) < 0
    truth = truth.without(pl.Series(outside), "link to products that are not in the gallery")
    places = gallery.place(rows_of(truth, TO))
    questions = number_of(snapshot, asked, rows_of(truth, FROM), variants)
    task = Task(
        name=name,
        keys=tuple(snapshot.ids(asked)),
        asked=asked,
        gallery=gallery.rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=Listed.of_pairs(len(asked), questions, places, np.ones(len(places), np.float32)),
        barred=gallery.own(asked),
        notes=truth.notes,
        unknown=truth.unknown,
    )
    return answerable(task)
