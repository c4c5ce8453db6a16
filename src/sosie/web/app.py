"""The application: routes, errors, and what opens and closes with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Match, Route
from starlette.types import Scope

from sosie.config import Serving
from sosie.errors import SosieError
from sosie.web import asking, describing, entering, looking, ruling, state, widget, writing
from sosie.web.gate import Gate
from sosie.web.metrics import Metrics
from sosie.web.problems import add_problems
from sosie.web.shop import Shop

ROUTES = (state, asking, writing, ruling, looking, describing, entering, widget)  # the page's aside


def create_app(store: Path, serving: Serving | None = None, *, warm: bool = False) -> FastAPI:
    """The service over a store; without `serving` as the store's own settings say. Raises StoreError.

    With `warm` the encoders are opened as it starts, else with the first words or picture that somebody asks with.
    """
    shop = Shop(store, serving)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(shop.warm() if warm else shop.open())
        yield
        warming.cancel()
        with suppress(asyncio.CancelledError, SosieError):  # /ready tells what went wrong
            await warming
        shop.close()

    app = FastAPI(
        title="sosie",
        summary="Which of a shop's products are alike, and why.",
        version=version("sosie"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.shop, app.state.metrics = shop, Metrics(shop)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=4)
    app.add_middleware(Gate, shop=shop, metrics=app.state.metrics)
    if shop.settings.origins:  # outermost: what a browser asks beforehand has no key, and problems are shown to it, too
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(shop.settings.origins),
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Api-Key", "X-Request-Id", "If-None-Match"],
            expose_headers=["ETag", "X-Request-Id", "Retry-After"],
            max_age=3_600,
        )
    add_problems(app)
    for routes in ROUTES:
        app.include_router(routes.router)
    # Once more, first and bare: FastAPI's own steps before a route would take this question's time once again.
    app.router.routes.insert(0, _Bare("/v1/products/{id:path}/similar", asking.similar))
    if find_spec("sosie.web.page") and find_spec("sosie.web.page.router"):
        from importlib import import_module

        app.include_router(import_module("sosie.web.page.router").router)
    return app


class _Bare(Route):
    """A route that tells what it is, as those of FastAPI do."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is this route's, and what follows from that."""
        match, told = super().matches(scope)
        return match, {**told, "route": self}
