"""What there is, over HTTP: a product, facets, suggestions."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from sosie.engine.suggest import suggest
from sosie.web import examples
from sosie.web.asking import check_ids
from sosie.web.bodies import read_query
from sosie.web.page.address import Asked
from sosie.web.page.facets import Narrowed, narrow
from sosie.web.replies import reply, state_of, tag_of, told_product, unchanged
from sosie.web.schemas import FacetsQuestion, SuggestQuestion, parameters
from sosie.web.shop import Shop

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/facets", responses=examples.FACETS, openapi_extra=parameters(FacetsQuestion))
async def facets(request: Request) -> Response:
    """How products are spread over fields, categories and prices: what can be narrowed by, with counts."""
    shop: Shop = request.app.state.shop
    question = read_query(request, FacetsQuestion)
    tag = tag_of(request, state_of(shop))
    if known := unchanged(request, tag):
        return known
    asked = Asked(where=question.where, category=question.category)
    narrowed = await shop.run(partial(narrow, shop.store.snapshot, asked))
    return reply(_told(narrowed), {"ETag": tag, "Cache-Control": "no-cache"})


@router.get("/suggest", responses=examples.SUGGEST, openapi_extra=parameters(SuggestQuestion))
async def suggestions(request: Request) -> Response:
    """Categories, brands and titles by the beginnings of their words; small typos are mended."""
    shop: Shop = request.app.state.shop
    question = read_query(request, SuggestQuestion)
    found = await shop.run(partial(suggest, shop.store.snapshot, question.q, question.limit))
    told = [{"kind": one.kind, "text": one.text, **({"id": one.id} if one.id else {})} for one in found]
    return reply({"suggestions": told})


@router.get("/products/{id:path}", responses=examples.PRODUCT)
async def product(request: Request, id: Annotated[str, Path(description="Id of a product.")]) -> Response:
    """All that is known of a product."""
    shop: Shop = request.app.state.shop
    snapshot = shop.store.snapshot
    check_ids(snapshot, (id,), 404)
    tag = tag_of(request, snapshot.version)
    if known := unchanged(request, tag):
        return known
    found = snapshot.products(snapshot.rows([id]))[0]
    return reply(told_product(found), {"ETag": tag, "Cache-Control": "no-cache"})


def _told(narrowed: Narrowed) -> dict[str, object]:
    prices = narrowed.prices
    return {
        "total": narrowed.total,
        "facets": [
            {"field": one.field, "values": [{"value": choice.value, "count": choice.count} for choice in one.choices]}
            for one in narrowed.facets
        ],
        "categories": [{"path": one.value, "count": one.count} for one in narrowed.below],
        "price": None
        if prices is None
        else {
            "low": prices.low,
            "high": prices.high,
            "currency": prices.currency,
            "bins": list(prices.bins),
            "edges": list(prices.edges),
        },
    }
