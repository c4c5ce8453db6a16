"""The addresses of the map."""

import csv
from functools import partial
from io import StringIO

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from sosie.types import Product
from sosie.web.jobs import Job
from sosie.web.page.cards import card, cards
from sosie.web.page.judgements import safe
from sosie.web.page.map import LISTED, Map, as_bytes, legend, map_of, products_at, sizes
from sosie.web.page.rendering import Page, PageRoute, shop_of
from sosie.web.problems import Problem

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/map")
async def map_page(request: Request, colour: str = "category") -> Response:
    """Every product as a point, those that are alike near each other."""
    shop, page = shop_of(request), Page.of(request)
    drawn = await shop.run(partial(map_of, shop))
    if isinstance(drawn, Job):
        told = {"job": drawn.told()}
        return page.json(told) if page.wants_json else await page.html("map.html.j2", "map", job=drawn)
    snapshot = shop.store.snapshot
    codes = await shop.run(partial(legend, drawn, snapshot))
    typical = [
        cards(products_at(snapshot, drawn.generation, np.array(rows, np.int64)), page.words) for rows in drawn.typical
    ]
    clusters = list(zip(drawn.names, sizes(drawn), typical, strict=True))
    if page.wants_json:
        return page.json(
            {
                "products": len(drawn.rows),
                "clusters": [
                    {"name": name, "products": size, "typical": [one.id for one in some]}
                    for name, size, some in clusters
                ],
            }
        )
    return await page.html(
        "map.html.j2",
        "map",
        job=None,
        count=len(drawn.rows),
        generation=drawn.generation,
        colour=colour,
        legend=codes,
        clusters=clusters,
    )


@router.get("/map/points")
async def map_points(request: Request, generation: int) -> Response:
    """What the browser draws."""
    shop = shop_of(request)
    drawn = await shop.run(partial(map_of, shop))
    if not isinstance(drawn, Map) or drawn.generation != generation:
        raise Problem(410, "the store was built anew since this map was drawn; load the page again.")
    content = await shop.run(partial(as_bytes, drawn, shop.store.snapshot))
    return Response(content, headers={"Cache-Control": "no-cache"}, media_type="application/octet-stream")


@router.post("/map/products")
async def map_products(request: Request, generation: int) -> Response:
    """Products at rows (32-bit numbers): the first ones with their pictures, or all of them as CSV."""
    shop, page = shop_of(request), Page.of(request)
    content = await request.body()
    if len(content) % 4:
        raise Problem(422, "rows are whole numbers of 32 bits.")
    rows = np.frombuffer(content, "<u4").astype(np.int64)
    as_csv = "text/csv" in request.headers.get("accept", "")
    if not as_csv and len(rows) > LISTED:
        rows = rows[:LISTED]
    products = await shop.run(partial(products_at, shop.store.snapshot, generation, rows))
    if as_csv:
        return Response(_as_csv(products), media_type="text/csv; charset=utf-8")
    told = [card(product, page.words) for product in products]
    return page.json(
        {
            "products": [
                {
                    "id": one.id,
                    "title": one.title,
                    "href": one.href,
                    "price": one.price,
                    "picture": one.picture.at(160) if one.picture else "",
                }
                for one in told
            ]
        }
    )


def _as_csv(products: list[Product]) -> bytes:
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "title", "price", "currency", "brand", "category"])
    for one in products:
        price = "" if one.price is None else f"{one.price:g}"
        cells = [one.id, one.title, price, one.currency, one.brand, " | ".join(one.category)]
        writer.writerow([safe(cell) for cell in cells])
    return out.getvalue().encode(errors="replace")
