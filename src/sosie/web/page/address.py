"""What a view was asked, read from its address and written back to it: the address holds all state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from sosie.errors import QuestionError
from sosie.types import NOTHING

LIMIT, MOST = 24, 480  # answers of a page
WHOLE = 1000  # a crop is in thousandths of the picture's width and height
ONLY, WEIGHT = "only.", "weight."  # before the name of a field, of a signal
IDS, LONGEST = 100, 2_000  # products, and characters of a value

Crop = tuple[int, int, int, int]  # left, top, width, height
Only = tuple[tuple[str, tuple[str, ...]], ...]  # of some fields, the values that are allowed


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the address of a view has it.

    `picture` names an uploaded picture that is kept; `crop` is the part of it that counts, None = all. `weights` are
    those that differ from the store's own. `only` holds for each field the values that are allowed, `price_from` and
    `price_to` bound the price, `where` is a filter in words. `lang` is "" where the browser's language holds.
    """

    text: str = ""
    picture: str = ""
    crop: Crop | None = None
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=lambda: NOTHING)  # type: ignore[arg-type, return-value]
    only: Only = ()
    category: str = ""
    price_from: float | None = None
    price_to: float | None = None
    where: str = ""
    diversity: float = 0.0
    limit: int = LIMIT
    lang: str = ""

    @property
    def says(self) -> bool:
        """Whether anything is asked, filters left aside."""
        return bool(self.text or self.picture or self.like or self.unlike)

    @property
    def filters(self) -> bool:
        """Whether products are filtered."""
        bounded = self.price_from is not None or self.price_to is not None
        return bool(self.only or self.category or self.where or bounded)

    def of(self, field: str) -> tuple[str, ...]:
        """The values of a field that are allowed; () = all."""
        return dict(self.only).get(field, ())

    def but(self, **changes: object) -> "Asked":
        """The same question but for some of it, from its first answers on."""
        return replace(self, **({"limit": LIMIT} | changes))  # type: ignore[arg-type]

    def toggled(self, field: str, value: str) -> "Asked":
        """The same question with one more, or one less, value of a field allowed."""
        values = self.of(field)
        values = tuple(one for one in values if one != value) if value in values else (*values, value)
        others = tuple((name, some) for name, some in self.only if name != field)
        return self.but(only=(*others, (field, values)) if values else others)

    def liking(self, id: str) -> "Asked":
        """The same question with one more product liked."""
        liked = tuple(dict.fromkeys((*self.like, id)))
        return self.but(like=liked, unlike=tuple(one for one in self.unlike if one != id))

    def unliking(self, id: str) -> "Asked":
        """The same question with one more product not liked."""
        unliked = tuple(dict.fromkeys((*self.unlike, id)))
        return self.but(unlike=unliked, like=tuple(one for one in self.like if one != id))

    def without(self, id: str) -> "Asked":
        """The same question with a product neither liked nor not."""
        return self.but(
            like=tuple(one for one in self.like if one != id), unlike=tuple(one for one in self.unlike if one != id)
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Names and values of the address, those that are as if not given left out."""
        found: list[tuple[str, str]] = [("text", self.text), ("picture", self.picture)]
        found.append(("crop", ",".join(map(str, self.crop)) if self.crop else ""))
        found += [("like", id) for id in self.like] + [("unlike", id) for id in self.unlike]
        found += [(f"{WEIGHT}{signal}", f"{weight:g}") for signal, weight in self.weights.items()]
        found += [(f"{ONLY}{name}", value) for name, values in self.only for value in values]
        found += [("category", self.category), ("price_from", _number(self.price_from))]
        found += [("price_to", _number(self.price_to)), ("where", self.where)]
        found.append(("diversity", f"{self.diversity:g}" if self.diversity else ""))
        found.append(("limit", str(self.limit) if self.limit != LIMIT else ""))
        found.append(("lang", self.lang))
        return [(name, value) for name, value in found if value]

    def address(self, path: str = "/") -> str:
        """The address of this question's view."""
        pairs = self.pairs()
        return f"{path}?{urlencode(pairs)}" if pairs else path


def read_address(pairs: Iterable[tuple[str, str]], weights: Mapping[str, float]) -> Asked:
    """The question of an address; names that mean nothing here are passed over.

    `weights` are the store's own. Raises QuestionError for what is no number, out of range, too much or too long.
    """
    one: dict[str, str] = {}
    like: list[str] = []
    unlike: list[str] = []
    only: dict[str, list[str]] = {}
    given: dict[str, float] = {}
    for name, raw in pairs:
        value = raw.strip()
        if not value:
            continue
        if len(value) > LONGEST:
            raise QuestionError(f"{name}: is longer than {LONGEST:,} characters; shorten it.")
        if name in ("like", "unlike"):
            (like if name == "like" else unlike).append(value)
        elif name.startswith(ONLY):
            only.setdefault(name.removeprefix(ONLY), []).append(value)
        elif name.startswith(WEIGHT):
            signal = name.removeprefix(WEIGHT)
            weight = _read(name, value)
            if signal not in weights or abs(weight - weights[signal]) > 1e-9:
                given[signal] = weight
        else:
            one[name] = value
    if len(like) + len(unlike) > IDS:
        raise QuestionError(f"at most {IDS} products can be liked and not liked; here are {len(like) + len(unlike)}.")
    return Asked(
        text=one.get("text", ""),
        picture=one.get("picture", ""),
        crop=_crop(one.get("crop", "")) if "picture" in one else None,
        like=tuple(dict.fromkeys(like)),
        unlike=tuple(dict.fromkeys(unlike)),
        weights=given,
        only=tuple((name, tuple(dict.fromkeys(values))) for name, values in only.items()),
        category=one.get("category", ""),
        price_from=_read("price_from", one["price_from"]) if "price_from" in one else None,
        price_to=_read("price_to", one["price_to"]) if "price_to" in one else None,
        where=one.get("where", ""),
        diversity=_read("diversity", one.get("diversity", "0")),
        limit=min(max(int(_read("limit", one.get("limit", str(LIMIT)))), 1), MOST),
        lang=one.get("lang", ""),
    )


def _read(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e15:
        raise QuestionError(f"{name}: '{value}' is no usable number.")
    return number


def _crop(value: str) -> Crop | None:
    if not value:
        return None
    try:
        left, top, width, height = (int(part) for part in value.split(","))
    except ValueError:
        raise QuestionError(f"crop: '{value}' is not four whole numbers: left, top, width, height.") from None
    if min(left, top) < 0 or min(width, height) < 1 or left + width > WHOLE or top + height > WHOLE:
        raise QuestionError(f"crop: {value} does not lie in the picture, which is {WHOLE} by {WHOLE}.")
    return None if (width, height) == (WHOLE, WHOLE) else (left, top, width, height)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
