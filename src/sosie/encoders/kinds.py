"""Every encoder that stands alone, by its name, and the way to open a saved one."""

from collections.abc import Mapping
from pathlib import Path

from sosie.encoders.attributes import Attributes
from sosie.encoders.category import Category
from sosie.encoders.colour import Colour
from sosie.encoders.function import FunctionPictures, FunctionTexts
from sosie.encoders.image import Image
from sosie.encoders.learned import BroughtPictures, LearnedPictures, LearnedTexts
from sosie.encoders.minilm import MiniLM
from sosie.encoders.multilingual import Multilingual
from sosie.encoders.patches import Patches
from sosie.encoders.price import Price
from sosie.encoders.reviews import Reviews
from sosie.encoders.state import read_state
from sosie.encoders.tfidf import TfIdf
from sosie.encoders.word2vec import Word2Vec
from sosie.errors import EncoderError
from sosie.types import Encoder

ALONE: dict[str, type[Encoder]] = {
    kind.name: kind
    for kind in (
        Image,
        Colour,
        Patches,
        MiniLM,
        Multilingual,
        TfIdf,
        Word2Vec,
        Price,
        Category,
        Attributes,
        Reviews,
        LearnedPictures,
        BroughtPictures,
        LearnedTexts,
        FunctionPictures,
        FunctionTexts,
    )
}


def open_encoder(folder: Path, kinds: Mapping[str, type[Encoder]] = ALONE) -> Encoder:
    """Open an encoder that was saved, whichever of `kinds` it is. Raises EncoderError when the folder is damaged."""
    name = read_state(folder)["encoder"]
    if name not in kinds:
        raise EncoderError(f"{folder}: unknown encoder '{name}'; known are: {', '.join(kinds)}.")
    return kinds[name].load(folder)
