"""The addresses of the page."""

from functools import partial
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, RedirectResponse, Response

from sosie.catalog.names import MAPPABLE
from sosie.engine.rules import Rules, change_rules
from sosie.errors import CatalogueError, PictureError, QuestionError
from sosie.web.asking import check_ids
from sosie.web.jobs import Job
from sosie.web.page import atlas, judging
from sosie.web.page.address import Asked, read_address
from sosie.web.page.catalogue import catalogue_view, decided_in, keep_catalogue, start_build, start_check
from sosie.web.page.judgements import HEADS, PHOTOS, as_csv, judge, keep_photo, photo_key, read_judgements
from sosie.web.page.pictures import WIDTHS, asked_file, keep_asked, named_file, smaller
from sosie.web.page.product import product_view
from sosie.web.page.rendering import FOREVER, Page, PageRoute, shop_of, static_file
from sosie.web.page.search import rows_of, search, weights_of
from sosie.web.problems import Problem
from sosie.web.shop import Shop

RULES = {
    "pin": Rules.with_pins,
    "unpin": Rules.without_pins,
    "block": Rules.with_blocks,
    "unblock": Rules.without_blocks,
}
PRIVATE = "private, max-age=86400, immutable"  # of a picture that somebody asks with


router = APIRouter(route_class=PageRoute, include_in_schema=False)
router.include_router(atlas.router)
router.include_router(judging.router)


@router.get("/")
async def search_view(request: Request) -> Response:
    """Search: by words, a picture, products liked and not liked; filtered and weighed."""
    shop, page = shop_of(request), Page.of(request)
    view = await search(shop, _asked(request, shop), page.words)
    if page.wants_json:
        return page.json(view.as_json())
    template = "search_part.html.j2" if "part" in request.query_params else "search.html.j2"
    return await page.html(template, "search", view=view)


@router.get("/products/{id:path}")
async def product_page(request: Request, id: str, beside: str = "") -> Response:
    """A product, what looks like it, and how it compares with another."""
    page = Page.of(request)
    view = await product_view(shop_of(request), id, beside, page.words)
    return page.json(view.as_json()) if page.wants_json else await page.html("product.html.j2", "", view=view)


@router.post("/judgements")
async def keep_judgement(request: Request) -> Response:
    """Keep what somebody says of a hit; a form leads back to where it was said."""
    form = await request.form(max_files=0, max_fields=10)
    kind, first, second, grade = (str(form.get(name, "")).strip() for name in ("kind", "first", "second", "grade"))
    shop = shop_of(request)
    if kind not in HEADS or grade not in ("", "0", "1"):
        raise QuestionError(f"a judgement has a kind ({', '.join(HEADS)}) and a grade: 1, 0, or none to take it back.")
    rows_of(shop.store.snapshot, (first, second) if kind == "pairs" else (second,))
    if kind == PHOTOS:
        photo = await run_in_threadpool(named_file, shop.store.folder, first.removeprefix(f"{PHOTOS}/"))
        await run_in_threadpool(keep_photo, shop.store.folder, photo)
        first = photo_key(photo)
    await run_in_threadpool(judge, shop.store.folder, kind, first, second, float(grade) if grade else None)
    page = Page.of(request)
    return page.json({"grade": float(grade) if grade else None}) if page.wants_json else _back(request)


@router.post("/rules")
async def change_rule(request: Request) -> Response:
    """Pin or block a product beside another, or take that back; a form leads back to where it was done."""
    shop, fields = shop_of(request), await _fields(request)
    id, other, rule = (fields.get(name, "") for name in ("product", "other", "rule"))
    if rule not in RULES or id == other:
        raise QuestionError(f"a rule has two different products, and is one of {', '.join(RULES)}.")
    check_ids(shop.store.snapshot, (id, other))
    changed = await shop.write(partial(change_rules, shop.store.folder, lambda rules: RULES[rule](rules, id, [other])))
    page = Page.of(request)
    return page.json(changed.as_json()) if page.wants_json else _back(request)


@router.get("/judgements/{kind}.csv")
async def judgements(request: Request, kind: str) -> Response:
    """What was said of hits, as `sosie evaluate` and `sosie train` read it."""
    if kind not in HEADS:
        raise Problem(404, f"there are no judgements of the kind '{kind}'; there are {', '.join(HEADS)}.")
    content = as_csv(kind, await run_in_threadpool(read_judgements, shop_of(request).store.folder, kind))
    named = {"Content-Disposition": f'attachment; filename="{kind}.csv"', "Cache-Control": "no-cache"}
    return Response(content, headers=named, media_type="text/csv; charset=utf-8")


@router.post("/pictures")
async def keep_picture(request: Request) -> Response:
    """Keep a picture to ask with: a form leads on to its answers, a bare body gets the picture's name."""
    shop = shop_of(request)
    limit = shop.settings.picture_mb << 20
    is_form = request.headers.get("content-type", "").startswith("multipart/form-data")
    if is_form and not 0 < int(request.headers.get("content-length", "0") or 0) <= limit + (1 << 20):
        raise Problem(413, f"a picture may have {shop.settings.picture_mb} MB; give a smaller one.")
    if is_form:
        form = await request.form(max_files=1, max_fields=500)
        file = form.get("file")
        content = await file.read() if isinstance(file, UploadFile) else b""
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    else:
        content, pairs = await _body(request, limit, shop.settings.picture_mb), []
    if not content:
        raise PictureError("no picture was given; choose one.")
    name = await run_in_threadpool(keep_asked, shop.store.folder, content, shop.settings.picture_megapixels)
    if not is_form:
        return Page.of(request).json({"picture": name})
    asked = read_address([*pairs, *request.query_params.multi_items()], weights_of(shop.store.snapshot))
    return RedirectResponse(asked.but(picture=name, crop=None).address(), 303)


@router.get("/asked/{name}")
async def asked_picture(request: Request, name: str) -> Response:
    """A picture that somebody asks with."""
    asked = _asked(request, shop_of(request), picture=name)
    file = await run_in_threadpool(asked_file, shop_of(request).store.folder, asked.picture, asked.crop)
    return FileResponse(file, headers={"Cache-Control": PRIVATE}, media_type="image/jpeg")


@router.get("/pictures/{number}/{id:path}")
async def product_picture(request: Request, number: int, id: str, w: int = WIDTHS[1], v: str = "") -> Response:
    """A product's picture in one of the sizes that there are."""
    shop = shop_of(request)
    check_ids(shop.store.snapshot, (id,), 404)
    product = shop.store[id]
    if not 0 <= number < len(product.images):
        raise Problem(404, f"product '{id}' has {len(product.images)} pictures; there is no number {number}.")
    width = next((one for one in WIDTHS if one >= w), WIDTHS[-1])
    file = await run_in_threadpool(smaller, shop.store.folder, product.images[number], width)
    return FileResponse(file, headers={"Cache-Control": FOREVER if v else "no-cache"}, media_type="image/webp")


@router.get("/catalogue")
async def catalogue_page(request: Request, file: str = "") -> Response:
    """What the store holds, how an uploaded file would be read, what is wrong, what is being done."""
    shop, page = shop_of(request), Page.of(request)
    decided = decided_in(request.query_params.multi_items())
    view = await shop.run(partial(catalogue_view, shop, file, decided, page.words))
    if page.wants_json:
        return page.json(view.as_json())
    return await page.html("catalogue.html.j2", "catalogue", view=view, fields=MAPPABLE)


@router.post("/catalogue/files")
async def keep_file(request: Request) -> Response:
    """Keep a catalogue that somebody uploads; leads on to how it would be read."""
    page, store = Page.of(request), shop_of(request).store.folder
    form = await request.form(max_files=1, max_fields=5)
    sent = form.get("file")
    if not isinstance(sent, UploadFile):
        raise CatalogueError("no file was given; choose one.")
    name = await run_in_threadpool(keep_catalogue, store, sent.filename or "", await sent.read())
    if page.wants_json:
        return page.json({"file": name})
    return RedirectResponse(page.address("/catalogue", file=name), 303)


@router.post("/catalogue/build")
async def build_catalogue(request: Request) -> Response:
    """Begin to bring the store up to date with an uploaded file."""
    shop, fields = shop_of(request), await _fields(request)
    decided, removals = decided_in(list(fields.items())), bool(fields.get("allow_removals"))
    job = await shop.write(partial(start_build, shop, fields.get("file", ""), decided, removals))
    return _begun(request, job)


@router.post("/catalogue/check")
async def check_catalogue(request: Request) -> Response:
    """Begin to look for what is wrong with an uploaded file, or with the store's products."""
    shop, fields = shop_of(request), await _fields(request)
    job = await shop.write(partial(start_check, shop, fields.get("file", ""), decided_in(list(fields.items()))))
    return _begun(request, job)


@router.get("/static/{version}/{name}")
async def static(version: str, name: str) -> Response:
    """A style, a module or an icon of the page."""
    found = static_file(name)
    if found is None:
        raise Problem(404, f"there is no file '{name}'.")
    return found


async def _fields(request: Request) -> dict[str, str]:
    form = await request.form(max_files=0, max_fields=2_000)
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def _begun(request: Request, job: Job) -> Response:
    page = Page.of(request)
    return page.json(job.told()) if page.wants_json else RedirectResponse(page.link("/catalogue"), 303)


def _back(request: Request) -> Response:
    came = urlsplit(request.headers.get("referer", ""))
    path = came.path if came.netloc == request.headers.get("host", "") and came.path.startswith("/") else "/"
    return RedirectResponse("/" + path.lstrip("/") + (f"?{came.query}" if came.query else ""), 303)


def _asked(request: Request, shop: Shop, **more: str) -> Asked:
    pairs = [*request.query_params.multi_items(), *more.items()]
    return read_address(pairs, weights_of(shop.store.snapshot))


async def _body(request: Request, limit: int, megabytes: int) -> bytes:
    content = bytearray()
    async for block in request.stream():
        content += block
        if len(content) > limit:
            raise Problem(413, f"a picture may have {megabytes} MB; give a smaller one.")
    return bytes(content)
