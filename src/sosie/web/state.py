"""How the service is: alive, ready, and in numbers."""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, PlainTextResponse, Response

router = APIRouter(tags=["operation"])


@router.get("/health")
async def health() -> Response:
    """The process lives."""
    return JSONResponse({"status": "alive"})


@router.get("/ready")
async def ready(request: Request) -> Response:
    """The store is open and answers."""
    snapshot = request.app.state.shop.store.snapshot
    return JSONResponse({"status": "ready", "version": snapshot.version, "products": int(snapshot.alive.sum())})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Counts and gauges for Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
