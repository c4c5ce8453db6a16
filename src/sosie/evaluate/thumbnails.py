"""Pictures small enough to compare pixel by pixel, and the colours in them; each is opened once for either."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from sosie.encoders.pictures import read_pictures
from sosie.errors import PictureError
from sosie.media import picture_stamp
from sosie.types import Mask, Matrix, Progress

SIDE = 32
FINER = 4  # times, that pictures may be before they are made small, so that it does not matter how they were
COLOURED = 96  # pixels of the shorter side that colours are counted on, at least
HUES, SATURATIONS, VALUES = 16, 3, 3
KEPT = 500_000  # thumbnails of 3 KB, and histograms of half a KB

Pixels = NDArray[np.uint8]

_kept: dict[str, NDArray[Any]] = {}  # by what was made, and stamp


def thumbnails(refs: Sequence[str], progress: Progress | None = None, side: int = SIDE) -> tuple[Pixels, Mask]:
    """Pictures as (refs, side, side, 3), and which of them could be opened; the others are black.

    A reference of "" names no picture.
    """
    return _made(refs, str(side), partial(_small, side), FINER * side, np.zeros((side, side, 3), np.uint8), progress)


def histograms(refs: Sequence[str], progress: Progress | None = None) -> tuple[Matrix, Mask]:
    """Roots of the shares of hue, saturation and value, (refs, bins), and which could be opened; the others are 0.

    Their inner product is the Bhattacharyya coefficient of two pictures: 1 for the same colours.
    """
    nothing = np.zeros(HUES * SATURATIONS * VALUES, np.float32)
    return _made(refs, "colours", _histogram, COLOURED, nothing, progress)


def _made(
    refs: Sequence[str],
    name: str,
    make: Callable[[Image], NDArray[Any]],
    draft: int,
    nothing: NDArray[Any],
    progress: Progress | None,
) -> tuple[NDArray[Any], Mask]:
    keys = [_key(name, ref) for ref in refs]
    if len(_kept) > KEPT:
        _kept.clear()
    fresh = {key: ref for key, ref in zip(keys, refs, strict=True) if key and key not in _kept}
    names, problems = list(fresh), dict[str, str]()
    for places, made in read_pictures(list(fresh.values()), make, draft, problems):
        _kept.update((names[at], one) for at, one in zip(places.tolist(), made, strict=True))
        if progress is not None:
            progress("reading pictures", int(places[-1]) + 1, len(names))
    out = np.zeros((len(refs), *nothing.shape), nothing.dtype)
    there = np.zeros(len(refs), np.bool_)
    for at, key in enumerate(keys):
        one = _kept.get(key)
        if one is not None:
            out[at], there[at] = one, True
    return out, there


def _key(name: str, ref: str) -> str:
    try:
        return f"{name}|{picture_stamp(ref)}" if ref else ""
    except PictureError:
        return ""


def _small(side: int, picture: Image) -> Pixels:
    return np.asarray(picture.resize((side, side), Resampling.BILINEAR, reducing_gap=FINER))


def _histogram(picture: Image) -> Matrix:
    values = np.asarray(picture.convert("HSV"), np.intp).reshape(-1, 3)
    hue, saturation, value = (values * (HUES, SATURATIONS, VALUES) >> 8).T
    bins = (hue * SATURATIONS + saturation) * VALUES + value
    counts = np.bincount(bins, minlength=HUES * SATURATIONS * VALUES)
    roots: Matrix = np.sqrt(counts / len(values)).astype(np.float32)
    return roots
