"""Answers as bytes, and what lets a client keep them: ETag and 304, cursors bound to the state of the store."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from urllib.parse import quote

import orjson
from fastapi import Request
from starlette.responses import Response

from sosie.engine.plain import hit_as_json, product_as_json
from sosie.engine.questions import MOST, Answer
from sosie.pages.reasons import reasons
from sosie.store import Snapshot
from sosie.types import Hit, Product
from sosie.web.problems import Problem
from sosie.web.shop import Shop

JSON = "application/json"
BESIDE = ("manifest.json", "rules.json", "calibration.json")  # files that an answer depends on
WIDTH = 640  # pixels of the pictures that answers name


def reply(value: object, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """Plain values as JSON."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, JSON)


def state_of(shop: Shop) -> str:
    """Names all that answers depend on, the question apart; changes with every write, rule and calibration."""
    mark = blake2b(shop.store.snapshot.version.encode(), digest_size=9)
    folder = os.fspath(shop.store.folder)
    for name in BESIDE:
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 - a Path takes longer to make than a file to look at
        except OSError:
            continue
        mark.update(b"%d %d %d;" % (status.st_mtime_ns, status.st_ino, status.st_size))
    return urlsafe_b64encode(mark.digest()).decode()


def tag_of(request: Request, state: str) -> str:
    """The ETag of a GET."""
    scope = request.scope
    asked = f"{state} {scope['path']}?{scope['query_string']}"
    return f'W/"{blake2b(asked.encode(errors="replace"), digest_size=12).hexdigest()}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """304 where the client has this very answer."""
    known = request.headers.get("if-none-match")
    if known is None or (known != "*" and tag not in (one.strip() for one in known.split(","))):
        return None
    return Response(status_code=304, headers={"ETag": tag})


def picture_address(id: str, number: int) -> str:
    """Where a product's picture is to be had."""
    return f"/pictures/{number}/{quote(id, safe='')}?w={WIDTH}"


def told_product(product: Product) -> dict[str, object]:
    """A product as the API tells it: addresses in place of this machine's paths."""
    told = product_as_json(product)
    told["images"] = [picture_address(product.id, at) for at in range(len(product.images))]
    told["videos"] = [ref for ref in product.videos if ref.startswith(("http://", "https://"))]
    return told


def told_hit(hit: Hit, asked: Product | None = None, *, explain: bool = False) -> dict[str, object]:
    """A hit as the API tells it; with `explain` also in words, beside the product `asked` about."""
    told = hit_as_json(hit)
    told["images"] = [picture_address(hit.product.id, at) for at in range(len(hit.product.images))]
    if explain:
        told["reasons"] = reasons(hit, asked)
    return told


def told_answer(
    answer: Answer,
    snapshot: Snapshot,
    *,
    limit: int,
    offset: int,
    mark: str,
    state: str,
    asked: Product | None = None,
    explain: bool = False,
) -> dict[str, object]:
    """An answer as the API tells it; `mark` and `state` bind its cursor to question and store."""
    next_ = offset + limit
    more = 0 < limit == len(answer.hits) and next_ + limit <= MOST
    told: dict[str, object] = {
        "hits": [told_hit(hit, asked, explain=explain) for hit in answer.hits],
        "limit": limit,
        "offset": offset,
        "total": answer.total if answer.total is not None else living(snapshot),
        "took_ms": round(answer.took_ms, 3),
        "notes": list(answer.notes),
        "cursor": cursor_at(next_, mark, state) if more else None,
    }
    if answer.alike:
        told["alike"] = answer.alike
    return told


def living(snapshot: Snapshot) -> int:
    """How many products there are."""
    return snapshot.size - len(snapshot.delta.removed)


def cursor_at(offset: int, mark: str, state: str) -> str:
    """Where a list goes on."""
    return urlsafe_b64encode(orjson.dumps([offset, mark, state])).decode().rstrip("=")


def offset_of(cursor: str, mark: str, state: str) -> int:
    """The place that a cursor names. Raises Problem: 422 for one of another question, 410 where the store changed."""
    try:
        offset, asked, then = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        good = isinstance(offset, int) and 0 <= offset <= MOST and asked == mark
    except (ValueError, TypeError):
        good, then = False, ""
    if not good:
        raise Problem(422, "cursor: is none of this question; ask again with the same fields, or without a cursor.")
    if then != state:
        raise Problem(410, "cursor: the store changed since this list began; start again without a cursor.")
    return int(offset)
