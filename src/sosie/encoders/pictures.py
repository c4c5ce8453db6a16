"""What encoders of pictures share: which are looked at, their content, and reading them in threads."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sosie.encoders.state import digest
from sosie.errors import PictureError
from sosie.media import frame_refs, open_picture, picture_hash, picture_size
from sosie.types import Matrix, Product, Query, Vector

Pixels = NDArray[np.uint8]  # (h, w, 3)

BATCH = 64  # pictures that are read while as many are encoded
AHEAD = 2  # batches being read


def pictures_of(product: Product, pictures: int, frames: int) -> tuple[str, ...]:
    """What is looked at of a product: its first pictures, and frames of its first video that is a file."""
    clips = clips_of(product) if frames else ()
    return product.images[:pictures] + (frame_refs(clips[0], frames) if clips else ())


def clips_of(product: Product) -> tuple[str, ...]:
    """The videos of a product that are files; what has an address only isn't looked at."""
    return tuple(ref for ref in product.videos if "://" not in ref and not ref.startswith("//"))


def content_of(images: Sequence[str]) -> str:
    """Digest of the content of the pictures that are there; "" where none is."""
    hashes = []
    for ref in images:
        try:
            hashes.append(picture_hash(ref))
        except PictureError:
            continue
    return digest(" ".join(hashes))


def shorter_sides(refs: Sequence[str]) -> list[int]:
    """Pixels of the shorter side of each picture that is there, by its header alone."""
    sides = []
    for ref in refs:
        try:
            sides.append(min(picture_size(ref)))
        except PictureError:
            continue
    return sides


def read_pictures(
    refs: Sequence[str], pixels: Callable[[Image.Image], Pixels], draft: int, problems: dict[str, str]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Batches of the pictures that can be read: their places in `refs`, and their `pixels`, (n, h, w, 3).

    Opened in threads, so that the caller works meanwhile. `problems` is brought up to date with what can't be read
    (picture -> reason).
    """
    for start, batch in _ahead(lambda ref: _pixels(ref, pixels, draft), refs):
        good = []
        for at, result in enumerate(batch):
            ref = refs[start + at]
            if isinstance(result, str):
                problems[ref] = result
            else:
                problems.pop(ref, None)
                good.append(at)
        if good:
            yield np.array(good, np.int64) + start, np.stack([batch[at] for at in good])


def encode_asked(
    queries: Sequence[Query],
    pixels: Callable[[Image.Image], Pixels],
    draft: int,
    encode: Callable[[NDArray[np.uint8]], Matrix],
) -> list[Vector | None]:
    """Vectors of the pictures of questions, read in threads; None where one has none. Raises PictureError."""
    problems: dict[str, str] = {}
    refs = list(dict.fromkeys(str(query.image) for query in queries if query.image is not None))
    vectors: dict[str, Vector] = {}
    for places, batch in read_pictures(refs, pixels, draft, problems):
        vectors.update(zip((refs[place] for place in places), encode(batch), strict=True))
    for reason in problems.values():
        raise PictureError(reason)
    return [None if query.image is None else vectors[str(query.image)] for query in queries]


def _pixels(ref: str, pixels: Callable[[Image.Image], Pixels], draft: int) -> Pixels | str:
    try:
        return pixels(open_picture(ref, draft=draft))
    except PictureError as error:
        return str(error)


def _ahead(read: Callable[[str], Pixels | str], refs: Sequence[str]) -> Iterator[tuple[int, list[Pixels | str]]]:
    with ThreadPoolExecutor(os.cpu_count() or 2, thread_name_prefix="sosie-picture") as pool:
        waiting: deque[tuple[int, list[Future[Pixels | str]]]] = deque()
        for start in range(0, len(refs), BATCH):
            waiting.append((start, [pool.submit(read, ref) for ref in refs[start : start + BATCH]]))
            if len(waiting) > AHEAD:
                at, futures = waiting.popleft()
                yield at, [future.result() for future in futures]
        for at, futures in waiting:
            yield at, [future.result() for future in futures]
