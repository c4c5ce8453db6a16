"""Pictures small enough to compare pixel by pixel; each is opened once, however often it is asked for."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image, Resampling

from sosie.encoders.pictures import read_pictures
from sosie.errors import PictureError
from sosie.media import picture_stamp
from sosie.types import Mask, Progress

SIDE = 32
KEPT = 250_000  # pictures of 3 KB

Pixels = NDArray[np.uint8]

_kept: dict[str, Pixels] = {}  # by side and stamp


def thumbnails(refs: Sequence[str], progress: Progress | None = None, side: int = SIDE) -> tuple[Pixels, Mask]:
    """Pictures as (refs, side, side, 3), and which of them could be opened; the others are black.

    A reference of "" names no picture.
    """
    keys = [_key(ref, side) for ref in refs]
    if len(_kept) > KEPT:
        _kept.clear()
    fresh = {key: ref for key, ref in zip(keys, refs, strict=True) if key and key not in _kept}
    names, problems = list(fresh), dict[str, str]()
    for places, pixels in read_pictures(list(fresh.values()), partial(_small, side), 2 * side, problems):
        _kept.update((names[at], picture) for at, picture in zip(places.tolist(), pixels, strict=True))
        if progress is not None:
            progress("reading pictures", int(places[-1]) + 1, len(names))
    out = np.zeros((len(refs), side, side, 3), np.uint8)
    there = np.zeros(len(refs), np.bool_)
    for at, key in enumerate(keys):
        picture = _kept.get(key)
        if picture is not None:
            out[at], there[at] = picture, True
    return out, there


def _key(ref: str, side: int) -> str:
    try:
        return f"{side}|{picture_stamp(ref)}" if ref else ""
    except PictureError:
        return ""


def _small(side: int, picture: Image) -> Pixels:
    return np.asarray(picture.resize((side, side), Resampling.BILINEAR, reducing_gap=2.0))
