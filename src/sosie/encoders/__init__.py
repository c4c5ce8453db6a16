"""Encoders: one file each, all behind `sosie.types.Encoder`, and the choice among them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sosie.config import BUILT_IN, Config
from sosie.encoders.attributes import Attributes
from sosie.encoders.category import Category
from sosie.encoders.colour import Colour
from sosie.encoders.image import Image
from sosie.encoders.kinds import ALONE, open_encoder
from sosie.encoders.learned_products import LearnedProducts
from sosie.encoders.minilm import MiniLM
from sosie.encoders.multilingual import Multilingual
from sosie.encoders.patches import Patches
from sosie.encoders.price import Price
from sosie.encoders.reviews import Meaning, Reviews
from sosie.encoders.state import FILE
from sosie.encoders.tfidf import TfIdf
from sosie.encoders.word2vec import Word2Vec
from sosie.errors import EncoderError
from sosie.types import Encoder

ENCODERS: dict[str, type[Encoder]] = {**ALONE, LearnedProducts.name: LearnedProducts}


def make_encoders(config: Config, language: str, signals: Sequence[str], home: Path = Path()) -> dict[str, Encoder]:
    """New encoders of the signals, in their order, as the settings say; `language` is the catalogue's.

    Folders that the settings name are looked for in `home` (the store), then in the working directory. Fitted encoders
    still have to be fitted. Raises EncoderError for a signal that nothing encodes, and for a folder that is not there,
    damaged, or of another signal.
    """
    settings = config.signals
    words = settings.words
    meanings: list[Meaning] = []

    def meaning() -> Meaning:
        if not meanings:  # texts and reviews share one network
            meanings.append(_meaning(config, language))
        return meanings[0]

    makers: dict[str, Callable[[], Encoder]] = {
        "image": lambda: Image(
            settings.image.size, settings.image.precision, settings.image.pictures, settings.image.frames
        ),
        "colour": Colour,
        "patches": lambda: Patches(settings.patches.precision),
        "text": meaning,
        "words": lambda: TfIdf(words.dim) if words.encoder == "tfidf" else Word2Vec(words.dim),
        "price": lambda: Price(settings.price.rates),
        "category": Category,
        "attributes": Attributes,
        "reviews": lambda: Reviews(meaning()),
        "learned": lambda: _from_folder(settings.learned.encoder, "learned", home),
    }
    if settings.image.encoder not in BUILT_IN["image"]:
        makers["image"] = lambda: _from_folder(settings.image.encoder, "image", home)
    if settings.text.encoder not in BUILT_IN["text"]:
        makers["text"] = lambda: _from_folder(settings.text.encoder, "text", home)
    unknown = [signal for signal in signals if signal not in makers]
    if unknown:
        raise EncoderError(f"Nothing encodes the signal '{unknown[0]}'; known are: {', '.join(makers)}.")
    return {signal: makers[signal]() for signal in signals}


def made_from(config: Config, signal: str) -> dict[str, object]:
    """The settings that a signal's vectors depend on: not its weight, and what is in a folder is said there."""
    named = getattr(config.signals, signal)
    if signal in BUILT_IN and named.encoder not in BUILT_IN[signal]:
        return {"encoder": named.encoder} | ({"dim": named.dim} if signal == "image" else {})
    own: dict[str, object] = named.model_dump(exclude={"enabled", "weight"})
    if signal == "reviews":
        own |= {"encoder": _meaning_chosen(config), "precision": config.signals.text.precision}
    return own


def load_encoder(folder: Path) -> Encoder:
    """Open an encoder that was saved, whichever it is. Raises EncoderError when the folder is damaged."""
    return open_encoder(folder, ENCODERS)


def _from_folder(named: str, signal: str, home: Path) -> Encoder:
    given = Path(named).expanduser()
    tried = list(dict.fromkeys((place / given).absolute() for place in (home, Path())))
    found = next((folder for folder in tried if (folder / FILE).is_file()), None)
    if found is None:
        others = " or ".join(f"'{name}'" for name in BUILT_IN.get(signal, ()))
        raise EncoderError(
            f"signals.{signal}.encoder: '{named}' is {f'neither {others} nor' if others else 'not'} the folder of an "
            f"encoder; looked for {' and '.join(str(folder / FILE) for folder in tried)}."
        )
    encoder = load_encoder(found)
    if encoder.signal != signal:
        raise EncoderError(
            f"{found}: encodes the signal '{encoder.signal}', not '{signal}'; name it as "
            f"signals.{encoder.signal}.encoder."
        )
    return encoder


def _meaning(config: Config, language: str) -> Meaning:
    precision = config.signals.text.precision
    chosen = _meaning_chosen(config)
    if chosen == "auto":
        chosen = "minilm" if language in ("en", "") else "multilingual"  # MiniLM knows English alone
    return MiniLM(precision) if chosen == "minilm" else Multilingual(precision)


def _meaning_chosen(config: Config) -> str:
    """Which of the built-in encoders of texts: "auto" beside a folder, which was trained on titles, not on reviews."""
    chosen = config.signals.text.encoder
    return chosen if chosen in BUILT_IN["text"] else "auto"
