"""Downloads from a real server on this machine, and refusals of what isn't public."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from sosie.errors import PictureError
from sosie.media import Downloads, download_pictures, open_picture
from sosie.media.download import is_public


def jpeg() -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "JPEG")
    return out.getvalue()


class Shop(BaseHTTPRequestHandler):
    seen: Counter[str]

    def do_GET(self) -> None:
        self.seen[self.path] += 1
        times = self.seen[self.path]
        name = self.path.partition("?")[0]
        match name:
            case "/slow.jpg":
                self.answer(200, [b"x"] * 50, 0.05)
            case "/drip.jpg":
                self.drip(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100)
            case "/drip-body.jpg":
                self.drip(b"5;" + b"x" * 100, head=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            case "/busy.jpg" if times < 3:
                self.answer(503, [])
            case "/always-busy.jpg":
                self.answer(503, [])
            case "/later.jpg" if times < 2:
                self.answer(429, [], headers={"Retry-After": "0"})
            case "/gone.jpg":
                self.answer(404, [])
            case "/page.jpg":
                self.answer(200, [b"<html>sign in</html>"])
            case "/empty.jpg":
                self.answer(200, [])
            case "/large.jpg":
                self.answer(200, [jpeg(), bytes(5000)])
            case "/announced.jpg":
                self.answer(200, [], headers={"Content-Length": "999999999"})
            case "/packed.jpg":
                self.answer(200, [jpeg()], headers={"Content-Encoding": "gzip"})
            case "/moved.jpg":
                self.answer(302, [], headers={"Location": "/here.jpg"})
            case "/loop.jpg":
                self.answer(302, [], headers={"Location": "/loop.jpg"})
            case "/file.jpg":
                self.answer(302, [], headers={"Location": "file:///etc/passwd"})
            case "/cut.jpg":
                self.answer(200, [jpeg()[:100]], headers={"Content-Length": str(len(jpeg()))})
            case _:
                self.answer(200, [jpeg()])

    def answer(self, status: int, blocks: list[bytes], pause: float = 0, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for block in blocks:
                self.wfile.write(block)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            return

    def drip(self, text: bytes, head: bytes = b"") -> None:
        """A byte at a time, and then silence: never an answer, always a sign of life."""
        try:
            self.wfile.write(head)
            for byte in text:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.03)
        except OSError:
            return
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def shop() -> Iterator[tuple[str, Counter[str]]]:
    handler = type("Handler", (Shop,), {"seen": Counter()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.seen
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(urls: list[str], folder: Path, **settings: object) -> Downloads:
    return download_pictures(urls, folder, allow_private=True, pause=0.01, **settings)  # type: ignore[arg-type]


def test_pictures_are_fetched_once_and_kept(tmp_path: Path, shop: tuple[str, Counter[str]]) -> None:
    base, seen = shop
    urls = [f"{base}/a.jpg", f"{base}/b.png?size=3", f"{base}/a.jpg", f"{base}/picture"]
    told: list[tuple[str, int, int | None]] = []
    out = fetch(urls, tmp_path / "new", progress=lambda *step: told.append(step))
    assert set(out.files) == set(urls)
    assert out.problems == {}
    assert len(set(out.files.values())) == 3
    assert all(open_picture(file).size == (40, 30) for file in out.files.values())
    assert [step[1:] for step in told] == [(1, 3), (2, 3), (3, 3)]
    before = dict(seen)
    assert fetch(urls, tmp_path / "new") == out
    assert dict(seen) == before
    assert len(list((tmp_path / "new").iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone.jpg", "404"),
        ("page.jpg", "web page"),
        ("empty.jpg", "empty"),
        ("large.jpg", "more than the 4,000 bytes"),
        ("announced.jpg", "999,999,999 bytes"),
        ("packed.jpg", "compressed"),
        ("loop.jpg", "redirected more than"),
        ("file.jpg", "only http and https"),
        ("slow.jpg", "longer than 0.5 s"),
        ("drip.jpg", "longer than 0.5 s"),
        ("drip-body.jpg", "longer than 0.5 s"),
        ("always-busy.jpg", "503"),
    ],
)
def test_what_fails_is_named_and_leaves_nothing(
    tmp_path: Path, shop: tuple[str, Counter[str]], name: str, reason: str
) -> None:
    url = f"{shop[0]}/{name}"
    out = fetch([url, f"{shop[0]}/good.jpg"], tmp_path, max_bytes=4000, timeout=0.5, retries=1)
    assert reason in out.problems[url]
    assert list(out.files) == [f"{shop[0]}/good.jpg"]
    assert len(list(tmp_path.iterdir())) == 1


def test_busy_servers_are_tried_again_and_broken_answers_too(tmp_path: Path, shop: tuple[str, Counter[str]]) -> None:
    base, seen = shop
    out = fetch([f"{base}/busy.jpg", f"{base}/later.jpg", f"{base}/cut.jpg", f"{base}/gone.jpg"], tmp_path)
    assert set(out.files) == {f"{base}/busy.jpg", f"{base}/later.jpg"}
    assert (seen["/busy.jpg"], seen["/later.jpg"], seen["/cut.jpg"], seen["/gone.jpg"]) == (3, 2, 4, 1)


def test_redirects_are_followed(tmp_path: Path, shop: tuple[str, Counter[str]]) -> None:
    out = fetch([f"{shop[0]}/moved.jpg"], tmp_path)
    assert out.problems == {}
    assert shop[1]["/here.jpg"] == 1


def test_private_hosts_are_refused(tmp_path: Path, shop: tuple[str, Counter[str]]) -> None:
    port = shop[0].rpartition(":")[2]
    hosts = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]", "169.254.169.254"]
    urls = [f"http://{host}:{port}/a.jpg" for host in hosts]
    out = download_pictures(urls, tmp_path, retries=0, timeout=2)
    assert out.files == {}
    assert set(out.problems) == set(urls)
    assert all("not a public address" in out.problems[url] for url in urls if "2130706433" not in url)
    assert not shop[1]


def test_a_redirect_to_a_private_host_is_refused(
    tmp_path: Path, shop: tuple[str, Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first host counts as public, the one it redirects to does not.
    import sosie.media.download as module

    answers = iter([True, False])
    monkeypatch.setattr(module, "is_public", lambda address: next(answers))
    monkeypatch.setattr(Shop, "do_GET", lambda self: self.answer(302, [], 0, {"Location": "http://localhost:1/x.jpg"}))
    out = download_pictures([f"{shop[0]}/a.jpg"], tmp_path, retries=0)
    assert "not a public address" in out.problems[f"{shop[0]}/a.jpg"]


def test_the_address_that_was_checked_is_the_one_connected_to(
    tmp_path: Path, shop: tuple[str, Counter[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    import sosie.media.download as module

    port = int(shop[0].rpartition(":")[2])
    asked: list[str] = []

    def look_up(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(module.socket, "getaddrinfo", look_up)
    checked: list[str] = []
    monkeypatch.setattr(module, "is_public", lambda address: checked.append(address) is None)
    out = download_pictures([f"http://shop.example:{port}/a.jpg"], tmp_path, retries=0)
    assert out.problems == {}
    assert checked == ["127.0.0.1"]
    assert asked.count("shop.example") == 1


@pytest.mark.parametrize(
    "url", ["ftp://a/b.jpg", "file:///etc/passwd", "a.jpg", "http://", "http://[bad/", "", "http://a b/"]
)
def test_odd_addresses_are_named(tmp_path: Path, url: str) -> None:
    out = download_pictures([url], tmp_path, retries=0)
    assert out.files == {}
    assert out.problems[url]


def test_unknown_hosts_are_named(tmp_path: Path) -> None:
    out = download_pictures(["http://no-such-host.invalid/a.jpg"], tmp_path, retries=0)
    assert "can't be found" in out.problems["http://no-such-host.invalid/a.jpg"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(PictureError, match="taken"):
        download_pictures([], tmp_path / "taken")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("127.9.9.9", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public
