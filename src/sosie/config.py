"""Every setting, its default and its bounds; one `sosie.toml` in and out, unknown keys refused."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sosie.errors import ConfigError

Weight = Annotated[float, Field(ge=0, le=1000)]
Share = Annotated[float, Field(ge=0, le=1)]

BUILT_IN = {"image": ("efficientnet-lite0",), "text": ("auto", "minilm", "multilingual")}  # else a folder's name


class Settings(BaseModel):
    """Base of every table of the file: frozen, and strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ImageSettings(Settings):
    """The look of a product's pictures."""

    enabled: bool = True
    weight: Weight = 1.0
    encoder: Annotated[str, Field(min_length=1)] = "efficientnet-lite0"  # or the folder of a learned one
    size: Annotated[int, Field(ge=0, le=1024)] = 0  # pixels a side; 0 takes 224, or less where pictures are tiny
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    pictures: Annotated[int, Field(ge=1, le=64)] = 4  # of each product, pooled; the first counts most
    frames: Annotated[int, Field(ge=0, le=16)] = 2  # of each product's first video, as further pictures
    dim: Annotated[int, Field(ge=0, le=1280)] = 256  # main directions that are kept; 0 keeps all as they are


class ColourSettings(Settings):
    """The colours of a product's first picture, its background discounted."""

    enabled: bool = True
    weight: Weight = 0.5


class PatchesSettings(Settings):
    """The first pictures of the first 100 candidates, compared with the question's place by place: off by default."""

    enabled: bool = False  # as much time again for each first picture at a build, 6.3 kB a product
    weight: Weight = 1.5
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class TextSettings(Settings):
    """The meaning of title and description."""

    enabled: bool = True
    weight: Weight = 0.5
    encoder: Annotated[str, Field(min_length=1)] = "auto"  # by the catalogue's language; or a learned one's folder
    precision: Literal["auto", "fp32", "bf16"] = "auto"


class WordsSettings(Settings):
    """The words themselves: TF-IDF of grams of characters, or Word2Vec trained on the catalogue."""

    enabled: bool = True
    weight: Weight = 0.4
    encoder: Literal["tfidf", "word2vec"] = "tfidf"
    dim: Annotated[int, Field(ge=8, le=2048)] = 512


class PriceSettings(Settings):
    """Nearness of price within its category's scale."""

    enabled: bool = True
    weight: Weight = 0.4
    rates: dict[str, Annotated[float, Field(gt=0)]] = {}  # value of one unit of a currency in a common one


class CategorySettings(Settings):
    """Shared levels of the category path."""

    enabled: bool = True
    weight: Weight = 3.0


class AttributesSettings(Settings):
    """Shared attributes: brand, material, size …"""

    enabled: bool = True
    weight: Weight = 0.35


class ReviewsSettings(Settings):
    """What customers write about a product."""

    enabled: bool = True
    weight: Weight = 0.1


class LearnedSettings(Settings):
    """What an encoder learned from this shop's or another's products says of a product as a whole."""

    enabled: bool = True
    weight: Weight = 1.0
    encoder: str = ""  # its folder; without one the signal is off


class ExactSettings(Settings):
    """Words of a question found literally in a product (searching by words only)."""

    enabled: bool = True
    weight: Weight = 1.0


class Signals(Settings):
    """One table a signal."""

    image: ImageSettings = ImageSettings()
    colour: ColourSettings = ColourSettings()
    patches: PatchesSettings = PatchesSettings()
    text: TextSettings = TextSettings()
    words: WordsSettings = WordsSettings()
    price: PriceSettings = PriceSettings()
    category: CategorySettings = CategorySettings()
    attributes: AttributesSettings = AttributesSettings()
    reviews: ReviewsSettings = ReviewsSettings()
    learned: LearnedSettings = LearnedSettings()
    exact: ExactSettings = ExactSettings()
    given: dict[str, Weight] = {}  # weights of signals whose vectors came with --vectors


class BuildSettings(Settings):
    """What a build accepts before it stops."""

    max_rejects: Share = 0.2
    max_removals: Share = 0.2
    merge_share: Share = 0.1  # a delta larger than this share of the store becomes a new generation


class IndexSettings(Settings):
    """Below `codes_from` products every question is answered by an exact scan."""

    codes_from: Annotated[int, Field(ge=1)] = 5_000
    graph_from: Annotated[int, Field(ge=1)] = 50_000


class Serving(Settings):
    """How `sosie serve` listens, whom it lets in, and where it says "enough"."""

    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8600  # 0 takes a free one
    workers: Annotated[int, Field(ge=1, le=64)] = 1  # processes over the same memory-mapped store
    threads: Annotated[int, Field(ge=0, le=64)] = (
        0  # that answer, in each process; 0 takes as many as there are cores for it
    )
    queue: Annotated[int, Field(ge=1, le=100_000)] = 256  # questions that wait; those beyond are answered 429
    deadline: Annotated[float, Field(gt=0, le=600)] = 10.0  # seconds for an answer
    encodings: Annotated[int, Field(ge=0, le=10_000_000)] = 20_000  # of words and pictures asked about that are kept
    keys: Literal["auto", "on", "off"] = "auto"  # auto: on, unless only this machine is listened to
    rate: Annotated[float, Field(ge=0)] = 0.0  # requests a second a key (an address, where keys are off); 0 is no limit
    burst: Annotated[int, Field(ge=1)] = 100  # requests that may come at once where there is a rate
    origins: tuple[str, ...] = ()  # of pages that may call from a browser (CORS), such as "https://shop.example"
    hosts: tuple[str, ...] = ()  # names under which the service is called, beside those of this machine
    body_kb: Annotated[int, Field(ge=1)] = 1024  # of a request without a picture, and of a line of an import
    body_seconds: Annotated[float, Field(gt=0, le=3600)] = 20.0  # without another byte of a body
    picture_mb: Annotated[int, Field(ge=1, le=1024)] = 20
    picture_megapixels: Annotated[int, Field(ge=1, le=1000)] = 50
    ids: Annotated[int, Field(ge=1, le=10_000)] = 100  # of products that one question names
    log_questions: bool = False  # addresses with the ids and filters asked for, in the log


class Config(Settings):
    """All settings of a store."""

    signals: Signals = Signals()
    build: BuildSettings = BuildSettings()
    index: IndexSettings = IndexSettings()
    serve: Serving = Serving()


def read_config(file: Path) -> Config:
    """Read a `sosie.toml`. Raises ConfigError naming the key and, for a misspelt one, the nearest known key."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: can't be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: is not valid TOML ({error}).") from error
    return parse_config(raw, str(file))


def parse_config(raw: dict[str, object], source: str) -> Config:
    """Check a nested dict of settings. Raises ConfigError; `source` names where the settings come from."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(f"{source}: {explain(Config, e['loc'], e['type'], e['msg'])}" for e in error.errors())
        ) from error


def explain(model: type[BaseModel], location: tuple[int | str, ...], kind: str, message: str) -> str:
    """What pydantic found wrong at a key of a model, in words; for a misspelt key with the nearest known one."""
    key = ".".join(str(part) for part in location)
    if kind == "value_error":  # of one of our own validators, in our own words
        message = message.removeprefix("Value error, ")
    if kind != "extra_forbidden":
        return f"{key}: {message}." if key else f"{message}."
    known = _keys_at(model, location[:-1])
    near = get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}."
    return f"unknown setting '{key}'; {hint}"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        there = model.model_fields[str(part)].annotation
        inner = [one for one in (there, *get_args(there)) if isinstance(one, type) and issubclass(one, BaseModel)]
        if not inner:
            return []
        model = inner[0]  # of `Table | None` the table
    return list(model.model_fields)
