"""What columns are called, in English and Chinese (`names.toml`).

Names are compared without case, spaces and signs ("Compare-at price" = "compareatprice"), and without the
prefix of Google's feeds ("g:price").
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from importlib.resources import files

_TABLES: dict[str, dict[str, str]] = tomllib.loads(files("sosie.catalog").joinpath("names.toml").read_text("utf-8"))
FIELDS: Mapping[str, tuple[str, ...]] = {name: tuple(words.split()) for name, words in _TABLES["fields"].items()}
KNOWN_ATTRIBUTES = frozenset(_TABLES["attributes"]["known"].split())
SEPARATE_WORDS = {word: reason for reason, words in _TABLES["separate"].items() for word in words.split()}
SEPARATE_FIRST = {word: reason for reason, words in _TABLES["separate_first"].items() for word in words.split()}
FIELD_ALIASES = {word: name for name, words in _TABLES["aliases"].items() for word in words.split()}
MAPPABLE = tuple(name for name in FIELDS if name not in {"more_text", "facets"})
# Levels of a category, the topmost first: these names say themselves which stands above which.
LADDER = (
    (
        "department",
        "maincategory",
        "mastercategory",
        "topcategory",
        "rootcategory",
        "parentcategory",
        "大类",
        "一级分类",
        "一级类目",
    ),
    ("category", "productcategory", "categoryname", "中类", "二级分类", "二级类目"),
    (
        "subcategory",
        "subcategoryname",
        "subcat",
        "secondcategory",
        "childcategory",
        "小类",
        "子分类",
        "子类目",
        "三级分类",
        "三级类目",
    ),
    ("subsubcategory", "articletype", "producttype", "thirdcategory", "leafcategory", "四级分类", "四级类目"),
)
_NUMBERED = re.compile(
    r"(?:product|item)?(?:category|categories|cat|categorylevel|catlevel|level|l|类目|分类|类别)(\d)(?:name|category)?$"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


def compact(name: str) -> str:
    """A column's name as it is compared: only its letters and digits, case folded."""
    plain = unicodedata.normalize("NFKC", name).casefold().strip().removeprefix("g:")
    return "".join(char for char in plain if char.isalnum())


def words(name: str) -> list[str]:
    """The words of a column's name, also of camelCase: "orig_w" is "orig", "w"."""
    return [word.casefold() for word in _WORDS.findall(unicodedata.normalize("NFKC", name))]


def level(name: str) -> int:
    """The level that a numbered category column stands for ("category2" is 2); 0 for another column."""
    found = _NUMBERED.match(compact(name))
    return int(found[1]) if found else 0


def without_currency(name: str) -> tuple[str, str]:
    """The compact name without a currency at its end, and the currency: "Price (EUR)" is "price", "EUR"."""
    from sosie.catalog.money import CODES, SIGNS

    parts = re.split(r"[\s_(（\[/:]+", name.strip().rstrip(")）]"))
    last = parts[-1].upper()
    if len(parts) > 1 and last in CODES:
        return compact("".join(parts[:-1])), last
    if len(parts) > 1 and parts[-1] in SIGNS:
        return compact("".join(parts[:-1])), SIGNS[parts[-1]]
    return compact(name), ""


def separate_reason(name: str) -> str:
    """Why a column of this name is no attribute of a product; "" where the name does not say so."""
    if compact(name) in KNOWN_ATTRIBUTES:
        return ""
    parts = words(name)
    names = {"_".join(parts), compact(name), *parts}
    anywhere = (reason for word, reason in SEPARATE_WORDS.items() if word in names)
    return next(anywhere, SEPARATE_FIRST.get(parts[0], "") if parts else "")


def ladder(columns: Iterable[str]) -> list[str]:
    """Columns that are levels of one category path, topmost first; fewer than two: there is no ladder."""
    names = list(columns)
    numbered = sorted((level(name), at, name) for at, name in enumerate(names) if level(name))
    if len(numbered) > 1:
        return [name for _, _, name in numbered]
    rungs = [next((name for name in names if compact(name) in rung), "") for rung in LADDER]
    # The lowest rung alone (product type) beside a category is no level of it, but another word for it.
    return [name for name in rungs if name] if rungs[2] or (rungs[0] and rungs[1]) else []
