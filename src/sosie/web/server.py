"""Processes that listen: one, or several over the same memory-mapped store."""

import os
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from sosie.config import Serving
from sosie.web.app import create_app

STORE, SERVING = "SOSIE_SERVE_STORE", "SOSIE_SERVE_SETTINGS"  # how a process tells its workers


def run_server(store: Path, serving: Serving) -> None:
    """Listen until told to stop. Raises StoreError where the store can't be opened."""
    os.environ[STORE] = str(store.resolve())
    os.environ[SERVING] = serving.model_dump_json()
    app: FastAPI | str = create_app(store, serving) if serving.workers == 1 else "sosie.web.server:worker"
    uvicorn.run(
        app,
        host=serving.host,
        port=serving.port,
        workers=serving.workers,
        factory=isinstance(app, str),
        access_log=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_graceful_shutdown=int(serving.deadline) + 1,
    )


def worker() -> FastAPI:
    """The application of one of several processes."""
    return create_app(Path(os.environ[STORE]), Serving.model_validate_json(os.environ[SERVING]))
