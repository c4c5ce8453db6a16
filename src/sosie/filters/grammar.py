"""From the text of a filter to its parts: a small tokenizer and recursive descent; nothing is ever executed."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sosie.errors import QuestionError

Value: TypeAlias = float | str
Filter: TypeAlias = "Compare | Contains | OneOf | Missing | Truth | Not | And | Or"


@dataclass(frozen=True, slots=True)
class OfQuery:
    """A field of the product that is asked about."""

    field: str


@dataclass(frozen=True, slots=True)
class Compare:
    """`field operator value`."""

    field: str
    operator: str
    value: Value | OfQuery


@dataclass(frozen=True, slots=True)
class Contains:
    """`field like 'pattern'` (anchored) or `field contains 'part'`."""

    field: str
    pattern: str
    anchored: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """`field in (values)`."""

    field: str
    values: tuple[Value | OfQuery, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """`field is missing`."""

    field: str


@dataclass(frozen=True, slots=True)
class Truth:
    """A field on its own: a number other than 0, or a text that says yes."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """`not part`."""

    part: Filter


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Filter, ...]


TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
      | `(?P<quoted>[^`]+)`
      | (?P<operator><=|>=|==|!=|<>|=|<|>)
      | (?P<mark>[(),])
      | (?P<word>[^\W\d][\w.]*(?:-[\w.]+)*)
    )""",
    re.VERBOSE,
)
KEYWORDS = {"and", "or", "not", "in", "like", "contains", "is", "missing", "null", "true", "false"}
SPELLINGS = {"==": "=", "<>": "!="}
DEEPEST = 100  # nested parentheses and nots


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a filter: `kind` is number, text, name, keyword, operator, mark or end."""

    kind: str
    value: str
    at: int


@lru_cache(maxsize=1024)
def parse_filter(text: str) -> Filter:
    """Read a filter. Raises QuestionError that points at the place where it can't be understood."""
    parser = _Parser(text, _tokens(text))
    result = parser.any_of(0)
    if parser.token.kind != "end":
        raise parser.error("expected 'and', 'or' or the end")
    return result


def _tokens(text: str) -> list[Token]:
    found = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            raise _error(text, at, "this can't be read (text needs quotes, names with spaces need `backticks`)")
        kind = match.lastgroup or ""
        value = match.group(kind)
        start = match.start(kind)
        if kind == "quoted":
            kind = "name"
        elif kind == "word":
            kind = "keyword" if value.lower() in KEYWORDS else "name"
            value = value.lower() if kind == "keyword" else value
        elif kind == "text":
            mark = value[0]
            value = re.sub(r"\\(.)", r"\1", value[1:-1].replace(mark * 2, mark), flags=re.DOTALL)
        elif kind == "operator":
            value = SPELLINGS.get(value, value)
        found.append(Token(kind, value, start))
        at = match.end()
    return [*found, Token("end", "", end)]


def _error(text: str, at: int, reason: str) -> QuestionError:
    return QuestionError(f"filter: {reason}, at character {at + 1}, near '{text[at : at + 20]}' of: {text}")


class _Parser:
    """Recursive descent: any_of → all_of → one → comparison."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text, self.tokens, self.at = text, tokens, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def error(self, reason: str) -> QuestionError:
        return _error(self.text, self.token.at, reason)

    def take(self, kind: str, *values: str) -> Token | None:
        """The next token if it is of that kind (and one of those values), else None and nothing is taken."""
        token = self.token
        if token.kind != kind or (values and token.value not in values):
            return None
        self.at += 1
        return token

    def need(self, kind: str, value: str = "") -> Token:
        token = self.take(kind, value) if value else self.take(kind)
        if token is None:
            raise self.error(f"expected {repr(value) if value else 'a ' + kind}")
        return token

    def any_of(self, depth: int) -> Filter:
        parts = [self.all_of(depth)]
        while self.take("keyword", "or"):
            parts.append(self.all_of(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self, depth: int) -> Filter:
        parts = [self.one(depth)]
        while self.take("keyword", "and"):
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def one(self, depth: int) -> Filter:
        if depth > DEEPEST:
            raise self.error("too deeply nested")
        if self.take("keyword", "not"):
            return Not(self.one(depth + 1))
        if self.take("mark", "("):
            inner = self.any_of(depth + 1)
            self.need("mark", ")")
            return inner
        return self.comparison()

    def comparison(self) -> Filter:
        field = self.need("name").value
        if operator := self.take("operator"):
            return Compare(field, operator.value, self.value())
        if self.take("keyword", "is"):
            negated = self.take("keyword", "not")
            if not self.take("keyword", "missing", "null"):
                raise self.error("expected 'missing'")
            return Not(Missing(field)) if negated else Missing(field)
        negated = self.take("keyword", "not")
        if self.take("keyword", "in"):
            self.need("mark", "(")
            values = [self.value()]
            while self.take("mark", ","):
                values.append(self.value())
            self.need("mark", ")")
            return _unless(negated, field, OneOf(field, tuple(values)))
        if word := self.take("keyword", "like", "contains"):
            pattern = self.need("text").value
            return _unless(negated, field, Contains(field, pattern, word.value == "like"))
        if negated:
            raise self.error("expected 'in', 'like' or 'contains'")
        return Truth(field)

    def value(self) -> Value | OfQuery:
        if token := self.take("number"):
            return float(token.value)
        if token := self.take("text"):
            return token.value
        if token := self.take("keyword", "true", "false"):
            return float(token.value == "true")
        name = self.token.value
        if self.token.kind == "name" and name.startswith("query.") and len(name) > len("query."):
            self.at += 1
            return OfQuery(name.removeprefix("query."))
        raise self.error("expected a number, a text in quotes or query.FIELD")


def _unless(negated: Token | None, field: str, part: Filter) -> Filter:
    """`not in` and `not like` don't hold for a missing value either."""
    return And((Not(Missing(field)), Not(part))) if negated else part
