"""What a network reads while it learns: pictures decoded once, or vectors that frozen encoders made."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from sosie.encoders.image import middle_square
from sosie.encoders.pictures import read_pictures
from sosie.engine.encode import encode_products
from sosie.errors import TrainingError
from sosie.store import Snapshot, VectorCache
from sosie.train.augment import augment_pictures, plain
from sosie.train.recipe import Recipe
from sosie.types import Encoder, Mask, Matrix, Progress, Rows

WORDS = frozenset({"text", "words", "reviews", "category", "attributes", "price"})  # what is told, not seen
BATCH = 1_024  # products read at a time


Tensors = dict[str, Any]  # what a network's `forward` takes, by parameter name: tensors, or a dict of tensors


class Inputs(Protocol):
    """Items by number -> what a network reads of them."""

    def fetch(self, items: Rows) -> Tensors:
        """What is read of some items, as it is kept."""

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """The same, drawn anew by the augmentation of the recipe."""

    def plain(self, fetched: Tensors) -> Tensors:
        """The same as the trained encoder will see it."""


class Pictures:
    """Middle squares of pictures, decoded once into a file that is mapped: (items, side, side, 3) uint8."""

    def __init__(self, pixels: NDArray[np.uint8], recipe: Recipe) -> None:
        self._pixels, self._recipe = pixels, recipe

    def following(self, recipe: Recipe) -> "Pictures":
        """The same pictures, drawn as another recipe says."""
        return Pictures(self._pixels, recipe)

    def fetch(self, items: Rows) -> Tensors:
        """Pixels as they were decoded."""
        return {"pixels": torch.from_numpy(self._pixels[items])}

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """Augmented, at the size of the epoch; where they settle, as the trained encoder will see them.

        Random crops show things larger than they will be (Touvron et al., "Fixing the train-test resolution", 2019).
        """
        if epoch >= self._recipe.augmented:
            return self.plain(fetched)
        size = self._recipe.size_at(epoch)
        return {"pixels": augment_pictures(fetched["pixels"], size, self._recipe.augmentation, generator)}

    def plain(self, fetched: Tensors) -> Tensors:
        """Resized, at the final size."""
        return {"pixels": plain(fetched["pixels"], self._recipe.final_size)}


class Maps:
    """What the frozen first blocks of a network make of pictures, on their way to the blocks that learn."""

    def __init__(self, pictures: Inputs, start: Callable[[NDArray[np.uint8]], NDArray[np.float32]]) -> None:
        self._pictures, self._start = pictures, start

    def fetch(self, items: Rows) -> Tensors:
        """Pixels as they were decoded."""
        return self._pictures.fetch(items)

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """Maps of augmented pictures."""
        return self._maps(self._pictures.learning(fetched, epoch, generator))

    def plain(self, fetched: Tensors) -> Tensors:
        """Maps of pictures at the final size."""
        return self._maps(self._pictures.plain(fetched))

    def _maps(self, read: Tensors) -> Tensors:
        pixels = read["pixels"].round().to(torch.uint8).numpy()
        return {"maps": torch.from_numpy(self._start(pixels)).contiguous(memory_format=torch.channels_last)}


class Vectors:
    """Raw vectors of frozen encoders, a row of zeros where a product lacks the signal.

    `drawn` are those of the same texts drawn anew, some of the signals each: a text is learnt from as one of them.
    """

    def __init__(self, matrices: Mapping[str, Matrix], drawn: Sequence[Mapping[str, Matrix]] = ()) -> None:
        self.matrices, self._drawn = matrices, drawn

    def fetch(self, items: Rows) -> Tensors:
        """Rows of each signal, and their numbers."""
        vectors = {signal: torch.from_numpy(matrix[items]) for signal, matrix in self.matrices.items()}
        return {"vectors": vectors, "items": torch.from_numpy(items)}

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """Each text as it is, or as one of those drawn of it; what else is random is up to the network."""
        read, items = self.plain(fetched), fetched["items"].cpu()
        chosen = torch.randint(len(self._drawn) + 1, (len(items),), generator=generator)
        for at, drawn in enumerate(self._drawn):
            there = chosen == at
            for signal, matrix in drawn.items():
                other = torch.from_numpy(matrix[items.numpy()]).to(read["vectors"][signal])
                read["vectors"][signal] = torch.where(there[:, None].to(other.device), other, read["vectors"][signal])
        return read

    def plain(self, fetched: Tensors) -> Tensors:
        """As they are."""
        return {"vectors": dict(fetched["vectors"])}


class OneSide:
    """Vectors of pictures, or of words, alone."""

    def __init__(self, vectors: Inputs, words: bool) -> None:
        self._vectors, self._words = vectors, words

    def fetch(self, items: Rows) -> Tensors:
        """As they are kept."""
        return self._vectors.fetch(items)

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """As `plain`."""
        return self.plain(fetched)

    def plain(self, fetched: Tensors) -> Tensors:
        """Zeros in place of the other side."""
        return {"vectors": one_side(fetched["vectors"], self._words)}


class Looks:
    """Another look at each item, the same whenever asked: drawn by the augmentation of an epoch."""

    def __init__(self, inputs: Inputs, epoch: int) -> None:
        self._inputs, self._epoch = inputs, epoch

    def fetch(self, items: Rows) -> Tensors:
        """As it is kept."""
        return self._inputs.fetch(items)

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """Drawn anew."""
        return self._inputs.learning(fetched, epoch, generator)

    def plain(self, fetched: Tensors) -> Tensors:
        """The other look."""
        return self._inputs.learning(fetched, self._epoch, Generator().manual_seed(0))


def one_side(vectors: dict[str, Tensor], words: bool) -> dict[str, Tensor]:
    """Vectors by signal with those of pictures, or of words, alone; zeros in place of the others."""
    return {name: v if (name in WORDS) == words else torch.zeros_like(v) for name, v in vectors.items()}


def decode(
    refs: Sequence[str], side: int, folder: Path, problems: dict[str, str], progress: Progress
) -> tuple[NDArray[np.uint8], Mask]:
    """Pictures decoded into `folder`, unless they lie there already: pixels (refs, side, side, 3), and which are good.

    A decoding that was cut off is begun anew. Raises TrainingError: disk full.
    """
    key = blake2b(f"{side}\n{chr(10).join(refs)}".encode(), digest_size=8).hexdigest()
    file, told = folder / f"pictures-{key}.npy", folder / f"pictures-{key}.json"
    if not told.is_file():
        good = np.zeros(len(refs), np.bool_)
        partial = file.with_suffix(".partial")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(refs), side, side, 3))
            for places, read in read_pictures(refs, lambda p: middle_square(p, side), side, problems):
                pixels[places], good[places] = read, True
                progress("decoding pictures", int(places[-1]) + 1, len(refs))
            pixels.flush()
            del pixels
            partial.replace(file)
            told.write_text(json.dumps({"missing": np.flatnonzero(~good).tolist()}), encoding="utf-8")
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise TrainingError(
                f"{folder}: decoded pictures can't be kept ({os.strerror(error.errno or 0)}); they need "
                f"{len(refs) * side * side * 3 / 1e9:.1f} GB."
            ) from error
    good = np.ones(len(refs), np.bool_)
    good[json.loads(told.read_text(encoding="utf-8"))["missing"]] = False
    return np.load(file, mmap_mode="r", allow_pickle=False), good


def vectors_of(encoder: Encoder, snapshot: Snapshot, rows: Rows, cache: VectorCache, progress: Progress) -> Matrix:
    """Raw vectors of products at rows, (rows, dim), from the store's cache where they were made before."""
    out = np.zeros((len(rows), encoder.dim), np.float32)
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        out[start : start + len(part)] = encode_products(encoder, snapshot.products(part), cache)[0]
        progress(f"reading vectors of {encoder.signal}", start + len(part), len(rows))
    return out
