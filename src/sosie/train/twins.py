"""Products that a network can hardly tell apart: what nobody called alike is not taken for unlike among them."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sosie.evaluate.leaks_pictures import FINE, FINE_SIDE, near_slopes, slopes
from sosie.evaluate.thumbnails import SIDE
from sosie.train.augment import plain
from sosie.train.inputs import Inputs
from sosie.types import Rows

BATCH = 512


def looks_of(inputs: Inputs, items: Rows) -> NDArray[np.int64]:
    """A number for each item, (items,): nearly identical pictures share one, and so do equal vectors.

    Items of another kind have numbers of their own.
    """
    read = inputs.fetch(items[:1])
    if "vectors" in read:
        every = inputs.fetch(items)["vectors"]
        rows = np.hstack([matrix.numpy() for matrix in every.values()])
        return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    if "pixels" not in read:
        return np.arange(len(items))
    small = _thumbnails(inputs, items, SIDE)
    a, b = near_slopes(small, small)
    a, b = a[a < b], b[a < b]
    some, place = np.unique(np.append(a, b), return_inverse=True)
    if len(some):
        finer = slopes(_thumbnails(inputs, items[some], FINE_SIDE))
        near = np.einsum("ij,ij->i", finer[place[: len(a)]], finer[place[len(a) :]]) >= FINE
        a, b = a[near], b[near]
    shared = sparse.coo_array((np.ones(len(a), np.int8), (a, b)), shape=(len(items), len(items)))
    numbers: NDArray[np.int64] = connected_components(shared, directed=False)[1].astype(np.int64)
    return numbers


def _thumbnails(inputs: Inputs, items: Rows, side: int) -> NDArray[np.uint8]:
    made = [
        plain(inputs.fetch(items[start : start + BATCH])["pixels"], side).round().to(torch.uint8).numpy()
        for start in range(0, len(items), BATCH)
    ]
    return np.concatenate(made)
