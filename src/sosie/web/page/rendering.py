"""Views as HTML or JSON, and static files under an address that changes with them."""

import mimetypes
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sosie.errors import SosieError
from sosie.pages.render import money
from sosie.web.page.words import Words, words_for
from sosie.web.problems import status_of
from sosie.web.shop import Shop

if TYPE_CHECKING:
    from jinja2 import Environment

VIEWS: Mapping[str, str] = {"search": "/", "map": "/map", "catalogue": "/catalogue", "quality": "/quality"}  # the menu
FOREVER = "public, max-age=31536000, immutable"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept, Accept-Language"}


@dataclass(frozen=True, slots=True)
class Page:
    """What the frame of every view needs to know of a request."""

    request: Request
    words: Words

    @classmethod
    def of(cls, request: Request) -> "Page":
        """The page that answers a request, in its reader's language."""
        asked = request.query_params.get("lang", "")
        return cls(request, words_for(asked, request.headers.get("accept-language", "")))

    @property
    def wants_json(self) -> bool:
        """Whether plain values are asked for instead of a page."""
        asked = self.request.query_params.get("format", "")
        accepted = self.request.headers.get("accept", "")
        return asked == "json" or (not asked and "application/json" in accepted and "text/html" not in accepted)

    def link(self, path: str) -> str:
        """An address that keeps the language which was asked for."""
        return f"{path}?lang={self.words.asked}" if self.words.asked else path

    def address(self, path: str, **fields: str) -> str:
        """An address with some fields, in the language which was asked for."""
        named = {**fields, "lang": self.words.asked}
        return f"{path}?{urlencode([(name, value) for name, value in named.items() if value])}"

    def _here(self, **changes: str) -> str:
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name not in changes]
        path = self.request.scope.get("raw_path", b"/").decode("ascii").partition("?")[0]
        return f"{path}?{urlencode([*kept, *changes.items()])}"

    async def html(self, template: str, name: str, status: int = 200, **values: object) -> Response:
        """A view as a page. `name` is that of the menu."""

        def made() -> str:
            return (
                _environment()
                .get_template(template)
                .render(
                    t=self.words,
                    link=self.link,
                    address=self.address,
                    views=VIEWS.items(),
                    view_name=name,
                    translated=self._here(lang=self.words("other_code")),
                    twin=self._here(format="json") if status == 200 else "",
                    static=f"/static/{static_version()}",
                    **values,
                )
            )

        page = await run_in_threadpool(made)
        content = page.encode(errors="replace")  # lone surrogates of a damaged catalogue
        return HTMLResponse(content, status, HEADERS | {"Content-Language": self.words.code})

    def json(self, value: object, status: int = 200) -> Response:
        """The same as plain values."""
        kind = "application/json" if status == 200 else "application/problem+json"
        return Response(orjson.dumps(value), status, HEADERS, kind)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sosie.web.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": "{:,}".format}
    environment.globals |= {"money": money}
    return environment


@cache
def _static() -> Mapping[str, bytes]:
    """Static files by name, the style of sosie's other pages among them."""
    found = {one.name: one.read_bytes() for one in files("sosie.web.page").joinpath("static").iterdir()}
    return found | {"house.css": files("sosie.pages").joinpath("templates/style.css").read_bytes()}


@cache
def static_version() -> str:
    """Changes with any static file."""
    digest = blake2b(digest_size=6)
    for name, content in sorted(_static().items()):
        digest.update(name.encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def static_file(name: str) -> Response | None:
    """A static file, to be kept for ever under the address of its version; None where there is none."""
    content = _static().get(name)
    if content is None:
        return None
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
    return Response(content, 200, {"Cache-Control": FOREVER}, kind or "application/octet-stream")


class PageRoute(APIRoute):
    """A route whose errors are told as a page to people, as plain values to programs."""

    def get_route_handler(self) -> Handler:
        """The route's own handler, and what becomes of its errors."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except SosieError as error:
                return await _failure(request, error)

        return told


def shop_of(request: Request) -> Shop:
    """The open store of the service."""
    shop: Shop = request.app.state.shop
    return shop


async def _failure(request: Request, error: SosieError) -> Response:
    page = Page.of(request)
    status = status_of(error)
    if page.wants_json or request.method != "GET":
        return page.json({"type": "about:blank", "title": "", "status": status, "detail": str(error)}, status)
    heading = page.words("error.missing" if status == 404 else "search.wrong")
    template = "error_part.html.j2" if "part" in request.query_params else "error.html.j2"
    return await page.html(template, "", status, heading=heading, detail=str(error))
