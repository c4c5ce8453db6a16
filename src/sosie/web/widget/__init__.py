"""The widget: one script that puts look-alikes on a shop's product page, from whatever origin that page is."""

from functools import cache
from hashlib import blake2b
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

router = APIRouter(include_in_schema=False)
HEADERS = {
    "Cache-Control": "public, max-age=86400, stale-while-revalidate=604800",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@router.get("/widget.js")
async def widget(request: Request) -> Response:
    """The script, open to every page; what it asks for afterwards needs an origin that is allowed, and a key."""
    script, tag = _script()
    headers = HEADERS | {"ETag": tag}
    if tag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(script, headers=headers, media_type="text/javascript")


@cache
def _script() -> tuple[bytes, str]:
    content = files("sosie.web.widget").joinpath("widget.js").read_bytes()
    return content, f'W/"{blake2b(content, digest_size=9).hexdigest()}"'
