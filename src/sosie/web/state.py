"""How the service is: alive, ready, and in numbers."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sosie.web.problems import Problem
from sosie.web.shop import Shop

router = APIRouter(tags=["operation"])


@router.get("/health")
async def health() -> Response:
    """The process lives."""
    return JSONResponse({"status": "alive"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """The store is open and answers."""
    shop: Shop = request.app.state.shop
    snapshot = shop.store.snapshot
    if shop.trouble:
        await shop.open()  # it may have been mended
    if not shop.ready:
        raise Problem(503, "the store is being opened; ask again in a second.", {"Retry-After": "1"})
    return JSONResponse({"status": "ready", "version": snapshot.version, "products": int(snapshot.alive.sum())})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Counts and gauges for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
