"""Cells other than money: categories, lists, pairs, availability, ratings."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sosie.catalog.money import NOTHING, parse_number

_URL = re.compile(r"[a-z][a-z0-9+.-]*://|//[\w-]+\.", re.IGNORECASE)
_PAIR = re.compile(r"\s*([^=:;|{}\[\]]{1,60}?)\s*[=:：]\s*(.+?)\s*", re.DOTALL)
_SPACE = re.compile(r"\s+")
LEVEL = " > "

YES = frozenset(
    [
        "instock",
        "available",
        "yes",
        "true",
        "1",
        "y",
        "t",
        "preorder",
        "backorder",
        "limitedavailability",
        "onlineonly",
        "active",
        "onsale",
        "lowstock",
        "limitedstock",
        "有货",
        "现货",
        "在售",
        "上架",
        "已上架",
        "是",
        "有",
        "预售",
        "在库",
        "充足",
        "有库存",
    ]
)
NO = frozenset(
    [
        "outofstock",
        "oos",
        "unavailable",
        "notavailable",
        "no",
        "false",
        "0",
        "n",
        "f",
        "soldout",
        "discontinued",
        "archived",
        "draft",
        "inactive",
        "缺货",
        "无货",
        "售罄",
        "下架",
        "已下架",
        "否",
        "无",
        "停售",
        "停产",
        "断货",
        "无库存",
    ]
)


def nothing(cell: str) -> bool:
    """Whether a cell says that there is nothing ("", "n/a", "-")."""
    return not cell or cell.strip().casefold() in NOTHING


def parse_list(cell: str) -> list[object] | None:
    """The values of a cell that is a JSON list; None for another cell."""
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for candidate in (text, text.replace('"', '\\"').replace("'", '"')):  # Python's own lists look nearly the same
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        return value if isinstance(value, list) else None
    return None


def parse_object(cell: str) -> dict[str, object] | None:
    """The content of a cell that is a JSON object; None for another cell."""
    text = cell.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    for candidate in (text, text.replace('"', '\\"').replace("'", '"')):
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        return value if isinstance(value, dict) else None
    return None


def flat(value: object) -> str:
    """A JSON value as the text of an attribute."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(filter(None, map(flat, value)))
    if isinstance(value, dict):
        return "; ".join(f"{key}={flat(inner)}" for key, inner in value.items())
    return _SPACE.sub(" ", str(value)).strip()


def parse_pairs(cell: str) -> dict[str, str] | None:
    """The pairs of a JSON object, of a JSON list of {name, value}, or of "k=v;k=v"; None for another cell."""
    pairs = parse_object(cell)
    if pairs is not None:
        return {str(key): flat(value) for key, value in pairs.items()}
    listed = parse_list(cell)
    if listed is not None:
        return _named_pairs(listed)
    out = {}
    for part in re.split(r"[;；|\n]", cell):
        found = _PAIR.fullmatch(part)
        if found:
            out[found[1]] = found[2]
        elif part.strip() and not out:
            return None
        elif part.strip():  # a semicolon within a value
            last = next(reversed(out))
            out[last] = f"{out[last]}; {part.strip()}"
    return out or None


def parse_facets(cell: str) -> dict[str, list[str]]:
    """The values of each facet of "category:Shoes|category:Boots|colour:red", repeats kept in order."""
    out: dict[str, list[str]] = {}
    for part in re.split(r"[|;\n]", cell):
        found = _PAIR.fullmatch(part)
        if found:
            out.setdefault(found[1], []).append(found[2])
    return out


def _named_pairs(listed: list[object]) -> dict[str, str] | None:
    out = {}
    for item in listed:
        if not isinstance(item, dict):
            return None
        keys = {str(key).casefold(): value for key, value in item.items()}
        name = next((keys[k] for k in ("name", "key", "attribute", "label", "attribute_name") if k in keys), None)
        value = next((keys[k] for k in ("value", "values", "val", "attribute_value") if k in keys), None)
        if name is None or value is None:
            return None
        out[flat(name)] = flat(value)
    return out or None


def split_pictures(cell: str) -> list[str]:
    """The pictures of a cell: a JSON list, or parted by "|", ";", line breaks, "," or blanks between addresses."""
    listed = parse_list(cell)
    if listed is not None:
        return [ref for item in listed if (ref := _reference(item))]
    text = cell.strip()
    if "|" in text or ";" in text or "\n" in text:
        parts = re.split(r"[|;\n]", text) if not _URL.match(text) else re.split(r"[|\n]|;(?=\s*(?:[a-z]+:)?//)", text)
    elif _URL.match(text):
        # An address may hold commas of its own: only one with another address behind it parts them.
        parts = re.split(r"[,\s]+(?=[a-z][a-z0-9+.-]*://|//)", text)
    elif "," in text:
        pieces = text.split(",")
        named = all(re.search(r"\.[A-Za-z]{3,4}$", piece.strip()) for piece in pieces)
        parts = pieces if named else [text]
    else:
        parts = [text]
    return [part.strip() for part in parts if part.strip()]


def _reference(item: object) -> str:
    if isinstance(item, dict):
        keys = ("url", "src", "link", "path", "large", "hi_res", "image", "thumb")
        return next((str(item[key]).strip() for key in keys if item.get(key)), "")
    return str(item).strip() if item is not None else ""


def is_url(ref: str) -> bool:
    """Whether a picture is given by an address instead of a path."""
    return bool(_URL.match(ref))


@dataclass(frozen=True, slots=True)
class CategoryStyle:
    """How a column writes categories: what parts levels, and what parts one path from the next ("" = nothing)."""

    level: str = ""
    path: str = ""


def category_style(cells: Sequence[str]) -> CategoryStyle:
    """Recognise how a column writes its categories from some of its cells.

    A comma parts paths only where what stands behind commas is also met where a path begins.
    """
    text = [cell for cell in cells if cell and not cell.lstrip().startswith("[")]
    level = next(
        (mark for mark in (">", "»", "›", "→", "::") if sum(mark in cell for cell in text) > 0.02 * len(text)), ""
    )
    if not level and sum("/" in cell for cell in text) > 0.02 * len(text):
        level = "/"
    for mark in ("|", ";", "；", ","):
        cut = [cell.split(mark) for cell in text if mark in cell]
        if len(cut) <= 0.01 * len(text) or not cut:
            continue
        if mark == ",":
            roots = {cell.split(",")[0].split(level or ",")[0].strip() for cell in text}
            behind = [part.split(level or ",")[0].strip() for parts in cut for part in parts[1:]]
            if sum(root in roots for root in behind) < 0.8 * len(behind):
                continue
        if mark == "|" and not level:
            return CategoryStyle("|", "")
        return CategoryStyle(level, mark)
    return CategoryStyle(level, "")


@lru_cache(maxsize=1 << 16)
def parse_category(cell: str, style: CategoryStyle) -> tuple[str, ...]:
    """The paths of a category cell, each "A > B > C", without repeats and without paths that another one continues."""
    listed = parse_list(cell)
    if listed is not None:
        nested = [item if isinstance(item, list) else None for item in listed]
        if all(nested) and nested:
            paths = [[flat(level) for level in item or ()] for item in nested]
        elif any(isinstance(item, str) and (">" in item or "/" in item) for item in listed):
            paths = [re.split(r"\s*>\s*" if ">" in flat(item) else r"/", flat(item)) for item in listed]
        else:
            paths = [[flat(level) for level in listed]]
    else:
        parts = cell.split(style.path) if style.path else [cell]
        paths = [part.split(style.level) if style.level else [part] for part in parts]
    out: list[str] = []
    for path in paths:
        joined = LEVEL.join(level for raw in path if (level := _SPACE.sub(" ", raw).strip(" \t/>")))
        if joined and joined not in out and not nothing(joined):
            out.append(joined)
    return tuple(p for p in out if not any(other.startswith(p + LEVEL) for other in out))


def parse_available(cell: str) -> bool | None:
    """Whether a product can be bought, from a word or a number. Raises ValueError for an unknown word."""
    word = re.sub(r"[\s_-]+", "", cell.rsplit("/", 1)[-1].casefold())  # also https://schema.org/InStock
    if word in NO:
        return False
    if word in YES:
        return True
    if nothing(cell):
        return None
    try:
        return parse_number(word) > 0
    except ValueError:
        raise ValueError(f"'{cell[:60]}' says neither that it is available nor that it is not") from None


def parse_count(cell: str) -> float | None:
    """A number of things. Raises ValueError."""
    if nothing(cell):
        return None
    found = re.search(r"-?\d[\d.,\s]*", cell)
    if not found:
        raise ValueError(f"'{cell[:60]}' is not a number")
    value = parse_number(found[0])
    if not abs(value) < 1e15:
        raise ValueError(f"'{cell[:60]}' is not a number of things")
    return value


def rating_scale(cells: Sequence[str]) -> float:
    """The largest rating that a column can give: 5, 10 or 100."""
    top = 0.0
    for cell in cells:
        found = re.search(r"\d+(?:[.,]\d+)?", cell)
        if found and not re.search(r"/\s*\d|out of|%|★", cell):
            top = max(top, float(found[0].replace(",", ".")))
    return 5.0 if top <= 5 else 10.0 if top <= 10 else 100.0


def parse_rating(cell: str, scale: float) -> float | None:
    """A rating brought to 0..5. Raises ValueError."""
    if nothing(cell):
        return None
    if "★" in cell or "☆" in cell:
        return float(cell.count("★"))
    found = re.search(r"(-?\d+(?:[.,]\d+)?)\s*(?:(?:/|out of|von|sur)\s*(\d+)|(%))?", cell)
    if not found:
        raise ValueError(f"'{cell[:60]}' is not a rating")
    value = float(found[1].replace(",", "."))
    top = float(found[2]) if found[2] else 100.0 if found[3] else scale
    if not 0 <= value <= top or not top:
        raise ValueError(f"'{cell[:60]}' lies outside 0 to {top:g}")
    return value * 5 / top
