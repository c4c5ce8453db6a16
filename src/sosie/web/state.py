"""How the service is: alive, ready."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

router = APIRouter()


@router.get("/health", tags=["operation"])
async def health() -> Response:
    """The process lives."""
    return JSONResponse({"status": "alive"})


@router.get("/ready", tags=["operation"])
async def ready(request: Request) -> Response:
    """The store is open and answers."""
    snapshot = request.app.state.shop.store.snapshot
    return JSONResponse({"status": "ready", "version": snapshot.version, "products": int(snapshot.alive.sum())})
