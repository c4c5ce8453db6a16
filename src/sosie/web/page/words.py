"""What the page says, in the language of who reads it: one file a language in `words/`, the same keys in each."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from sosie.metrics.calibration import spoken
from sosie.pages.reasons import Reason

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language; called with a key and what its {names} stand for.

    `asked` is the code of the language where the address names it, else "": links keep it.
    """

    code: str
    sentences: Mapping[str, str] = field(repr=False)
    asked: str = ""

    def __call__(self, key: str, **values: object) -> str:
        """A sentence. Raises KeyError for a key that no file has."""
        sentence = self.sentences[key]
        return sentence.format_map(values) if values else sentence

    def counted(self, key: str, count: int) -> str:
        """So many of something, in the singular where it is one."""
        return self(f"{key}_one" if count == 1 else key, count=f"{count:,}")

    def named(self, table: str, name: str) -> str:
        """What something of a store is called (a signal, a field): its own name where the language has no other."""
        return self.sentences.get(f"{table}.{name}", name)

    def value(self, field: str, value: str) -> str:
        """A value of a field, in the language's own words where it has any."""
        return self.sentences.get(f"value.{field}_{value}".lower(), value)

    def gloss(self, signal: str) -> str:
        """What a signal compares, in a word or two."""
        return self.sentences.get(f"gloss.{signal}", self.sentences["gloss.given"])

    def listed(self, names: Sequence[str]) -> str:
        """Names one after the other, as a sentence has them."""
        if len(names) < 2:
            return "".join(names)
        return self("comma").join(names[:-1]) + self("and") + names[-1]

    def why(self, reasons: Iterable[Reason]) -> str:
        """Why a product is an answer, in one line."""
        return self("comma").join(
            self(
                f"reason.{one.kind}",
                of=self.listed([one.of[0]] if one.kind == "both_in" else [self.named("aspect", of) for of in one.of]),
            )
            if one.of
            else self(f"reason.{one.kind}")
            for one in reasons
        )

    def likely(self, share: float) -> str:
        """A probability as people say it, never a certainty."""
        part, _, whole = spoken(share).partition(" of ")
        return self("share", part=part, whole=whole)


@cache
def words_of(code: str, asked: str = "") -> Words:
    """The sentences of a language of LANGUAGES."""
    tables = tomllib.loads(files("sosie.web.page").joinpath(f"words/{code}.toml").read_text(encoding="utf-8"))
    flat: dict[str, str] = {}
    for name, value in tables.items():
        flat |= {f"{name}.{key}": text for key, text in value.items()} if isinstance(value, dict) else {name: value}
    return Words(code, flat, asked)


def words_for(asked: str, accepted: str) -> Words:
    """The sentences for who reads: in the language asked for, else the first the browser accepts, else English."""
    return words_of(asked, asked) if asked in LANGUAGES else words_of(_accepted(accepted))


def _accepted(accepted: str) -> str:
    wanted = []
    for at, one in enumerate(accepted.split(",")):
        tag, _, quality = one.partition(";")
        try:
            wanted.append((-float(quality.partition("=")[2] or 1), at, tag.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((tag for quality, _, tag in sorted(wanted) if tag in LANGUAGES and quality < 0), LANGUAGES[0])
