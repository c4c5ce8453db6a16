"""A little shop behind the service: built once, copied where a test writes to it."""

import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

import sosie
from sosie.config import Serving
from sosie.web.app import create_app

sys.path.append(str(Path(__file__).parents[1] / "engine"))

from little_shop import catalogue


@pytest.fixture(scope="session")
def shop_folder(tmp_path_factory):
    """Thirty products of three kinds and five colours, with pictures."""
    folder = tmp_path_factory.mktemp("shop")
    changes = {"p7": {"brand": "<script>alert(1)</script>"}, "p8": {"brand": "Acme"}}
    sosie.build(catalogue(folder, **changes), folder / "store")
    return folder


@pytest.fixture(scope="session")
def store(shop_folder):
    """The store, to be read only."""
    return shop_folder / "store"


@pytest.fixture
def own_store(store, tmp_path):
    """A copy of the store, to be written to."""
    return Path(shutil.copytree(store, tmp_path / "store"))


@pytest.fixture
def client(store):
    """A client of the service on this machine, without keys."""
    yield from serve(store)


def serve(store, **settings):
    """A client of a service with such settings."""
    from starlette.testclient import TestClient

    app = create_app(store, Serving(**{"deadline": 120.0} | settings))  # whatever else the machine does
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@contextmanager
def listening(store, **settings):
    """A server that really listens, in a thread; yields its address."""
    config = uvicorn.Config(
        create_app(store, Serving(**{"deadline": 120.0} | settings)), port=0, log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
