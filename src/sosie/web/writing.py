"""Writes over HTTP: products put, removed and imported, durable and findable when the answer comes; jobs, roll-back."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from sosie.engine.live import Written
from sosie.errors import BusyError, SosieError, StoreError
from sosie.store import LocalStore
from sosie.types import Product
from sosie.web import examples
from sosie.web.bodies import KB, MB, parsed, read_body
from sosie.web.incoming import Finder, ProductBody, ProductLine, keep_picture, product_of, told_fields, vectors_of
from sosie.web.problems import Problem, field_of
from sosie.web.replies import reply
from sosie.web.schemas import body, parameters_of_path, text_body
from sosie.web.shop import Shop

router = APIRouter(prefix="/v1", tags=["writing"])
LOT, LOT_BYTES = 1_024, 8_000_000  # lines of an import that are written at once, at most
IN_MEMORY = 1_000_000  # bytes of results; more wait on disk until the whole import was read
NDJSON = "application/x-ndjson"
TYPES = (NDJSON, "application/jsonl", "application/json-lines")
PICTURES = 16  # that come with one product


@router.put(
    "/products/{id:path}",
    responses=examples.WRITTEN,
    openapi_extra=body(ProductBody, example=told_fields()) | parameters_of_path("id"),
)
async def put_product(request: Request) -> Response:
    """Write a product, all of it; encoded, durable and findable when the answer comes.

    JSON; or multipart/form-data with the JSON under `product` and its pictures, as files, under `images`.
    """
    shop: Shop = request.app.state.shop
    id: str = request.path_params["id"]
    sent, pictures = await _sent(request, shop)

    def write() -> Written:
        kept = tuple(keep_picture(shop.store.folder, content, shop.settings) for content in pictures)
        images = Finder(shop.store.snapshot).find(id, sent.images) + kept
        return shop.live.put([product_of(sent, id, images)])[0]

    written = await shop.write(write)
    return reply({"id": written.id, "what": written.what}, status=201 if written.what == "created" else 200)


@router.delete("/products/{id:path}", responses=examples.WRITTEN, openapi_extra=parameters_of_path("id"))
async def delete_product(request: Request) -> Response:
    """Remove a product; it is gone from every answer when this one comes."""
    shop: Shop = request.app.state.shop
    id: str = request.path_params["id"]
    written = (await shop.write(partial(shop.live.remove, [id])))[0]
    if written.what == "unknown":
        raise Problem(404, f"there is no product '{id}' to remove.")
    return reply({"id": written.id, "what": written.what})


@router.post("/products:import", responses=examples.IMPORTED, openapi_extra=text_body(NDJSON, ProductLine))
async def import_products(request: Request) -> Response:
    """Write many products: a line of JSON each, of any number; a line of result each, in the same order.

    A line that can't be used is told, with its number; all others are written. Sent again, it changes nothing more.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise Problem(415, f"{kind or 'a body without a type'} is not read here; send {NDJSON}, a product a line.")
    shop: Shop = request.app.state.shop
    results = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    try:
        async for lot in _lots(request, shop.settings.body_kb * KB):
            told = await shop.write(partial(_write_lot, shop, lot), bounded=False)
            results.write(b"".join(orjson.dumps(line) + b"\n" for line in told))
    except BaseException:
        results.close()
        raise
    results.seek(0)

    def sent() -> Iterator[bytes]:
        with results:
            while block := results.read(64 * KB):
                yield block

    return StreamingResponse(sent(), media_type=NDJSON)


@router.post("/rollback", responses=examples.ROLLED_BACK)
async def rollback(request: Request) -> Response:
    """Go back to the generation before the current one."""
    shop: Shop = request.app.state.shop
    try:
        number = await shop.write(LocalStore(shop.store.folder).rollback)
    except BusyError:
        raise
    except StoreError as error:
        raise Problem(409, str(error)) from error
    return reply({"generation": number, "version": shop.store.snapshot.version})


@router.post("/merge", status_code=202, responses=examples.JOB)
async def merge(request: Request) -> Response:
    """Make a new generation of all that was written since the last; it also begins by itself, when that pays."""
    shop: Shop = request.app.state.shop
    return reply((await shop.write(shop.merge)).told(), status=202)


@router.get("/jobs", responses=examples.JOBS)
async def jobs(request: Request) -> Response:
    """Work that takes longer than an answer, the newest first."""
    shop: Shop = request.app.state.shop
    return reply({"jobs": [job.told() for job in shop.jobs.all()]})


@router.get("/jobs/{id}", responses=examples.JOB)
async def job(request: Request, id: str) -> Response:
    """How far a job is; with `Accept: text/event-stream` as server-sent events until it ends."""
    shop: Shop = request.app.state.shop
    found = shop.jobs.find(id)
    if found is None:
        raise Problem(404, f"there is no job '{id}'; /v1/jobs lists them.")
    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(shop.jobs.follow(id), media_type="text/event-stream")
    return reply(found.told())


async def _sent(request: Request, shop: Shop) -> tuple[ProductBody, list[bytes]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    settings = shop.settings
    if kind in ("application/json", ""):
        return parsed(ProductBody, await read_body(request, settings.body_kb * KB)), []
    if kind != "multipart/form-data":
        raise Problem(415, f"{kind} is not read here; send application/json or multipart/form-data.")
    told: str | None = None
    pictures: list[bytes] = []
    try:
        async with request.form(max_files=PICTURES, max_fields=1, max_part_size=settings.body_kb * KB) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile) and name == "images":
                    pictures.append(await value.read(settings.picture_mb * MB + 1))
                elif isinstance(value, str) and name == "product":
                    told = value
                else:
                    raise Problem(422, f"{name}: is not taken; send `product` (JSON) and `images` (files).")
    except HTTPException as error:
        raise Problem(422, f"the form can't be read: {error.detail} See /docs.") from error
    if told is None:
        raise Problem(422, "product: is missing; send the product's JSON under this name.")
    return parsed(ProductBody, told.encode()), pictures


async def _lots(request: Request, longest: int) -> AsyncIterator[list[tuple[int, bytes]]]:
    """The lines of a body with their numbers, some at a time; empty ones are left out. Raises Problem: one too long."""
    number, size, rest = 0, 0, b""
    lot: list[tuple[int, bytes]] = []
    async for chunk in request.stream():
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > longest or any(len(line) > longest for line in lines):
            raise Problem(
                413, f"line {number + len(lines) + 1}: is longer than {longest:,} bytes; lines before are written."
            )
        for line in lines:
            number += 1
            if line.strip():
                lot.append((number, line))
                size += len(line)
            if len(lot) == LOT or size > LOT_BYTES:
                yield lot
                lot, size = [], 0
    if rest.strip():
        lot.append((number + 1, rest))
    if lot:
        yield lot


def _write_lot(shop: Shop, lot: list[tuple[int, bytes]]) -> list[dict[str, Any]]:
    """Write what can be of some lines; a result for each."""
    told: dict[int, dict[str, Any]] = {}
    good: list[tuple[int, ProductLine, Product]] = []
    finder = Finder(shop.store.snapshot)
    for number, raw in lot:
        try:
            line = parsed(ProductLine, raw)
            good.append((number, line, product_of(line, line.id, finder.find(line.id, line.images))))
        except RequestValidationError as error:
            why = "; ".join(f"{field_of(one['loc']) or 'the line'}: {one['msg']}" for one in error.errors()[:3])
            told[number] = {"line": number, "error": why}
        except SosieError as error:
            told[number] = {"line": number, "error": str(error)}
    for number, result in zip((at for at, *_ in good), _put(shop, [one for _, *one in good]), strict=True):
        told[number] = {"line": number} | result
    shop.merge_if_due()
    return [told[number] for number, _ in lot]


def _put(shop: Shop, lines: list[Any]) -> list[dict[str, Any]]:
    """Write lines together; where that fails, each alone, so that one is no fault of the others."""
    if not lines:
        return []
    try:
        written = shop.live.put([product for _, product in lines], vectors_of([line for line, _ in lines]))
    except SosieError as error:
        if len(lines) == 1:
            return [{"id": lines[0][1].id, "error": str(error)}]
        return [one for line in lines for one in _put(shop, [line])]
    return [{"id": one.id, "what": one.what} for one in written]
