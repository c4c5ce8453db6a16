"""A Python function as an encoder: for those who bring their own code. It lives as long as the process does."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.image import KEPT, REST, SIZE, Image
from sosie.encoders.minilm import MiniLM
from sosie.encoders.state import fingerprint, read_state, unit_rows, write_state
from sosie.errors import EncoderError
from sosie.types import Encoder, Matrix

VERSION = 1
BATCH = 64  # texts that are handed over at once; pictures come as many, too

Function = Callable[[Any], Any]


def function_encoder(
    signal: str, dim: int, function: Function, name: str, version: str = "1", *, size: int = SIZE, pictures: int = 4
) -> Encoder:
    """An encoder of the signal "image" or "text" that asks a Python function.

    For pictures it is called with RGB bytes, (n, size, size, 3) uint8, the middle squares of the first `pictures` of
    each product; for texts with a list of n strings. It answers with (n, dim) numbers, which needn't be of unit length,
    the same for a picture or text whatever comes beside it. `name` and `version` stand for the function in the cache
    and in stores: change the version whenever its answers change. Raises EncoderError for another signal.
    """
    if signal == "image":
        return FunctionPictures(function, dim, name, version, size, pictures)
    if signal == "text":
        return FunctionTexts(function, dim, name, version)
    raise EncoderError(f"A function can encode the signals image and text, not '{signal}'.")


class FunctionPictures(Image):
    """Encoder of the signal "image" that asks a function; see `function_encoder`."""

    name = "function-pictures"

    def __init__(self, function: Function, dim: int, named: str, version: str, size: int, pictures: int) -> None:
        if size < 1:
            raise EncoderError(f"The function '{named}' needs a size of its pictures, not {size}.")
        super().__init__(size, "fp32", pictures)
        self.dim = dim
        self._function, self._named, self._version = function, named, version

    @property
    def fingerprint(self) -> str:
        """Names the function, its version, settings and code."""
        settings = (self.dim, self._size, self._pictures)
        return fingerprint(self.name, VERSION, self._named, self._version, settings, KEPT, REST, *self._unusual)

    def encode_decoded(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Vectors of decoded pictures, (n, size, size, 3) RGB -> (n, dim)."""
        return _asked(self._function, self._named, pixels, self.dim)

    def save(self, folder: Path) -> None:
        """Write down which function it was; the function itself can't be kept."""
        settings = {"dim": self.dim, "size": self._size, "pictures": self._pictures}
        write_state(folder, self.name, {"function": self._named, "version": self._version, **settings})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was written down; where it has to encode, EncoderError says which function is needed."""
        values = read_state(folder, cls.name)
        named, version = values["function"], values["version"]
        return cls(_lost(cls.signal, named, version), values["dim"], named, version, values["size"], values["pictures"])


class FunctionTexts(MiniLM):
    """Encoder of the signal "text" that asks a function; see `function_encoder`."""

    name = "function-texts"

    def __init__(self, function: Function, dim: int, named: str, version: str) -> None:
        super().__init__("fp32")
        self.dim = dim
        self._function, self._named, self._version = function, named, version

    @property
    def fingerprint(self) -> str:
        """Names the function, its version and code."""
        return fingerprint(self.name, VERSION, self._named, self._version, self.dim)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts in their order, (len(texts), dim); zeros for one of nothing but spaces."""
        out = np.zeros((len(texts), self.dim), np.float32)
        there = [at for at, text in enumerate(texts) if text.strip()]
        for start in range(0, len(there), BATCH):
            rows = there[start : start + BATCH]
            out[rows] = _asked(self._function, self._named, [texts[at] for at in rows], self.dim)
        return out

    def save(self, folder: Path) -> None:
        """Write down which function it was; the function itself can't be kept."""
        write_state(folder, self.name, {"function": self._named, "version": self._version, "dim": self.dim})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What was written down; where it has to encode, EncoderError says which function is needed."""
        values = read_state(folder, cls.name)
        named, version = values["function"], values["version"]
        return cls(_lost(cls.signal, named, version), values["dim"], named, version)


def by_signal(encoders: Iterable[Encoder], known: Iterable[str]) -> dict[str, Encoder]:
    """Encoders that somebody passed, by their signal. Raises EncoderError: an unknown signal, or two of one."""
    found: dict[str, Encoder] = {}
    for encoder in encoders:
        if encoder.signal not in known or encoder.signal in found:
            what = "has two encoders" if encoder.signal in found else f"is none of {', '.join(known)}"
            raise EncoderError(f"encoders: the signal '{encoder.signal}' {what}.")
        found[encoder.signal] = encoder
    return found


def _asked(function: Function, named: str, batch: Any, dim: int) -> Matrix:  # noqa: ANN401 (pixels or texts)
    try:
        found = np.asarray(function(batch), np.float32)
    except EncoderError:
        raise
    except Exception as error:  # whatever a function of the user's raises
        raise EncoderError(f"The function '{named}' failed on {len(batch)} inputs ({error!r}).") from error
    if found.shape != (len(batch), dim):
        raise EncoderError(f"The function '{named}' gave {found.shape}; {(len(batch), dim)} was expected.")
    return unit_rows(found)


def _lost(signal: str, named: str, version: str) -> Function:
    def ask(batch: Any) -> Any:  # noqa: ANN401
        raise EncoderError(
            f"The signal '{signal}' of this store comes from the Python function '{named}', version {version}, which a "
            "store can't hold. Pass it again, encoders=[…] of sosie.open or sosie.build; or build with --refit for the "
            "encoder that the settings name."
        )

    return ask
