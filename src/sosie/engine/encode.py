"""From products to the final vectors of a signal: cached, each content once, centred and scaled."""

from collections.abc import Sequence

import numpy as np

from sosie.config import Config
from sosie.encoders.function import FunctionPictures
from sosie.encoders.image import Image
from sosie.encoders.learned import BroughtPictures
from sosie.encoders.learned_products import LearnedProducts
from sosie.store import VectorCache
from sosie.types import Encoder, Matrix, Product

CACHED = frozenset({"image", "colour", "text", "reviews"})  # where a network or a picture makes encoding slow


def encode_products(encoder: Encoder, products: Sequence[Product], cache: VectorCache) -> tuple[Matrix, int]:
    """Raw vectors of products in their order, and how many were really encoded (neither cached nor repeated).

    What is learned on top of other encoders is made of their vectors, which are cached like any others.
    """
    if isinstance(encoder, LearnedProducts):
        made = {signal: encode_products(part, products, cache) for signal, part in encoder.parts.items()}
        counts = [count for signal, (_, count) in made.items() if is_cached(encoder.parts[signal])]
        combined = encoder.combine({signal: vectors for signal, (vectors, _) in made.items()})
        return combined, max(counts, default=len(products))
    if not is_cached(encoder):
        return encoder.encode(products), len(products)
    contents = [encoder.content(product) for product in products]
    first = {content: at for at, content in reversed(list(enumerate(contents))) if content}
    distinct = list(first)
    out = np.zeros((len(products), encoder.dim), np.float32)
    if not distinct:
        return out, 0
    found, known = cache.get(encoder.fingerprint, distinct, encoder.dim)
    vectors = np.array(known, np.float32)
    new = np.flatnonzero(~found)
    if len(new):
        fresh = encoder.encode([products[first[distinct[at]]] for at in new])
        vectors[new] = fresh
        keep = np.flatnonzero(fresh.any(axis=1))  # a picture that could not be read today may be there tomorrow
        cache.put(encoder.fingerprint, [distinct[new[at]] for at in keep], fresh[keep])
    place = {content: at for at, content in enumerate(distinct)}
    for row, content in enumerate(contents):
        if content:
            out[row] = vectors[place[content]]
    return out, len(new)


def is_cached(encoder: Encoder) -> bool:
    """Whether vectors of an encoder, or of some part of it, are kept in the cache."""
    if isinstance(encoder, LearnedProducts):
        return any(map(is_cached, encoder.parts.values()))
    return encoder.signal in CACHED


def kept_directions(config: Config, encoder: Encoder | None) -> int:
    """How many main directions a signal's scale keeps, 0 = all as they are: what was learned is not projected."""
    return config.signals.image.dim if type(encoder) in (Image, BroughtPictures, FunctionPictures) else 0
