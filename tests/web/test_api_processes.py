"""Several processes at one address."""

import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection

import psutil
import pytest

from sosie.errors import SosieError
from sosie.web.listening import SPREADS, sockets_at


def test_sockets_of_one_address_spread_what_comes():
    sockets = sockets_at("127.0.0.1", 0, 3)
    try:
        addresses = {one.getsockname() for one in sockets}
        assert len(sockets) == 3
        assert len(addresses) == 1
        for one in dict.fromkeys(sockets):
            one.listen(100)
            one.setblocking(False)
        clients = [socket.create_connection(next(iter(addresses))) for _ in range(60)]
        taken = [0, 0, 0]
        time.sleep(0.1)
        for at, one in enumerate(sockets):
            while True:
                try:
                    one.accept()[0].close()
                except BlockingIOError:
                    break
                taken[at] += 1
        assert sum(taken) == 60
        if SPREADS:
            assert min(taken) > 0
        for client in clients:
            client.close()
    finally:
        for one in sockets:
            one.close()


@pytest.mark.parametrize("count", [1, 2])
def test_an_address_that_is_taken_is_told(count):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SosieError, match=f"127.0.0.1:{port} .*choose another --port"):
            sockets_at("127.0.0.1", port, count)


def test_a_service_of_two_processes_outlives_one_of_them(own_store):
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    command = [sys.executable, "-c", "from sosie.cli import main; main()", "serve", "--store", str(own_store)]
    server = subprocess.Popen([*command, "--port", str(port), "--workers", "2"], stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: status(port) == 200)
        workers = [one.pid for one in psutil.Process(server.pid).children() if "spawn_main" in " ".join(one.cmdline())]
        assert len(workers) == 2
        psutil.Process(workers[0]).kill()
        assert until(lambda: [status(port) for _ in range(20)] == [200] * 20)  # at whichever socket they arrive
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) in (0, -signal.SIGTERM)


def until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def status(port):
    """Of one question on a connection of its own; 0 where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
