"""What can be told from pictures: unreadable, tiny, blank, and the same or nearly the same content."""

import heapq
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from sosie.errors import PictureError
from sosie.media import open_picture, picture_hash
from sosie.types import Progress

HASHED = 50_000  # pictures whose bytes are compared
OPENED = 5_000  # of these, opened
TINY = 64  # pixels of the short side
BLANK = 3.0  # spread of the values 0..255 below which a picture is one plain colour
NEAR = 2.0  # mean difference of two 16 x 16 pictures, values 0..255, below which they are nearly the same


def key_of(*parts: str) -> int:
    """A 64-bit number of some texts, the same in every run."""
    return int.from_bytes(
        blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A picture and the first product that names it."""

    ref: str
    owner: int


@dataclass(frozen=True, slots=True)
class Look:
    """One opened picture; `problem` says why it could not be."""

    named: Named
    problem: str = ""
    size: tuple[int, int] = (0, 0)
    spread: float = 0.0
    signs: NDArray[np.uint8] | None = None  # (8,): difference hash of 64 bits
    small: NDArray[np.uint8] | None = None  # (16, 16, 3)


class Sample:
    """The pictures with the smallest keys: a fair choice of bounded size, the same in every run."""

    def __init__(self, most: int = HASHED) -> None:
        self.kept: dict[int, Named] = {}
        self._largest: list[int] = []
        self._most = most

    def add(self, key: int, ref: str, owner: int) -> None:
        """Consider a picture; one that is kept already changes nothing."""
        if key in self.kept:
            return
        if len(self.kept) < self._most:
            heapq.heappush(self._largest, -key)
        elif key < -self._largest[0]:
            del self.kept[-heapq.heapreplace(self._largest, -key)]
        else:
            return
        self.kept[key] = Named(ref, owner)

    def first(self, most: int) -> list[Named]:
        """The `most` kept pictures of the smallest keys."""
        return [self.kept[key] for key in heapq.nsmallest(most, self.kept)]


def contents(sample: Sample, progress: Progress | None) -> dict[int, int]:
    """Key of each kept picture that can be read -> key of its bytes."""
    keys = sorted(sample.kept)

    def content(key: int) -> int | None:
        try:
            return key_of(picture_hash(sample.kept[key].ref))
        except PictureError:
            return None

    found: dict[int, int] = {}
    with ThreadPoolExecutor(_threads()) as pool:
        for done, (key, value) in enumerate(zip(keys, pool.map(content, keys), strict=True), 1):
            if value is not None:
                found[key] = value
            if progress and done % 500 == 0:
                progress("comparing pictures", done, len(keys))
    return found


def looks(pictures: Sequence[Named], progress: Progress | None) -> Iterator[Look]:
    """Open pictures, in their order."""
    with ThreadPoolExecutor(_threads()) as pool:
        for done, look in enumerate(pool.map(_look, pictures), 1):
            if progress and (done % 100 == 0 or done == len(pictures)):
                progress("opening pictures", done, len(pictures))
            yield look


def _look(named: Named) -> Look:
    try:
        picture = open_picture(named.ref, draft=TINY)
    except PictureError as error:
        return Look(named, problem=str(error))
    values = np.asarray(picture.resize((32, 32)), np.float32)
    # rows of 9 grey values: 8 comparisons each
    grey = np.asarray(picture.convert("L").resize((9, 8)), np.int16)
    signs = np.packbits(grey[:, 1:] > grey[:, :-1])
    small = np.asarray(picture.resize((16, 16)), np.uint8)
    return Look(named, "", picture.size, float(values.std(axis=(0, 1)).max()), signs, small)


def near_pairs(opened: Sequence[Look]) -> Iterator[tuple[Look, Look]]:
    """Pictures nearly the same as an earlier one, beside it: equal difference hash, nearly equal small picture."""
    first: dict[bytes, list[Look]] = {}
    for look in opened:
        if look.signs is None or look.small is None or look.spread < BLANK:
            continue
        bucket = first.setdefault(look.signs.tobytes(), [])
        small = look.small.astype(np.int16)
        twin = next((t for t in bucket if t.small is not None and np.abs(small - t.small).mean() < NEAR), None)
        if twin is None:
            bucket.append(look)
        else:
            yield look, twin


def _threads() -> int:
    return min(4, os.cpu_count() or 1)
