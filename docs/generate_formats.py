"""Writes the tables of names in docs/formats.md from the code's own table of names: `make docs`."""

import re
from collections.abc import Iterable
from pathlib import Path

from sosie.catalog import names
from sosie.catalog.money import CODES

PAGE = Path(__file__).with_name("formats.md")
WHAT = {
    "id": "what the product is called in answers; unique",
    "title": "its name",
    "text": "its description; HTML is taken out",
    "more_text": "short descriptions and highlights, added to the text",
    "category": "one path or several",
    "brand": "who makes it; compared as an attribute",
    "price": "the regular price",
    "list_price": "a struck-through price; where it is the higher one, it is the price and `price` the sale price",
    "sale_price": "what it costs now",
    "currency": "of the prices that do not name one",
    "images": "paths or addresses of its pictures",
    "videos": "files or addresses of its videos; frames of files count as further pictures",
    "url": "its page in the shop; kept",
    "gtin": "EAN, UPC, ISBN",
    "mpn": "the maker's part number",
    "model": "the model's number or name",
    "sku": "the shop's stock number",
    "stock": "how many there are",
    "available": "whether it can be bought; read from the stock where it is missing",
    "rating": "mean rating, brought to 0 to 5",
    "rating_count": "how many ratings",
    "reviews": "what customers wrote",
    "group": "what the variants of one product share",
    "language": "as the catalogue says; recognised where it does not",
    "facets": "`name:value` pairs parted by `\\|`; `category` and `brand` among them are read as such",
}


def field_table() -> str:
    """A row a field: what it is, and the names of its columns."""
    lines = ["| field | what it is | English and other names | Chinese names |", "|---|---|---|---|"]
    for field, accepted in names.FIELDS.items():
        latin = [name for name in accepted if re.match(r"[a-z]", name)]
        chinese = [name for name in accepted if name not in latin]
        lines.append(f"| `{field}` | {WHAT[field]} | {', '.join(latin)} | {', '.join(chinese)} |")
    return "\n".join(lines)


def alias_list() -> str:
    """Other names that --map takes for a field."""
    by_field: dict[str, list[str]] = {}
    for alias, field in names.FIELD_ALIASES.items():
        by_field.setdefault(field, []).append(alias)
    return "; ".join(f"`{field}`: {', '.join(aliases)}" for field, aliases in sorted(by_field.items())) + "."


def separate_table() -> str:
    """A row a reason for which a column is kept apart by its name."""
    anywhere, first = _by_reason(names.SEPARATE_WORDS), _by_reason(names.SEPARATE_FIRST)
    lines = ["| reason | words anywhere in the name | words at its beginning |", "|---|---|---|"]
    lines += [
        f"| {reason} | {', '.join(anywhere.get(reason, ()))} | {', '.join(first.get(reason, ()))} |"
        for reason in dict.fromkeys([*anywhere, *first])
    ]
    return "\n".join(lines)


def _by_reason(words: dict[str, str]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for word, reason in words.items():
        out.setdefault(reason, []).append(word)
    return out


def _wrapped(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def page(text: str) -> str:
    """The page with every block between `<!-- name -->` and `<!-- /name -->` written anew."""
    blocks = {
        "fields": field_table(),
        "aliases": alias_list(),
        "attributes": _wrapped(names.KNOWN_ATTRIBUTES),
        "separate": separate_table(),
        "currencies": _wrapped(CODES),
    }
    for name, block in blocks.items():
        text, found = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, block=block: match[1] + block + "\n" + match[2],  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
        if found != 1:
            raise ValueError(f"{PAGE}: has no single block '{name}'.")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
