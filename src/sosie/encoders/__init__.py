"""Encoders: one file each, all behind `sosie.types.Encoder`, and the choice among them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sosie.config import Config
from sosie.encoders.attributes import Attributes
from sosie.encoders.category import Category
from sosie.encoders.colour import Colour
from sosie.encoders.image import Image
from sosie.encoders.minilm import MiniLM
from sosie.encoders.multilingual import Multilingual
from sosie.encoders.price import Price
from sosie.encoders.reviews import Meaning, Reviews
from sosie.encoders.state import read_state
from sosie.encoders.tfidf import TfIdf
from sosie.encoders.word2vec import Word2Vec
from sosie.errors import EncoderError
from sosie.types import Encoder

ENCODERS: dict[str, type[Encoder]] = {
    kind.name: kind
    for kind in (Image, Colour, MiniLM, Multilingual, TfIdf, Word2Vec, Price, Category, Attributes, Reviews)
}


def make_encoders(config: Config, language: str, signals: Sequence[str]) -> dict[str, Encoder]:
    """New encoders of the signals, in their order, as the settings say; `language` is the catalogue's.

    Fitted ones still have to be fitted. Raises EncoderError for a signal that nothing encodes.
    """
    settings = config.signals
    words = settings.words
    meanings: list[Meaning] = []

    def meaning() -> Meaning:
        if not meanings:  # texts and reviews share one network
            meanings.append(_meaning(config, language))
        return meanings[0]

    makers: dict[str, Callable[[], Encoder]] = {
        "image": lambda: Image(settings.image.size, settings.image.precision, settings.image.pictures),
        "colour": Colour,
        "text": meaning,
        "words": lambda: TfIdf(words.dim) if words.encoder == "tfidf" else Word2Vec(words.dim),
        "price": lambda: Price(settings.price.rates),
        "category": Category,
        "attributes": Attributes,
        "reviews": lambda: Reviews(meaning()),
    }
    unknown = [signal for signal in signals if signal not in makers]
    if unknown:
        raise EncoderError(f"Nothing encodes the signal '{unknown[0]}'; known are: {', '.join(makers)}.")
    return {signal: makers[signal]() for signal in signals}


def load_encoder(folder: Path) -> Encoder:
    """Open an encoder that was saved, whichever it is. Raises EncoderError when the folder is damaged."""
    name = read_state(folder)["encoder"]
    if name not in ENCODERS:
        raise EncoderError(f"{folder}: unknown encoder '{name}'; known are: {', '.join(ENCODERS)}.")
    return ENCODERS[name].load(folder)


def _meaning(config: Config, language: str) -> Meaning:
    settings = config.signals.text
    chosen = settings.encoder
    if chosen == "auto":
        chosen = "minilm" if language in ("en", "") else "multilingual"  # MiniLM knows English alone
    return MiniLM(settings.precision) if chosen == "minilm" else Multilingual(settings.precision)
