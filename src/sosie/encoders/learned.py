"""Encoders that were trained: the roads of pictures and of texts with networks of their own."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sosie.encoders.export import file_key
from sosie.encoders.image import FRAMES, KEPT, REST, Image
from sosie.encoders.minilm import MiniLM
from sosie.encoders.runtime import Precision
from sosie.encoders.sealed import read_sealed, write_sealed
from sosie.encoders.state import fingerprint, unit_rows
from sosie.encoders.windows import LONGEST, OVERLAP, Marks, Tokens
from sosie.types import Matrix

VERSION = 1
NETWORK = "network.onnx"
VOCABULARY = "tokenizer.json"


class LearnedPictures(Image):
    """Encoder of the signal "image" with an exported network: `pixels` uint8 (n, size, size, 3) -> (n, dim).

    Pictures are cropped, pooled and told of as `Image` does. The first `exact_convolutions` of the network are never
    computed in bf16.
    """

    name = "learned-pictures"

    def __init__(
        self,
        network: Path,
        dim: int,
        size: int,
        precision: Precision = "auto",
        pictures: int = 4,
        frames: int = FRAMES,
        *,
        exact_convolutions: int = 0,
    ) -> None:
        super().__init__(size, precision, pictures, frames)
        self.dim = dim
        self._network_path = network
        self._exact_convolutions = exact_convolutions

    @property
    def fingerprint(self) -> str:
        """Names network, settings and code."""
        return fingerprint(self.name, VERSION, self._weights_key, self._settings, KEPT, REST, *self._unusual)

    def save(self, folder: Path) -> None:
        """Write settings and network, sealed."""
        settings = {**self._settings, "frames": self._frames}
        write_sealed(folder, self.name, settings, {NETWORK: self._network_file})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved. Raises EncoderError where a file was changed, is missing, or may be a pickle."""
        values = read_sealed(folder, cls.name)
        return cls(
            folder / NETWORK,
            values["dim"],
            values["size"],
            values["precision"],
            values["pictures"],
            values.get("frames", FRAMES),
            exact_convolutions=values["exact_convolutions"],
        )

    @property
    def _settings(self) -> Mapping[str, Any]:
        return {
            "dim": self.dim,
            "size": self._size,
            "precision": self._precision,
            "pictures": self._pictures,
            "exact_convolutions": self._exact_convolutions,
        }

    @cached_property
    def _weights_key(self) -> str:
        return file_key(self._network_path)

    @cached_property
    def _network_file(self) -> Path:
        return self._network_path

    @property
    def _exact(self) -> int:
        return self._exact_convolutions


class BroughtPictures(LearnedPictures):
    """The same with a network that was made elsewhere: its vectors are brought to the catalogue's main directions."""

    name = "brought-pictures"


class LearnedTexts(MiniLM):
    """Encoder of the signal "text" with an exported network: `tokens` and `mask`, int64 (n, length) -> (n, dim).

    The tokenizer may add marks before and after each text; token 0 is padding. Texts of more than `longest` tokens are
    read in windows.
    """

    name = "learned-texts"

    def __init__(
        self, network: Path, tokenizer: Path, dim: int, precision: Precision = "auto", *, longest: int = LONGEST
    ) -> None:
        super().__init__(precision)
        self.dim, self.longest = dim, longest
        self._network_path, self._tokenizer_path = network, tokenizer

    @property
    def fingerprint(self) -> str:
        """Names network, vocabulary, settings and code."""
        return fingerprint(self.name, VERSION, self._weights_key, self._settings, LONGEST, OVERLAP)

    def save(self, folder: Path) -> None:
        """Write settings, network and vocabulary, sealed."""
        files = {NETWORK: self._network_file, VOCABULARY: self._vocabulary_file}
        write_sealed(folder, self.name, self._settings, files)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved. Raises EncoderError where a file was changed, is missing, or may be a pickle."""
        values = read_sealed(folder, cls.name)
        longest = values.get("longest", LONGEST)
        return cls(folder / NETWORK, folder / VOCABULARY, values["dim"], values["precision"], longest=longest)

    @property
    def _settings(self) -> Mapping[str, Any]:
        return {"dim": self.dim, "precision": self._precision, "longest": self.longest}

    @cached_property
    def _weights_key(self) -> str:
        return f"{file_key(self._network_path)}-{file_key(self._tokenizer_path)}"

    @cached_property
    def _network_file(self) -> Path:
        return self._network_path

    @cached_property
    def _vocabulary_file(self) -> Path:
        return self._tokenizer_path

    def encode_tokens(self, tokens: Tokens, mask: Tokens) -> Matrix:
        """Unit vectors of token numbers and their mask, both (n, length), marks included, (n, dim)."""
        return self._run(tokens, mask)

    def _run(self, tokens: Tokens, mask: Tokens) -> Matrix:
        return unit_rows(super()._run(tokens, mask))  # windows of a text count by their length alone

    @cached_property
    def _marks(self) -> Marks:
        plain = self._tokenizer.encode("a", add_special_tokens=False).ids
        whole = self._tokenizer.encode("a").ids
        start = next(at for at in range(len(whole) + 1) if whole[at : at + len(plain)] == plain)
        return whole[:start], whole[start + len(plain) :]
