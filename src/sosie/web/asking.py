"""Questions over HTTP: look-alikes of a product."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request
from fastapi import Query as InQuery
from starlette.responses import Response

from sosie.engine.plain import hit_as_json
from sosie.scoring import read_weights
from sosie.types import Query
from sosie.web.schemas import SimilarQuestion
from sosie.web.shop import Shop

router = APIRouter(prefix="/v1")


@router.get("/products/{id}/similar")
async def similar(
    request: Request, id: Annotated[str, Path()], question: Annotated[SimilarQuestion, InQuery()]
) -> Response:
    """Look-alikes of a product, best first."""
    shop: Shop = request.app.state.shop
    asked = Query(
        like=(id,), where=question.where, weights=read_weights(question.weights), category=question.category,
        limit=question.limit, offset=question.offset, diversity=question.diversity, min_score=question.threshold,
        variants=question.variants,
    )  # fmt: skip
    answer = await shop.ask(asked)
    told = {
        "hits": [hit_as_json(hit) for hit in answer.hits],
        "limit": question.limit,
        "offset": question.offset,
        "total": answer.total,
        "took_ms": round(answer.took_ms, 3),
        "notes": list(answer.notes),
    }
    return Response(orjson.dumps(told), media_type="application/json")
