"""A little store of products without anything but what a truth reads: ids, columns, groups; tasks as plain values."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sosie.config import Config
from sosie.store import LocalStore, Snapshot
from sosie.types import Product


def product(id: str, group: str = "", category: Sequence[str] = (), **other: str) -> Product:
    """A product; further fields go to `other`."""
    return Product(id=id, title=f"title of {id}", group=group or id, category=tuple(category), other=other)


def write(store: LocalStore, products: Sequence[Product], remove: Sequence[str] = (), rebuild: bool = True) -> Snapshot:
    """Commit products as a new generation, or as a delta."""
    with store.write() as writer:
        writer.put(products, np.arange(1, len(products) + 1, dtype=np.uint64))
        writer.remove(remove)
        if rebuild:
            with writer.generation({"text": 2}, {"text": "1"}) as fresh:
                fresh.vectors("text")[:] = 1
        else:
            count = sum(len(batch) for batch in writer.staged())
            writer.commit_delta({"text": np.ones((count, 2), np.float32)})
    return store.snapshot()


def snapshot_of(folder: Path, products: Sequence[Product]) -> Snapshot:
    """A store of some products."""
    return write(LocalStore.create(folder / "store", Config()), products)


def graded(task):
    """Key -> title -> grade, of grades above 0; checks that counts and ideal say the same, and own places nothing."""
    questions = np.arange(task.size)
    every = np.broadcast_to(np.arange(len(task.titles)), (task.size, len(task.titles)))
    grades = task.relevance.grades(questions, every)
    np.testing.assert_array_equal(task.relevance.counts(questions), (grades > 0).sum(axis=1))
    np.testing.assert_array_equal(task.relevance.ideal(questions, len(task.titles)), -np.sort(-grades, axis=1))
    for at in range(task.size):
        assert not grades[at, task.barred.of(at)].any()
    return {
        key: {title: float(grade) for title, grade in zip(task.titles, row, strict=True) if grade}
        for key, row in zip(task.keys, grades, strict=True)
    }


def barred(task):
    """Key -> titles that may not answer."""
    return {key: {task.titles[place] for place in task.barred.of(at)} for at, key in enumerate(task.keys)}
