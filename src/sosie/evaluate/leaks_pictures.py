"""Pictures that a question shares with an answer: byte for byte, or so nearly that they are one photograph.

Two pictures are nearly identical where the slopes of their brightness agree: a cosine of at least COARSE over 32 x 32
pixels, and of at least FINE over 48 x 48. Slopes don't see a plain background, on which the pixels of any two shoes
agree, nor exposure; so a photo is recognised re-encoded, rescaled, brightened or tinted, but not cropped by more than
a hundredth. Two products of one shape that are photographed alike stay apart, unless nothing is to be seen of them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from sosie.errors import PictureError
from sosie.evaluate.leaks_read import Told, outside, reading
from sosie.evaluate.leaks_twins import Twins, twins
from sosie.evaluate.task import Task
from sosie.evaluate.thumbnails import Pixels, thumbnails
from sosie.media import picture_hash
from sosie.reports import Leak
from sosie.types import Matrix, Progress, Rows

COARSE, FINE, FINE_SIDE = 0.95, 0.97, 48
PLAIN = 2.0  # mean slope, in levels of 255, below which a picture shows nothing
DIRECTIONS = 128  # in which slopes are compared first
SAMPLE = 512  # pictures from which these are taken
LEFT, RIGHT = 1_024, 8_192  # pictures compared at a time
PAIRS = 4_096

Contents = Sequence[Sequence[str]]  # hashes of the pictures of each question, or of each row of the gallery


def picture_leaks(
    task: Task,
    asked: Sequence[Told],
    gallery: Sequence[Told],
    signals: Collection[str],
    progress: Progress | None = None,
) -> Iterator[Leak | None]:
    """Byte-identical and nearly identical pictures; pictures are opened only where a signal reads them.

    Within one catalogue customers meet the same photo on two products, too. Across a split it lets the memory of one
    photo pass for knowledge of new ones: grave where it belongs to a right answer.
    """
    if not reading("pictures", signals):
        return
    apart = outside(task)
    contents = _contents(chain(asked, gallery), progress)
    left, right = ([[contents.get(ref, "") for ref in one.pictures] for one in side] for side in (asked, gallery))
    same = twins(task, left, right)
    yield same.leak(
        "same-picture",
        "have answers with the very same picture, byte for byte",
        "Keep products that share a picture on one side of the split.",
        lambda right: bool((right & apart).any()),
    )
    near = _near(task, left, right, {content: ref for ref, content in contents.items()}, progress)
    yield near.without(same).leak(
        "near-picture",
        "have answers with nearly the same picture",
        "Look at the examples: if these are one photograph, keep their products on one side of the split.",
        lambda right: bool((right & apart).any()),
    )


def _near(task: Task, left: Contents, right: Contents, refs: Mapping[str, str], progress: Progress | None) -> Twins:
    """Questions and places with nearly the same picture: each pair of such pictures is a key that the two share."""
    names = [sorted(set(filter(None, chain.from_iterable(side)))) for side in (left, right)]
    keys: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    a, b = near_pictures([refs[name] for name in names[0]], [refs[name] for name in names[1]], progress)
    for at, pair in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        for table, some, place in zip(keys, names, pair, strict=True):
            table.setdefault(some[place], []).append(str(at))
    sides = (
        [list(chain.from_iterable(table.get(name, ()) for name in one)) for one in side]
        for table, side in zip(keys, (left, right), strict=True)
    )
    return twins(task, *sides)


def _contents(told: Iterator[Told], progress: Progress | None) -> dict[str, str]:
    """Reference of each picture that can be read -> hash of its bytes."""
    refs = list(dict.fromkeys(ref for one in told for ref in one.pictures))
    found = {}
    for at, ref in enumerate(refs, 1):
        try:
            found[ref] = picture_hash(ref)
        except PictureError:
            continue
        if progress is not None and at % 500 == 0:
            progress("hashing pictures", at, len(refs))
    return found


def near_pictures(left: Sequence[str], right: Sequence[str], progress: Progress | None = None) -> tuple[Rows, Rows]:
    """Pairs (of `left`, of `right`) of nearly identical pictures; plain and unreadable ones have none."""
    nothing = np.empty(0, np.int64)
    if not left or not right:
        return nothing, nothing
    a, b = near_slopes(thumbnails(left, progress)[0], thumbnails(right, progress)[0], progress)
    sides = []
    for refs, rows in ((left, a), (right, b)):
        some, place = np.unique(rows, return_inverse=True)
        sides.append((slopes(thumbnails([refs[at] for at in some.tolist()], progress, FINE_SIDE)[0]), place))
    sure = _cosines(sides[0][0], sides[1][0], sides[0][1], sides[1][1]) >= FINE
    return a[sure], b[sure]


def near_slopes(left: Pixels, right: Pixels, progress: Progress | None = None) -> tuple[Rows, Rows]:
    """All pairs of pictures whose slopes have a cosine of at least COARSE.

    Exact, by brute force in few directions: what lies in the others adds at most the product of its lengths
    (Cauchy-Schwarz), and only pairs that could still reach COARSE are compared in full.
    """
    even = np.unique(np.linspace(0, len(right) - 1, min(len(right), SAMPLE)).astype(np.int64))
    basis = _main_directions(slopes(right[even]))
    heads = [_heads(pixels, basis) for pixels in (left, right)]
    found = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    for start in range(0, len(left), LEFT):
        for begin in range(0, len(right), RIGHT):
            reach = heads[0][start : start + LEFT] @ heads[1][begin : begin + RIGHT].T
            a, b = np.divmod(np.flatnonzero(reach >= COARSE - 1e-4), reach.shape[1])
            for at in range(0, len(a), PAIRS):
                i, j = a[at : at + PAIRS] + start, b[at : at + PAIRS] + begin
                (some, own), (others, other) = (np.unique(rows, return_inverse=True) for rows in (i, j))
                near = _cosines(slopes(left[some]), slopes(right[others]), own, other) >= COARSE
                found.append((i[near], j[near]))
        if progress is not None:
            progress("comparing pictures", min(start + LEFT, len(left)), len(left))
    i, j = (np.concatenate(side) for side in zip(*found, strict=True))
    return i, j


def slopes(pixels: Pixels) -> Matrix:
    """Steps of the brightness from each pixel to the next, across and down, of unit length; zeros for a plain picture.

    (n, side, side, 3) -> (n, 2 * side * (side - 1))
    """
    grey = pixels.astype(np.float32) @ np.full(3, 1 / 3, np.float32)
    size = grey.shape[1] * (grey.shape[1] - 1)
    steps: Matrix = np.concatenate([np.diff(grey, axis=axis).reshape(len(grey), size) for axis in (2, 1)], axis=1)
    steps[np.abs(steps).mean(axis=1) < PLAIN] = 0
    lengths = np.sqrt(np.einsum("ij,ij->i", steps, steps))
    steps /= np.where(lengths > 0, lengths, 1)[:, None]
    return steps


def _main_directions(rows: Matrix) -> Matrix:
    """An orthonormal basis of where rows mostly lie, (any, at most DIRECTIONS)."""
    _, vectors = np.linalg.eigh(rows @ rows.T)
    basis: Matrix = np.linalg.qr(rows.T @ vectors[:, -DIRECTIONS:])[0]
    return basis


def _heads(pixels: Pixels, basis: Matrix) -> Matrix:
    """Slopes in the basis, and after them the length of what lies outside it; all zeros for a plain picture."""
    heads = np.empty((len(pixels), basis.shape[1] + 1), np.float32)
    for start in range(0, len(pixels), LEFT):
        whole = slopes(pixels[start : start + LEFT])
        inside = whole @ basis
        rest = np.maximum(np.square(whole).sum(axis=1) - np.square(inside).sum(axis=1), 0)
        heads[start : start + LEFT] = np.column_stack([inside, np.sqrt(rest)])
    return heads


def _cosines(left: Matrix, right: Matrix, i: Rows, j: Rows) -> Matrix:
    cosines: Matrix = np.einsum("ij,ij->i", left[i], right[j])
    return cosines
