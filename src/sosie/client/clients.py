"""The two clients: the same calls, one waiting for each answer, one for asyncio."""

import asyncio
import random
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar, Unpack

import httpx
import orjson

from sosie.client import calls
from sosie.client.answers import Answer, Facets, Imported, Job, Rules, Similarity, Suggestion, Written
from sosie.client.calls import Call, ClientError, Options, Picture, Told, problem_of
from sosie.types import Product

T = TypeVar("T")
BUSY = (429, 503)  # answers after which the same may be asked again
LOST = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
FIRST, LONGEST = 0.2, 30.0  # seconds of the first pause, doubled each time, and of the longest
TIMEOUT, RETRIES = 10.0, 4
SENT = {"Content-Type": calls.NDJSON}


class Client:
    """Asks a service at an address, such as "http://127.0.0.1:8600"; may be shared by threads.

    `timeout` in seconds is for each answer. A service that is busy or doesn't answer is asked again up to `retries`
    times, after growing pauses or when it says. Every method raises ClientError with what the service says.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=url, headers=_headers(key), timeout=timeout, transport=transport)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def similar(self, id: str, **options: Unpack[Options]) -> Answer:
        """Look-alikes of a product, best first."""
        return self._ask(calls.similar(id, options))

    def search(
        self,
        text: str = "",
        image: Picture | None = None,
        positive: Sequence[str] = (),
        negative: Sequence[str] = (),
        **options: Unpack[Options],
    ) -> Answer:
        """Products for words, a picture (a file or its bytes), products liked and unliked, in any mixture."""
        return self._ask(calls.search(text, image, positive, negative, options))

    def similarity(
        self, a: str, b: str, *, weights: Mapping[str, float] | None = None, explain: bool = False
    ) -> Similarity:
        """How alike two products are, and in what: b as an answer to a."""
        return self._ask(calls.similarity(a, b, weights, explain))

    def product(self, id: str) -> Product:
        """All that is known of a product."""
        return self._ask(calls.product(id))

    def put(self, product: Product, pictures: Sequence[Picture] = ()) -> Written:
        """Write a product, all of it, with pictures to be sent; durable and findable when this returns."""
        return self._ask(calls.put(product, pictures))

    def remove(self, id: str) -> Written:
        """Remove a product; it is gone from every answer when this returns."""
        return self._ask(calls.remove(id))

    def import_products(self, products: Iterable[Product | Told]) -> list[Imported]:
        """Write many products, sent as they come; returns what became of each, in their order.

        A mapping is sent as it is and may hold `vectors` by signal. Not sent again by itself: do so, it does no harm.
        """
        lines = (calls.line(one) for one in products)
        try:
            with self._http.stream("POST", "/v1/products:import", content=lines, headers=SENT, timeout=None) as answer:
                if answer.is_error:
                    answer.read()
                    raise problem_of(answer)
                return [calls.imported(line) for line in answer.iter_lines()]
        except httpx.TransportError as error:
            raise _lost(self._http.base_url, error) from error

    def facets(self, where: str = "", category: str = "") -> Facets:
        """By what products can be narrowed, with counts."""
        return self._ask(calls.facets(where, category))

    def suggest(self, q: str, limit: int = 10) -> list[Suggestion]:
        """Categories, brands and titles for the beginning of what somebody types."""
        return self._ask(calls.suggest(q, limit))

    def rules(self) -> Rules:
        """What is pinned and blocked beside which product."""
        return self._ask(calls.rules())

    def put_rules(self, id: str, *, pins: Sequence[str] = (), blocks: Sequence[str] = ()) -> Rules:
        """Set what is pinned and blocked beside a product, in place of what was; "*" takes blocks for every one."""
        return self._ask(calls.put_rules(id, pins, blocks))

    def remove_rules(self, id: str) -> Rules:
        """Take back what is pinned and blocked beside a product."""
        return self._ask(calls.remove_rules(id))

    def jobs(self) -> list[Job]:
        """Work that takes longer than an answer, the newest first."""
        return self._ask(calls.jobs())

    def job(self, id: str) -> Job:
        """How far a job is."""
        return self._ask(calls.job(id))

    def merge(self) -> Job:
        """Begin to make a new generation of all that was written; it also begins by itself, when that pays."""
        return self._ask(calls.merge())

    def _ask(self, call: Call[T]) -> T:
        for tried in range(self._retries + 1):
            got: httpx.Response | httpx.TransportError
            try:
                got = self._http.request(call.method, call.path, **call.sent)
            except httpx.TransportError as error:
                got = error
            pause = _pause(got, tried, self._retries)
            if pause is None:
                return _read(self._http.base_url, call, got)
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(key), timeout=timeout, transport=transport)
        self._retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def similar(self, id: str, **options: Unpack[Options]) -> Answer:
        """Look-alikes of a product, best first."""
        return await self._ask(calls.similar(id, options))

    async def search(
        self,
        text: str = "",
        image: Picture | None = None,
        positive: Sequence[str] = (),
        negative: Sequence[str] = (),
        **options: Unpack[Options],
    ) -> Answer:
        """Products for words, a picture (a file or its bytes), products liked and unliked, in any mixture."""
        return await self._ask(calls.search(text, image, positive, negative, options))

    async def similarity(
        self, a: str, b: str, *, weights: Mapping[str, float] | None = None, explain: bool = False
    ) -> Similarity:
        """How alike two products are, and in what: b as an answer to a."""
        return await self._ask(calls.similarity(a, b, weights, explain))

    async def product(self, id: str) -> Product:
        """All that is known of a product."""
        return await self._ask(calls.product(id))

    async def put(self, product: Product, pictures: Sequence[Picture] = ()) -> Written:
        """Write a product, all of it, with pictures to be sent; durable and findable when this returns."""
        return await self._ask(calls.put(product, pictures))

    async def remove(self, id: str) -> Written:
        """Remove a product; it is gone from every answer when this returns."""
        return await self._ask(calls.remove(id))

    async def import_products(
        self, products: Iterable[Product | Told] | AsyncIterable[Product | Told]
    ) -> list[Imported]:
        """Write many products, sent as they come; returns what became of each, in their order.

        A mapping is sent as it is and may hold `vectors` by signal. Not sent again by itself: do so, it does no harm.
        """
        try:
            async with self._http.stream(
                "POST", "/v1/products:import", content=_lines(products), headers=SENT, timeout=None
            ) as answer:
                if answer.is_error:
                    await answer.aread()
                    raise problem_of(answer)
                return [calls.imported(line) async for line in answer.aiter_lines()]
        except httpx.TransportError as error:
            raise _lost(self._http.base_url, error) from error

    async def facets(self, where: str = "", category: str = "") -> Facets:
        """By what products can be narrowed, with counts."""
        return await self._ask(calls.facets(where, category))

    async def suggest(self, q: str, limit: int = 10) -> list[Suggestion]:
        """Categories, brands and titles for the beginning of what somebody types."""
        return await self._ask(calls.suggest(q, limit))

    async def rules(self) -> Rules:
        """What is pinned and blocked beside which product."""
        return await self._ask(calls.rules())

    async def put_rules(self, id: str, *, pins: Sequence[str] = (), blocks: Sequence[str] = ()) -> Rules:
        """Set what is pinned and blocked beside a product, in place of what was; "*" takes blocks for every one."""
        return await self._ask(calls.put_rules(id, pins, blocks))

    async def remove_rules(self, id: str) -> Rules:
        """Take back what is pinned and blocked beside a product."""
        return await self._ask(calls.remove_rules(id))

    async def jobs(self) -> list[Job]:
        """Work that takes longer than an answer, the newest first."""
        return await self._ask(calls.jobs())

    async def job(self, id: str) -> Job:
        """How far a job is."""
        return await self._ask(calls.job(id))

    async def merge(self) -> Job:
        """Begin to make a new generation of all that was written; it also begins by itself, when that pays."""
        return await self._ask(calls.merge())

    async def _ask(self, call: Call[T]) -> T:
        for tried in range(self._retries + 1):
            got: httpx.Response | httpx.TransportError
            try:
                got = await self._http.request(call.method, call.path, **call.sent)
            except httpx.TransportError as error:
                got = error
            pause = _pause(got, tried, self._retries)
            if pause is None:
                return _read(self._http.base_url, call, got)
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")


def _headers(key: str) -> dict[str, str]:
    return {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})


def _pause(got: httpx.Response | httpx.TransportError, tried: int, retries: int) -> float | None:
    """Seconds until the same is asked again; None where it isn't."""
    again = got.status_code in BUSY if isinstance(got, httpx.Response) else isinstance(got, LOST)
    if not again or tried == retries:
        return None
    said = got.headers.get("retry-after", "") if isinstance(got, httpx.Response) else ""
    grown = FIRST * 2**tried
    return min(float(said) if said.isdigit() else grown, LONGEST) + random.uniform(0, grown)  # apart from others


def _read(url: httpx.URL, call: Call[T], got: httpx.Response | httpx.TransportError) -> T:
    if not isinstance(got, httpx.Response):
        raise _lost(url, got) from got
    if not got.is_success:
        raise problem_of(got)
    try:
        return call.read(orjson.loads(got.content))
    except (ValueError, KeyError, TypeError) as error:
        raise ClientError(f"{url} answered what sosie doesn't: is it the address of `sosie serve`?") from error


def _lost(url: httpx.URL, error: httpx.TransportError) -> ClientError:
    if isinstance(error, httpx.TimeoutException):
        return ClientError(f"{url}: no answer in time; ask for less, or give the client a longer `timeout`.")
    return ClientError(f"{url}: can't be reached ({error}); is `sosie serve` running there?")


async def _lines(products: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[bytes]:
    if isinstance(products, AsyncIterable):
        async for one in products:
            yield calls.line(one)
    else:
        for one in products:
            yield calls.line(one)
