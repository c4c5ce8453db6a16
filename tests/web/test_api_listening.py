"""A server that really listens: bodies that crawl, clients that leave, more questions than it takes, its end."""

import json
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest
from conftest import listening


def connected(address):
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def ask(address, path="/v1/products/p0/similar", method="GET", body=None, headers=None):
    connection = HTTPConnection(address.removeprefix("http://"), timeout=60)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), told


def head(length, kind=b"application/json"):
    return b"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
        kind,
        length,
    )


def test_a_body_that_crawls(store):
    with listening(store, body_seconds=0.3) as address, connected(address) as line:
        line.sendall(head(100) + b'{"text": ')
        assert line.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert ask(address)[0] == 200


def test_a_body_that_is_said_to_be_huge(store):
    with listening(store) as address, connected(address) as line:
        line.sendall(head(10**12))
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_clients_that_leave(store):
    with listening(store) as address:
        for sent in (b"GET /v1/prod", head(100) + b'{"text"', head(16) + b'{"text": "lamp"}'):
            with connected(address) as line:
                line.sendall(sent)
        with connected(address) as line:
            line.sendall(b"GET /v1/products/p0/similar HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert ask(address)[0] == 200


def test_more_questions_than_it_takes(store):
    with listening(store, queue=2, threads=1) as address, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask(address), range(200)))
        taken = [json.loads(told) for status, _, told in answers if status == 200]
        refused = [headers for status, headers, _ in answers if status == 429]
        assert len(taken) + len(refused) == 200
        assert taken
        assert all(len(told["hits"]) == 10 for told in taken)
        assert refused
        assert all(headers["retry-after"] == "1" for headers in refused)
        assert ask(address)[0] == 200


def test_an_answer_that_takes_too_long(store, monkeypatch):
    monkeypatch.setattr("sosie.web.shop.answer", lambda *_: time.sleep(1))
    with listening(store, deadline=0.2) as address:
        status, headers, told = ask(address)
        assert status == 503
        assert "longer than 0.2 s" in json.loads(told)["detail"]
        assert headers["retry-after"]


@pytest.fixture
def process(own_store, tmp_path):
    """`sosie serve` as an operator starts it; its address and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from sosie.cli import main; main()", "serve", "--store", str(own_store)]
    settings = tmp_path / "sosie.toml"
    settings.write_text("[serve]\ndeadline = 120\n")
    with subprocess.Popen([*command, "--port", str(port), "--config", str(settings)], stderr=subprocess.PIPE) as server:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 90
        while time.monotonic() < until:
            try:
                if ask(address, "/ready")[0] == 200:
                    break
            except OSError:
                time.sleep(0.1)
        yield address, server, own_store
        server.kill()


def test_a_process_serves_and_ends_when_told(process):
    address, server, store = process
    body = json.dumps({"text": "green lamp", "limit": 1})
    status, _, told = ask(address, "/v1/search", "POST", body, {"Content-Type": "application/json"})
    assert (status, json.loads(told)["hits"][0]["title"][:10]) == (200, "green lamp")
    maps = Path(f"/proc/{server.pid}/maps")
    assert not maps.exists() or "libtorch" not in maps.read_text()  # it isn't needed, and takes seconds to load
    put = json.dumps({"title": "a lamp that stays"})
    assert ask(address, "/v1/products/stays", "PUT", put, {"Content-Type": "application/json"})[0] == 201
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == 0
    lines = [json.loads(line) for line in server.stderr.read().splitlines() if line.startswith(b"{")]
    assert {"PUT", "POST"} <= {line["method"] for line in lines}

    import sosie

    assert sosie.open(store)["stays"].title == "a lamp that stays"
