"""Catalogues of any kind read as products: `open_source` recognises one, `Source` hands it out in batches."""

from sosie.catalog.guess import Guess
from sosie.catalog.opening import open_source
from sosie.catalog.source import Batch, Source

__all__ = ["Batch", "Guess", "Source", "open_source"]
