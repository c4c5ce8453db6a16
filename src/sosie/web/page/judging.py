"""The addresses of quality: two weightings side by side, and reports."""

from functools import partial

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from sosie.web.page.quality import KINDS, quality_view, report_file, start_report
from sosie.web.page.rendering import Page, PageRoute, shop_of

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/quality")
async def quality_page(request: Request) -> Response:
    """One question answered two ways, and how good the answers are."""
    page = Page.of(request)
    view = await quality_view(shop_of(request), request.query_params.multi_items(), page.words)
    if page.wants_json:
        return page.json(view.as_json())
    return await page.html("quality.html.j2", "quality", view=view, kinds=KINDS)


@router.post("/quality/reports")
async def make_report(request: Request) -> Response:
    """Begin to judge the store's answers."""
    shop, page = shop_of(request), Page.of(request)
    form = await request.form(max_files=0, max_fields=4)
    kind, label = str(form.get("kind", "")), str(form.get("label", ""))
    job = await shop.write(partial(start_report, shop, kind, label))
    return page.json(job.told()) if page.wants_json else RedirectResponse(page.link("/quality"), 303)


@router.get("/quality/reports/{name}")
async def report(request: Request, name: str) -> Response:
    """A report that was made: a page of its own, which runs and loads nothing."""
    file = report_file(shop_of(request).store.folder, name)
    content = await run_in_threadpool(file.read_bytes)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "private, max-age=86400"}
    return Response(content, headers=headers, media_type="text/html; charset=utf-8")
