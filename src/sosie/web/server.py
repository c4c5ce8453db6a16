"""Processes that listen: one, or several over the same memory-mapped store."""

import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from sosie.config import Serving
from sosie.errors import SosieError
from sosie.web.keys import list_keys
from sosie.web.listening import listen

STORE, SERVING = "SOSIE_SERVE_STORE", "SOSIE_SERVE_SETTINGS"  # how a process tells its workers
COUNTS = "PROMETHEUS_MULTIPROC_DIR"  # where they add up what they count
SWITCH = 0.001  # seconds after which a thread lets another go on: the loop must not wait for answers being made
IDLE = 75  # seconds for which an unused connection is kept: longer than proxies keep theirs


def run_server(store: Path, serving: Serving, tell: Callable[[str], None]) -> None:
    """Listen until told to stop; what was begun is answered first. `tell` is given the address once all is well.

    Raises StoreError where the store can't be opened; SosieError where keys are needed and there are none, and where
    somebody else listens at the address.
    """
    from sosie.web.app import create_app
    from sosie.web.gate import keys_needed

    if keys_needed(serving) and not list_keys(store):
        raise SosieError(
            f"{serving.host} is reached from other machines, so requests need a key, and there is none yet. Make one: "
            f"sosie key add NAME --store {store} (or say --keys off where something else guards the service)."
        )
    with tempfile.TemporaryDirectory(prefix="sosie-counts-") as counts:
        if serving.workers > 1:
            os.environ |= {STORE: str(store.resolve()), SERVING: serving.model_dump_json(), COUNTS: counts}
        app: FastAPI | str = (
            create_app(store, serving, warm=True) if serving.workers == 1 else "sosie.web.server:worker"
        )
        shown = f"[{serving.host}]" if ":" in serving.host else serving.host
        tell(f"http://{shown}:{serving.port}")
        sys.setswitchinterval(SWITCH)
        signal.signal(signal.SIGTERM, _ended)  # uvicorn answers what was begun, then raises the signal again
        config = uvicorn.Config(
            app,
            factory=isinstance(app, str),
            host=serving.host,
            port=serving.port,
            workers=serving.workers,
            access_log=False,
            server_header=False,
            log_level="warning",
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=int(serving.deadline) + 1,
        )
        with suppress(KeyboardInterrupt):
            listen(config)


def _ended(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def worker() -> FastAPI:
    """The application of one of several processes."""
    from sosie.web.app import create_app

    sys.setswitchinterval(SWITCH)
    return create_app(Path(os.environ[STORE]), Serving.model_validate_json(os.environ[SERVING]), warm=True)
