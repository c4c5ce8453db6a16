"""What every page shares: templates, the style and its hash, pictures as data, prices and addresses."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sosie.errors import PictureError
from sosie.media import thumbnail
from sosie.pages.wording import amount, bounds, chance, counted, number, percent, signed
from sosie.types import Product

if TYPE_CHECKING:
    from jinja2 import Environment

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥", "INR": "₹"}


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sosie.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": amount,
        "bounds": bounds,
        "chance": chance,
        "count": "{:,}".format,
        "counted": counted,
        "number": number,
        "percent": percent,
        "signed": signed,
    }
    return environment


def render(template: str, **values: object) -> str:
    """A whole page. Its policy lets nothing load or run but its own style and data: pictures."""
    from markupsafe import Markup

    style = files("sosie.pages").joinpath("templates/style.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    page = _environment().get_template(template).render(style=Markup(style), style_hash=digest, **values)
    return page.encode(errors="replace").decode()  # lone surrogates of a damaged catalogue can't be written to a file


def picture(ref: str, size: int) -> str:
    """A picture as a data: address no larger than `size` pixels a side; "" where it can't be opened."""
    try:
        return "data:image/jpeg;base64," + b64encode(thumbnail(ref, size)).decode()
    except PictureError:
        return ""


def money(amount: float | None, currency: str) -> str:
    """An amount as a shop writes it; "" for none."""
    if amount is None:
        return ""
    shown = f"{amount:,.2f}"
    if currency in SYMBOLS:
        return f"{SYMBOLS[currency]}{shown}"
    return f"{shown} {currency}".rstrip()


def address(product: Product) -> str:
    """The product's own page when that is a web address, else ""."""
    try:
        parts = urlsplit(product.url)
    except ValueError:
        return ""
    return product.url if parts.scheme in ("http", "https") and parts.netloc else ""
