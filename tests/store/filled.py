"""A little store whose every state is consistent in a way that can be checked from outside."""

from pathlib import Path

import numpy as np

from sosie.config import Config
from sosie.store import LocalStore
from sosie.types import Product

COUNT, DIM = 20, 4


def products(number: int) -> list[Product]:
    """State `number`: every product bears it as its price."""
    return [Product(id=f"p{i}", title="t" * 50, price=float(number), group=f"g{i // 2}") for i in range(COUNT)]


def write_state(store: LocalStore, number: int, rebuild: bool) -> None:
    """Replace all products and vectors by those of a state, in one commit."""
    with store.write() as writer:
        writer.put(products(number), np.full(COUNT, number, np.uint64))
        writer.note(counters={"state": number})
        if rebuild:
            with writer.generation({"text": DIM}, {"text": str(number)}) as fresh:
                (fresh.folder / "index.bin").write_bytes(b"i" * number)
                fresh.vectors("text")[:] = number
        else:
            writer.commit_delta({"text": np.full((COUNT, DIM), number, np.float32)})


def read_state(folder: Path) -> int:
    """The number of the state a store is in, after checking that nothing of another state is mixed in."""
    snapshot = LocalStore.open(folder).snapshot()
    rows = np.flatnonzero(snapshot.alive)
    assert len(rows) == COUNT
    (number,) = {product.price for product in snapshot.products(rows)}
    assert number is not None
    assert sorted(snapshot.ids(rows)) == sorted(product.id for product in products(0))
    assert set(snapshot.columns["price"].values[rows]) == {number}
    assert (snapshot.vectors("text", rows) == number).all()
    assert len(set(snapshot.groups[rows].tolist())) == COUNT // 2
    assert snapshot.manifest.counters == {"state": number}
    return int(number)


def filled(folder: Path, states: int = 1) -> LocalStore:
    """A store in state `states`."""
    store = LocalStore.create(folder, Config())
    for number in range(1, states + 1):
        write_state(store, number, rebuild=number == 1)
    return store
