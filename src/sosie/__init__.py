"""sosie tells a shop which of its products are alike, and why."""

from typing import TYPE_CHECKING

from sosie.errors import SosieError
from sosie.types import Hit, Product, Query

if TYPE_CHECKING:
    from sosie.client import AsyncClient, Client
    from sosie.encoders.brought import bring
    from sosie.encoders.function import function_encoder
    from sosie.engine.shop import Store, build
    from sosie.engine.shop import open_store as open  # noqa: A004 - `sosie.open` reads as it should
    from sosie.train.front import train

__version__ = "0.1.0"
__all__ = [
    "AsyncClient",
    "Client",
    "Hit",
    "Product",
    "Query",
    "SosieError",
    "Store",
    "bring",
    "build",
    "function_encoder",
    "open",
    "train",
]


def __getattr__(name: str) -> object:
    # The engine takes half a second to import: it is fetched when first asked for.
    if name in {"AsyncClient", "Client"}:
        import sosie.client

        return getattr(sosie.client, name)
    if name == "bring":
        from sosie.encoders.brought import bring

        return bring
    if name == "function_encoder":
        from sosie.encoders.function import function_encoder

        return function_encoder
    if name == "train":
        import sosie.train

        return sosie.train
    if name not in {"Store", "build", "open"}:
        raise AttributeError(f"module 'sosie' has no attribute '{name}'")
    from sosie.engine import shop

    return getattr(shop, "open_store" if name == "open" else name)
