"""Rules over HTTP: what a merchandiser pins and blocks beside a product."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from sosie.engine.rules import ANYWHERE, Rules, change_rules
from sosie.web import examples
from sosie.web.asking import check_ids
from sosie.web.bodies import read_json
from sosie.web.problems import Problem
from sosie.web.replies import reply
from sosie.web.schemas import Asked, Id, body, parameters_of_path
from sosie.web.shop import Shop

router = APIRouter(prefix="/v1", tags=["rules"])
Ids = Annotated[tuple[Id, ...], Field(max_length=1_000)]


class RuleBody(Asked):
    """What stands beside a product, and what never does."""

    pins: Annotated[Ids, Field(description="Shown first, in this order.")] = ()
    blocks: Annotated[Ids, Field(description="Never shown, nor their variants.")] = ()


@router.get("/rules", responses=examples.RULES)
async def rules(request: Request) -> Response:
    """All pins and blocks, by product; blocks under `*` hold beside every one."""
    shop: Shop = request.app.state.shop
    return reply(shop.store.rules.as_json())


@router.put(
    "/rules/{id:path}",
    responses=examples.RULES,
    openapi_extra=body(RuleBody, example={"pins": ["sku-2"], "blocks": ["sku-9"]}) | parameters_of_path("id"),
)
async def put_rule(request: Request) -> Response:
    """Set what is pinned and blocked beside a product, in place of what was; `*` takes blocks for every product."""
    shop: Shop = request.app.state.shop
    id: str = request.path_params["id"]
    sent = await read_json(request, RuleBody, shop.settings)
    snapshot = shop.store.snapshot
    if id != ANYWHERE:
        check_ids(snapshot, (id,), 404)
    elif sent.pins:
        raise Problem(422, "pins: a product can't be pinned beside every one; name the product in the address.")
    check_ids(snapshot, (*sent.pins, *sent.blocks))
    if id in (*sent.pins, *sent.blocks) or set(sent.pins) & set(sent.blocks):
        raise Problem(422, "pins, blocks: name other products than the one in the address, each in one of the two.")

    def change(old: Rules) -> Rules:
        blank = old.without_pins(id).without_blocks(id)
        pinned = blank.with_pins(id, sent.pins) if sent.pins else blank
        return pinned.with_blocks(id, sent.blocks) if sent.blocks else pinned

    return reply((await shop.write(partial(change_rules, shop.store.folder, change))).as_json())


@router.delete("/rules/{id:path}", responses=examples.RULES, openapi_extra=parameters_of_path("id"))
async def delete_rule(request: Request) -> Response:
    """Take back what is pinned and blocked beside a product; it may be gone already."""
    shop: Shop = request.app.state.shop
    id: str = request.path_params["id"]
    change = partial(change_rules, shop.store.folder, lambda old: old.without_pins(id).without_blocks(id))
    return reply((await shop.write(change)).as_json())
