"""Questions over HTTP: look-alikes of a product, words, pictures, products liked and unliked, pairs."""

import time
from dataclasses import replace
from functools import partial
from hashlib import blake2b

from fastapi import APIRouter, Request
from starlette.responses import Response

from sosie.engine.pair import score_pair
from sosie.engine.questions import MOST, Answer
from sosie.errors import PictureError, QuestionError
from sosie.media import picture_hash
from sosie.scoring import read_weights
from sosie.store import Snapshot
from sosie.types import Hit, Query
from sosie.web import examples
from sosie.web.bodies import Form, parsed_fields, read_form, read_json, read_query
from sosie.web.problems import Problem
from sosie.web.replies import offset_of, reply, state_of, tag_of, told_answer, told_hit, unchanged
from sosie.web.schemas import PairQuestion, Question, SearchQuestion, SimilarQuestion, body, parameters
from sosie.web.shop import Shop

router = APIRouter(prefix="/v1", tags=["questions"])
TOLD = ("score", "parts", "missing", "likely", "reasons")  # of a pair
WIDER = 4  # times as many hits are looked at when those of one answer fill too few groups


@router.get("/products/{id:path}/similar", responses=examples.ANSWER, openapi_extra=parameters(SimilarQuestion, "id"))
async def similar(request: Request) -> Response:
    """Look-alikes of a product, best first."""
    shop: Shop = request.app.state.shop
    id: str = request.path_params["id"]
    question = read_query(request, SimilarQuestion)
    state = state_of(shop)
    tag = tag_of(request, state)
    if known := unchanged(request, tag):
        return known
    snapshot = shop.store.snapshot
    check_ids(snapshot, (id,), 404)
    query = _query(question, Query(like=(id,), weights=read_weights(question.weights)))
    return reply(await answered(shop, snapshot, query, question, state), {"ETag": tag, "Cache-Control": "no-cache"})


@router.post(
    "/search", responses=examples.ANSWER, openapi_extra=body(SearchQuestion, picture=True, example=examples.SEARCH)
)
async def search(request: Request) -> Response:
    """Products for words, a picture, products liked and unliked, in any mixture.

    JSON; or multipart/form-data with the picture under `image` and the other fields beside it.
    """
    shop: Shop = request.app.state.shop
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        return reply(await searched(shop, await read_json(request, SearchQuestion, shop.settings)))
    form = await read_form(request, shop.settings)
    try:
        return reply(await searched(shop, parsed_fields(SearchQuestion, form.fields), form))
    except PictureError as error:
        raise PictureError(str(error).replace(str(form.picture), "image")) from error
    finally:
        form.close()


@router.post(
    "/similarity", responses=examples.PAIR, openapi_extra=body(PairQuestion, example={"a": "sku-1", "b": "sku-2"})
)
async def similarity(request: Request) -> Response:
    """How alike two products are, and in what: b as an answer to a."""
    shop: Shop = request.app.state.shop
    started = time.perf_counter()
    asked = await read_json(request, PairQuestion, shop.settings)
    snapshot = shop.store.snapshot
    check_ids(snapshot, (asked.a, asked.b), 404)
    score = partial(score_pair, snapshot, asked.a, asked.b, shop.store.encoder, dict(asked.weights))
    hit, alike, notes = await shop.run(score)
    known = snapshot.products([snapshot.rows([asked.a])[0]])[0] if asked.explain else None
    told = told_hit(hit, known, explain=asked.explain)
    kept: dict[str, object] = {name: told[name] for name in TOLD if name in told} | ({"alike": alike} if alike else {})
    took = round((time.perf_counter() - started) * 1000, 3)
    return reply({"a": asked.a, "b": asked.b, **kept, "took_ms": took, "notes": list(notes)})


async def searched(shop: Shop, question: SearchQuestion, form: Form | None = None) -> dict[str, object]:
    """The answer to a search. Raises QuestionError, PictureError, Problem."""
    ids = (*question.positive, *question.negative)
    if len(ids) > shop.settings.ids:
        raise Problem(
            422, f"positive and negative name {len(ids):,} products; at most {shop.settings.ids:,} are taken."
        )
    snapshot = shop.store.snapshot
    check_ids(snapshot, ids)
    picture = form.picture if form is not None else None
    query = Query(
        text=question.text, image=picture, like=question.positive, unlike=question.negative, weights=question.weights
    )
    return await answered(shop, snapshot, _query(question, query), question, state_of(shop))


async def answered(shop: Shop, snapshot: Snapshot, query: Query, question: Question, state: str) -> dict[str, object]:
    """The answer to a question, from where its cursor stands. Raises QuestionError, PictureError, Problem."""
    said = question.model_dump_json(exclude={"cursor", "offset", "limit", "explain"})
    picture = picture_hash(str(query.image)) if query.image is not None else ""
    mark = blake2b(f"{said} {query.like} {picture}".encode(errors="replace"), digest_size=9).hexdigest()
    if question.cursor:
        query = replace(query, offset=offset_of(question.cursor, mark, state))
    if query.offset + query.limit > MOST:
        raise Problem(422, f"offset and limit together go to {MOST:,} at most; narrow the question with `where`.")
    answer = await (
        grouped(shop, snapshot, query, question.group_by) if question.group_by else shop.ask(query, snapshot)
    )
    asked = None
    if question.explain and query.like:
        asked = snapshot.products([snapshot.rows(query.like[:1])[0]])[0]
    return told_answer(
        answer, snapshot, limit=query.limit, offset=query.offset, mark=mark, state=state, asked=asked,
        explain=question.explain,
    )  # fmt: skip


async def grouped(shop: Shop, snapshot: Snapshot, query: Query, field: str) -> Answer:
    """An answer in which each value of a field has one hit, its best; products without a value stand for themselves."""
    column = snapshot.columns.get(field)
    if column is None:
        known = ", ".join(sorted(snapshot.columns)[:20])
        raise QuestionError(f"group_by: there is no field '{field}'; there are {known}.")
    need = query.offset + query.limit
    looked = min(need * WIDER, MOST)
    while True:
        answer = await shop.ask(replace(query, offset=0, limit=looked), snapshot)
        best: dict[object, Hit] = {}
        rows = snapshot.rows([hit.product.id for hit in answer.hits])
        values, texts = column.values[rows].tolist(), column.vocabulary is not None
        for hit, value in zip(answer.hits, values, strict=True):
            missing = value < 0 if texts else value != value
            best.setdefault(hit.product.id if missing else value, hit)
        if len(best) >= need or len(answer.hits) < looked or looked == MOST:
            hits = list(best.values())[query.offset : need]
            ranked = tuple(replace(hit, rank=query.offset + at) for at, hit in enumerate(hits, 1))
            return replace(answer, hits=ranked)
        looked = min(looked * WIDER, MOST)


def check_ids(snapshot: Snapshot, ids: tuple[str, ...], status: int = 422) -> None:
    """Raise Problem where an id is not in the store. Close ids are not looked for: that takes long in a large store."""
    for id in ids:
        if snapshot.row(id) is None:
            raise Problem(status, f"there is no product '{id}'; /v1/suggest finds products by their titles.")


def _query(question: Question, start: Query) -> Query:
    return replace(
        start, where=question.where, category=question.category, limit=question.limit, offset=question.offset,
        diversity=question.diversity, min_score=question.threshold, variants=question.variants,
    )  # fmt: skip
