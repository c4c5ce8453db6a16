"""What every request passes: the host's name, its key and rate, its body's size and pace; and what is told of it.

One ASGI layer of plain steps: a question by id takes a millisecond, and a stack of layers would take as long.
"""

import asyncio
import os
import re
import time
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sosie.config import Serving
from sosie.errors import SosieError
from sosie.web.bodies import KB, MB
from sosie.web.entering import COOKIE
from sosie.web.keys import Key, KeyRing, Role
from sosie.web.logs import make_log, standard_error
from sosie.web.metrics import Metrics
from sosie.web.problems import Problem, headers_of, problem, status_of
from sosie.web.rates import Rates
from sosie.web.shop import Shop

OPEN = {"/health", "/ready", "/enter", "/docs/service.css", "/widget.js"}  # answered without a key
# POSTs that change nothing that is asked about
READING = {"/v1/search", "/v1/similarity", "/pictures", "/map/products"}
ADMIN = {"/v1/rollback"}
STREAMED = {"/v1/products:import"}  # bodies of any length, taken piece by piece
ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self' blob:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
FLUSHED = 0.5  # seconds until a line is written, at most
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="sosie"'}
LOCAL = {"localhost", "127.0.0.1", "::1", ""}


def keys_needed(serving: Serving) -> bool:
    """Whether requests need a key: as set, else unless only this machine is listened to."""
    return serving.keys == "on" or (serving.keys == "auto" and serving.host not in LOCAL)


class Gate:
    """Lets requests in, or answers them with a problem; writes a line and counts for each."""

    def __init__(self, app: ASGIApp, shop: Shop, metrics: Metrics) -> None:
        self._app, self._metrics, self._settings = app, metrics, shop.settings
        self._keys = KeyRing(shop.store.folder) if keys_needed(shop.settings) else None
        self._rates = Rates(shop.settings.rate, shop.settings.burst)
        self._names = {name.casefold() for name in (*shop.settings.hosts, shop.settings.host)} | LOCAL
        self._lines = standard_error()
        self._log = make_log(self._lines)
        self._flushing = False
        self._safe = _safe_headers(shop.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
                self._lines.flush()
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "").encode()
        request_id = given if ID.fullmatch(given) else os.urandom(8).hex().encode()
        scope["request_id"] = request_id.decode()
        added = [(b"x-request-id", request_id), *self._safe]
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in there)]
            await send(message)

        try:
            self._check_host(scope, headers)
            scope["key"] = self._let_in(scope, headers)
            if scope["method"] not in ("GET", "HEAD"):
                receive = self._measured(scope["path"], headers, receive)
            await self._app(scope, receive, sending)
        except SosieError as error:
            if not status:
                told = problem(
                    status_of(error),
                    str(error),
                    request_id=scope["request_id"],
                    headers=headers_of(error),
                )
                await told(scope, receive, sending)
        except Exception:
            self._log.exception("failed", id=scope["request_id"], route=_route(scope))
            if not status:
                told = problem(
                    500,
                    f"something failed here; the log says what, under {scope['request_id']}.",
                    request_id=scope["request_id"],
                )
                await told(scope, receive, sending)
        finally:
            self._tell(scope, status, time.perf_counter() - started)

    def _check_host(self, scope: Scope, headers: Headers) -> None:
        """Raise Problem where the service is called by a name that isn't its own, or for a page of another site."""
        host = headers.get("host", "")
        name = _name(host)
        if name not in self._names and not _is_address(name):
            raise Problem(421, f"this service isn't called {name!r}; name it in the setting serve.hosts.")
        origin = headers.get("origin")
        if origin is None or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        if origin not in self._settings.origins and urlsplit(origin).netloc != host:
            raise Problem(403, f"pages of {origin} may not call this service; name it in the setting serve.origins.")

    def _let_in(self, scope: Scope, headers: Headers) -> Key | None:
        """The key that a request shows. Raises Problem: none, revoked, not enough, too often."""
        path, method = scope["path"], scope["method"]
        key = None
        if self._keys is not None and path not in OPEN:
            shown = _shown(headers)
            key = self._keys.find(shown) if shown else None
            if key is None and method == "GET" and "text/html" in headers.get("accept", ""):
                raise Problem(303, "this needs a key.", {"Location": f"/enter?{urlencode({'to': path})}"})
            if key is None:
                why = "this key is unknown or was revoked" if shown else "this needs a key"
                raise Problem(401, f"{why}; send Authorization: Bearer KEY (made by: sosie key add NAME).", CHALLENGE)
            role = role_for(method, path)
            if not key.may(role):
                raise Problem(403, f"the key '{key.name}' may {key.role}; this needs one that may {role}.")
        caller = key.name if key is not None else (scope.get("client") or ("",))[0]
        wait = self._rates.wait(caller)
        if wait:
            seconds = int(wait) + 1
            raise Problem(429, f"too many requests; ask again in {seconds} s.", {"Retry-After": str(seconds)})
        return key

    def _measured(self, path: str, headers: Headers, receive: Receive) -> Receive:
        """The body as it comes, as long as it is short enough and doesn't pause for too long."""
        settings = self._settings
        most = settings.picture_mb * MB + settings.body_kb * KB
        bounded = path not in STREAMED
        said = headers.get("content-length", "")
        too_much = f"the body is larger than {most:,} bytes, the most that is taken here."
        if bounded and said.isdigit() and int(said) > most:
            raise Problem(413, too_much)
        taken, whole = 0, False

        async def measured() -> Message:
            nonlocal taken, whole
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), settings.body_seconds)
            except TimeoutError:
                pause = settings.body_seconds
                raise Problem(408, f"no byte of the body came for {pause:g} s; send it again.") from None
            taken += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if bounded and taken > most:
                raise Problem(413, too_much)
            return message

        return measured

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.count(scope["method"], route, status, seconds)
        more = {}
        if self._settings.log_questions:
            more = {"path": scope["path"], "query": scope["query_string"].decode(errors="replace")}
        key = scope.get("key")
        self._log.info(
            "request",
            id=scope["request_id"],
            method=scope["method"],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            by=key.name if key is not None else None,
            **more,
        )
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSHED, self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._lines.flush()


def role_for(method: str, path: str) -> Role:
    """What a caller has to be allowed."""
    if path in ADMIN:
        return "admin"
    return "read" if method in ("GET", "HEAD", "OPTIONS") or path in READING else "write"


def _shown(headers: Headers) -> str:
    kind, _, secret = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and secret:
        return secret.strip()
    if "x-api-key" in headers:
        return headers["x-api-key"]
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].casefold()


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "")) or "none"


def _safe_headers(serving: Serving) -> list[tuple[bytes, bytes]]:
    shared = "cross-origin" if serving.origins else "same-origin"
    told = {
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": shared,
        "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    }
    return [(name.encode(), value.encode()) for name, value in told.items()]
