"""The application: routes, errors, and what opens and closes with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI

from sosie.config import Serving
from sosie.web import asking, looking, state
from sosie.web.problems import add_problems
from sosie.web.shop import Shop


def create_app(store: Path, serving: Serving | None = None) -> FastAPI:
    """The service over a store; without `serving` as the store's own settings say. Raises StoreError."""
    shop = Shop(store, serving)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
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
    app.state.shop = shop
    add_problems(app)
    app.include_router(state.router)
    app.include_router(asking.router)
    app.include_router(looking.router)
    if find_spec("sosie.web.page") and find_spec("sosie.web.page.router"):
        from importlib import import_module

        app.include_router(import_module("sosie.web.page.router").router)
    return app
