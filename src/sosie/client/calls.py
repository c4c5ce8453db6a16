"""What is sent for each question, and how what comes back is read; the same for both clients. Nothing is sent here."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar
from urllib.parse import quote

import httpx
import orjson

from sosie.client.answers import (
    Answer,
    Facets,
    Imported,
    Job,
    Rules,
    Similarity,
    Suggestion,
    Written,
    read_answer,
    read_facets,
    read_product,
    read_rules,
    record,
)
from sosie.errors import SosieError
from sosie.types import Product

T = TypeVar("T")
Told = Mapping[str, Any]
Picture = str | Path | bytes
NDJSON = "application/x-ndjson"
NOT_SENT = ("id", "videos")  # of a product: the id stands in the address, and videos only in catalogues


class ClientError(SosieError):
    """The service refused, failed or was not there. `status` is that of HTTP, 0 where nothing was answered."""

    def __init__(self, detail: str, status: int = 0, request_id: str = "") -> None:
        super().__init__(f"{detail} (request {request_id})" if request_id else detail)
        self.status, self.detail, self.request_id = status, detail, request_id


class Options(TypedDict, total=False):
    """What every question may say beside what it is about; the fields of the API."""

    limit: int
    offset: int
    weights: Mapping[str, float]
    where: str
    category: str
    diversity: float
    threshold: float
    variants: bool
    group_by: str
    explain: bool
    cursor: str


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request: what it takes, and what is made of the answer. All of them may be sent again."""

    method: str
    path: str
    read: Callable[[Any], T]
    sent: Mapping[str, Any] = field(default_factory=dict)  # arguments of httpx's `request`


def similar(id: str, options: Options) -> Call[Answer]:
    """Look-alikes of a product."""
    fields: dict[str, Any] = dict(options)
    if weights := fields.pop("weights", None):
        fields["weights"] = _weights(weights)
    return Call("GET", f"{_product(id)}/similar", read_answer, {"params": fields})


def search(
    text: str, image: Picture | None, positive: Sequence[str], negative: Sequence[str], options: Options
) -> Call[Answer]:
    """Products for words, a picture, products liked and unliked."""
    fields: dict[str, Any] = dict(options)
    fields |= {name: value for name, value in (("text", text), ("positive", positive), ("negative", negative)) if value}
    if image is None:
        return Call("POST", "/v1/search", read_answer, {"json": fields | _lists(fields)})
    if weights := fields.pop("weights", None):
        fields["weights"] = _weights(weights)
    form = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
    return Call("POST", "/v1/search", read_answer, {"data": form, "files": {"image": ("image", content(image))}})


def similarity(a: str, b: str, weights: Mapping[str, float] | None, explain: bool) -> Call[Similarity]:
    """How alike two products are."""
    sent = {"a": a, "b": b, "weights": dict(weights or {}), "explain": explain}
    return Call("POST", "/v1/similarity", lambda told: record(Similarity, told), {"json": sent})


def product(id: str) -> Call[Product]:
    """All that is known of a product."""
    return Call("GET", _product(id), read_product)


def put(product: Product, pictures: Sequence[Picture]) -> Call[Written]:
    """Write a product, with pictures that are sent."""
    told = {name: value for name, value in product_fields(product).items() if name not in NOT_SENT}
    sent: dict[str, Any] = {"json": told}
    if pictures:
        files = [("images", (f"{at}.picture", content(one))) for at, one in enumerate(pictures)]
        sent = {"data": {"product": orjson.dumps(told).decode()}, "files": files}
    return Call("PUT", _product(product.id), _written, sent)


def remove(id: str) -> Call[Written]:
    """Remove a product."""
    return Call("DELETE", _product(id), _written)


def facets(where: str, category: str) -> Call[Facets]:
    """By what products can be narrowed."""
    return Call("GET", "/v1/facets", read_facets, {"params": {"where": where, "category": category}})


def suggest(q: str, limit: int) -> Call[list[Suggestion]]:
    """What somebody may be about to type."""
    return Call(
        "GET",
        "/v1/suggest",
        lambda told: [record(Suggestion, one) for one in told["suggestions"]],
        {"params": {"q": q, "limit": limit}},
    )


def rules() -> Call[Rules]:
    """What is pinned and blocked."""
    return Call("GET", "/v1/rules", read_rules)


def put_rules(id: str, pins: Sequence[str], blocks: Sequence[str]) -> Call[Rules]:
    """Set what is pinned and blocked beside a product."""
    return Call("PUT", _rules(id), read_rules, {"json": {"pins": list(pins), "blocks": list(blocks)}})


def remove_rules(id: str) -> Call[Rules]:
    """Take back what is pinned and blocked beside a product."""
    return Call("DELETE", _rules(id), read_rules)


def jobs() -> Call[list[Job]]:
    """Work that takes longer than an answer."""
    return Call("GET", "/v1/jobs", lambda told: [record(Job, one) for one in told["jobs"]])


def job(id: str) -> Call[Job]:
    """How far a job is."""
    return Call("GET", f"/v1/jobs/{quote(id, safe='')}", lambda told: record(Job, told))


def merge() -> Call[Job]:
    """Make a new generation of what was written."""
    return Call("POST", "/v1/merge", lambda told: record(Job, told))


def line(product: Product | Told) -> bytes:
    """A line of an import; a mapping is sent as it is and may hold `vectors`."""
    if not isinstance(product, Product):
        return orjson.dumps(dict(product)) + b"\n"
    told = {name: value for name, value in product_fields(product).items() if name != "videos"}
    return orjson.dumps(told) + b"\n"


def imported(line: str | bytes) -> Imported:
    """What became of one line."""
    return record(Imported, orjson.loads(line))


def product_fields(product: Product) -> dict[str, Any]:
    """A product as plain values."""
    plain = {name: dict(getattr(product, name)) for name in ("attributes", "other", "identifiers")}
    told = {name: getattr(product, name) for name in Product.__dataclass_fields__}
    return told | plain | {"reviews": [asdict(review) for review in product.reviews]}


def content(picture: Picture) -> bytes:
    """The bytes of a picture: of a file, or as given. Raises ClientError where the file can't be read."""
    if isinstance(picture, bytes):
        return picture
    try:
        return Path(picture).read_bytes()
    except OSError as error:
        raise ClientError(f"{picture}: can't be read ({error.strerror}).") from error


def problem_of(answer: httpx.Response) -> ClientError:
    """What a refusal says."""
    told: Told = {}
    with suppress(ValueError):
        parsed = orjson.loads(answer.content)
        told = parsed if isinstance(parsed, dict) else {}
    detail = str(told.get("detail") or f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase}")
    return ClientError(detail, answer.status_code, answer.headers.get("x-request-id", ""))


def _written(told: Told) -> Written:
    return record(Written, told)


def _product(id: str) -> str:
    return f"/v1/products/{quote(id, safe='')}"


def _rules(id: str) -> str:
    return f"/v1/rules/{quote(id, safe='')}"


def _weights(weights: Mapping[str, float]) -> str:
    return ",".join(f"{signal}={weight}" for signal, weight in weights.items())


def _lists(fields: Told) -> dict[str, list[str]]:
    return {name: list(fields[name]) for name in ("positive", "negative") if name in fields}
