"""Pictures from the network: public addresses only, within limits, kept under the name of their address."""

import ipaddress
import os
import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx

from sosie.errors import PictureError
from sosie.media.picture import check_header
from sosie.types import Progress

REDIRECTS = 5
LONGEST_PAUSE = 30.0  # seconds a server may ask us to wait before the next try
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp", ".tif", ".tiff"})
HEADERS = [("User-Agent", "sosie"), ("Accept", "image/*"), ("Accept-Encoding", "identity")]
FAILED = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)
MOVED = frozenset({301, 302, 303, 307, 308})
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Downloads:
    """What came of a list of addresses: the file of each picture, or the reason why there is none."""

    files: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def download_pictures(
    urls: Iterable[str],
    folder: Path,
    *,
    allow_private: bool = False,
    max_bytes: int = 20_000_000,
    timeout: float = 20.0,
    retries: int = 3,
    pause: float = 0.5,
    workers: int = 16,
    progress: Progress | None = None,
) -> Downloads:
    """Fetch each address once into `folder`; those that are there from an earlier run are not fetched again.

    Only http and https; a host is looked up once for each connection and every address it has must be public
    (unless `allow_private`), at redirects too; proxies of the environment are not used. A picture may have
    `max_bytes` and `timeout` seconds in all, whatever the server drips; failed connections and busy servers are tried
    `retries` times more, after `pause` seconds, then twice that. Raises PictureError only when the folder can't be
    written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{folder}: pictures can't be kept here ({error.strerror}).") from error
    out = Downloads()
    distinct = list(dict.fromkeys(urls))
    limits = _Limits(max_bytes, timeout, retries, pause)
    network = _CheckedNetwork(allow_private)
    with (
        httpcore.ConnectionPool(
            httpx.create_ssl_context(), max_connections=workers, network_backend=network
        ) as connections,
        _pool(workers) as pool,
    ):
        for url, result in _as_done(pool, connections, distinct, folder, limits):
            if isinstance(result, Path):
                out.files[url] = str(result)
            else:
                out.problems[url] = result
            if progress is not None:
                progress("fetching pictures", len(out.files) + len(out.problems), len(distinct))
    return out


@dataclass(frozen=True, slots=True)
class _Limits:
    max_bytes: int
    timeout: float
    retries: int
    pause: float

    def waits(self) -> dict[str, float]:
        """The longest wait of each step, as httpcore takes them; a place among the connections may take long."""
        step = min(self.timeout, 10.0)
        return {"connect": step, "read": step, "write": step}


class _RefusedError(Exception):
    """A reason that trying again won't change."""


class _BusyError(Exception):
    """A reason to try again, after `pause` seconds where the server named them."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="sosie-download")
    try:
        yield pool
    finally:  # an interrupt drops what has not begun
        pool.shutdown(wait=True, cancel_futures=True)


def _as_done(
    pool: ThreadPoolExecutor, connections: httpcore.ConnectionPool, urls: list[str], folder: Path, limits: _Limits
) -> Iterator[tuple[str, Path | str]]:
    # A window of tasks, not one for each address: a catalogue may name millions.
    waiting = iter(urls)
    running: dict[Future[Path | str], str] = {}
    while True:
        for url in islice(waiting, 200 - len(running)):
            running[pool.submit(_picture, connections, url, folder, limits)] = url
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def _picture(connections: httpcore.ConnectionPool, url: str, folder: Path, limits: _Limits) -> Path | str:
    try:
        file = folder / _file_name(url)
        if file.is_file():
            return file
        for attempt in range(limits.retries + 1):
            try:
                _fetch(connections, url, file, limits)
                return file
            except (_BusyError, *FAILED) as error:
                if attempt == limits.retries:
                    return _reason(error)
                named = error.pause if isinstance(error, _BusyError) else None
                time.sleep(min(named or limits.pause * 2**attempt * random.uniform(1, 1.5), LONGEST_PAUSE))
    except (_RefusedError, PictureError) as error:
        return str(error)
    except OSError as error:
        return f"can't be kept ({error.strerror or error})"
    except (httpx.InvalidURL, ValueError) as error:
        return _reason(error)
    return "was not fetched"


def _fetch(connections: httpcore.ConnectionPool, url: str, file: Path, limits: _Limits) -> None:
    _now.fetching = _Until(time.monotonic() + limits.timeout, limits.timeout)
    target = httpx.URL(url)
    for _ in range(REDIRECTS + 1):
        if target.scheme not in ("http", "https") or not target.host:
            raise _RefusedError(f"only http and https addresses are fetched, not {str(target)[:80]!r}")
        address = httpcore.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        with connections.stream("GET", address, headers=HEADERS, extensions={"timeout": limits.waits()}) as answer:
            headers = httpx.Headers(answer.headers)
            if answer.status in MOVED and "Location" in headers:
                target = target.join(headers["Location"])
                continue
            if answer.status in AGAIN:
                raise _BusyError(f"the server answered {answer.status}", _seconds(headers.get("Retry-After")))
            if answer.status != 200:
                raise _RefusedError(f"the server answered {answer.status}")
            _check_headers(headers, limits)
            _keep(answer.iter_stream(), file, url, limits)
            return
    raise _RefusedError(f"redirected more than {REDIRECTS} times")


def _check_headers(headers: httpx.Headers, limits: _Limits) -> None:
    if headers.get("Content-Encoding", "identity") != "identity":
        raise _RefusedError("the server sent it compressed though asked not to")
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) > limits.max_bytes:
        raise _RefusedError(f"has {int(length):,} bytes, more than the {limits.max_bytes:,} that are fetched")


def _keep(blocks: Iterable[bytes], file: Path, url: str, limits: _Limits) -> None:
    size = 0
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".new-", delete=False) as beside:
        new = Path(beside.name)
        try:
            for block in blocks:
                size += len(block)
                if size > limits.max_bytes:
                    raise _RefusedError(f"has more than the {limits.max_bytes:,} bytes that are fetched")
                beside.write(block)
            beside.flush()
            os.fsync(beside.fileno())
            check_header(new, url)
            new.replace(file)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def _file_name(url: str) -> str:
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return blake2b(url.encode(), digest_size=16).hexdigest() + (suffix if suffix in SUFFIXES else ".img")


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isascii() and retry_after.isdigit() else None


def _reason(error: Exception) -> str:
    if isinstance(error, httpcore.TimeoutException):
        return "the server did not answer in time"
    return str(error) or type(error).__name__


# Connections to checked addresses, that end in time

_now = threading.local()  # .fetching: the _Until of what this thread fetches; connections go from thread to thread


@dataclass(frozen=True, slots=True)
class _Until:
    end: float  # on the monotonic clock
    seconds: float

    def left(self) -> float:
        """Seconds that are left. Raises _RefusedError when there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise _RefusedError(f"took longer than {self.seconds:g} s")
        return left


class _Timed(httpcore.NetworkStream):
    """Ends when the time of a whole download is over; httpcore knows the longest wait of each read only."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes next. Raises _RefusedError when the time is over."""
        until: _Until = _now.fetching
        left = until.left()
        try:
            return self._stream.read(max_bytes, left if timeout is None else min(timeout, left))
        except httpcore.ReadTimeout:
            until.left()
            raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 (whatever httpcore asks for)
        """What is known of the connection."""
        return self._stream.get_extra_info(info)


class _CheckedNetwork(httpcore.SyncBackend):
    """Connects to the very address that was checked, so that a second look-up can't give another one."""

    def __init__(self, allow_private: bool) -> None:
        super().__init__()
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that answers. Raises _RefusedError when one is not public."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the host {host!r} can't be found") from error
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        if not self._allow_private:
            for address in addresses:
                if not is_public(address):
                    raise _RefusedError(f"the host {host!r} is at {address}, which is not a public address")
        problem: Exception | None = None
        for address in addresses:
            try:
                return _Timed(super().connect_tcp(address, port, timeout, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem or httpcore.ConnectError(f"the host {host!r} has no address")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, the IPv4 address inside an IPv6 one looked at too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast
