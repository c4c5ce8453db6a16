"""A learned encoder on top of others: what frozen encoders say of a product, brought into one vector."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from sosie.config import BUILT_IN
from sosie.encoders.export import file_key
from sosie.encoders.kinds import open_encoder
from sosie.encoders.learned import NETWORK
from sosie.encoders.runtime import Runtime
from sosie.encoders.sealed import read_sealed, write_sealed
from sosie.encoders.state import digest, fingerprint, unit_rows
from sosie.errors import EncoderError
from sosie.types import Encoder, Matrix, Product, Query, Vector

VERSION = 1
PARTS = "parts"
CHUNK = 64  # products that go through the network together: it is small beside those of its parts


class LearnedProducts:
    """Encoder of the signal "learned", or "image" or "text" where that is its only part.

    `parts` are frozen encoders by signal. The exported network has one float32 input a signal, (n, dim of the part),
    rows of zeros where a product lacks it, and gives (n, dim).
    """

    name = "learned-products"

    def __init__(self, parts: Mapping[str, Encoder], network: Path, dim: int) -> None:
        self.parts = dict(sorted(parts.items()))
        (*several, only) = self.parts
        self.signal = only if not several and only in BUILT_IN else "learned"
        self.dim = dim
        self._network_file = network

    @property
    def fingerprint(self) -> str:
        """Names the network, the encoders of the parts, and code."""
        parts = {signal: part.fingerprint for signal, part in self.parts.items()}
        return fingerprint(self.name, VERSION, file_key(self._network_file), self.dim, parts)

    @property
    def problems(self) -> dict[str, str]:
        """What of the pictures could not be read (picture -> reason)."""
        told: dict[str, str] = {}
        for part in self.parts.values():
            told |= getattr(part, "problems", {})
        return told

    def fit(self, products: Iterable[Product]) -> None:
        """Learn nothing: network and parts are frozen."""

    def content(self, product: Product) -> str:
        """Digest of what the parts read; "" where all of them lack it."""
        contents = [f"{signal} {part.content(product)}" for signal, part in self.parts.items() if part.content(product)]
        return digest("\n".join(contents))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim)."""
        return self.combine({signal: part.encode(products) for signal, part in self.parts.items()})

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of a question's words, picture or both; None where it says nothing to any part."""
        found = {signal: part.encode_query(query) for signal, part in self.parts.items()}
        if all(vector is None for vector in found.values()):
            return None
        nothing = {signal: np.zeros(part.dim, np.float32) for signal, part in self.parts.items()}
        vectors = {s: (nothing[s] if vector is None else vector)[None] for s, vector in found.items()}
        combined: Vector = self.combine(vectors)[0]
        return combined

    def combine(self, vectors: Mapping[str, Matrix]) -> Matrix:
        """Vectors from those of the parts, (n, dim of the part) each -> (n, dim); zeros where all parts are zeros.

        Raises EncoderError where the network doesn't take these signals.
        """
        there = np.any([matrix.any(axis=1) for matrix in vectors.values()], axis=0)
        out = np.zeros((len(there), self.dim), np.float32)
        if there.any():
            out[there] = unit_rows(self._runtime.run({s: matrix[there] for s, matrix in vectors.items()}, chunk=CHUNK))
        return out

    def save(self, folder: Path) -> None:
        """Write settings, network, and each part into a folder of its own, sealed."""
        for signal, part in self.parts.items():
            part.save(folder / PARTS / signal)
        write_sealed(folder, self.name, {"dim": self.dim, "parts": list(self.parts)}, {NETWORK: self._network_file})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved. Raises EncoderError where a file was changed, is missing, or may be a pickle."""
        values = read_sealed(folder, cls.name)
        parts = {signal: open_encoder(folder / PARTS / signal) for signal in values["parts"]}
        for signal, part in parts.items():
            if part.signal != signal:
                raise EncoderError(f"{folder / PARTS / signal}: encodes the signal '{part.signal}'.")
        return cls(parts, folder / NETWORK, values["dim"])

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self._network_file, "fp32")  # bf16 would gain nothing on networks this small
