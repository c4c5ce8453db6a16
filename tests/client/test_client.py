"""The clients against the real service: the async one in this process, the sync one over a socket."""

import asyncio
import io
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image

import sosie
from sosie.client import Bins, ClientError, Imported, Rules, Suggestion, Value, Written
from sosie.config import Serving
from sosie.web.app import create_app
from sosie.web.keys import add_key

sys.path.append(str(Path(__file__).parents[1] / "web"))

from browsing import server


def photo(colour):
    out = io.BytesIO()
    Image.new("RGB", (40, 40), colour).save(out, "PNG")
    return out.getvalue()


@asynccontextmanager
async def asking(store, key="", **settings):
    app = create_app(store, Serving(**{"deadline": 120.0} | settings))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        sosie.AsyncClient("http://localhost", key, transport=transport, timeout=120) as client,
    ):
        yield client


def in_process(store, ask, key="", **settings):
    """What `ask` makes of a client of the service in this process."""

    async def run():
        async with asking(store, key, **settings) as client:
            return await ask(client)

    return asyncio.run(run())


class TestAsking:
    def test_look_alikes_are_the_engine_s(self, store):
        wanted = sosie.open(store).similar("p0", limit=3, weights={"words": 2.0}, where="price < 14")

        async def ask(client):
            return await client.similar("p0", limit=3, weights={"words": 2.0}, where="price < 14", explain=True)

        got = in_process(store, ask)
        assert [(hit.id, hit.title, hit.score, hit.rank, dict(hit.parts)) for hit in got] == [
            (hit.product.id, hit.product.title, hit.score, hit.rank, dict(hit.parts)) for hit in wanted
        ]
        assert (got.limit, got.offset, got.total, len(got)) == (3, 0, 9, 3)
        assert got[0].category == ("Kitchen > mugs",)
        assert got[0].images == (f"/pictures/0/{got[0].id}?w=640",)
        assert len(got[0].reasons) > 0

    def test_a_list_goes_on(self, store):
        async def ask(client):
            first = await client.similar("p0", limit=2)
            second = await client.similar("p0", limit=2, cursor=first.cursor)
            return first, second, await client.similar("p0", limit=4)

        first, second, whole = in_process(store, ask)
        assert [*first, *second] == list(whole)

    def test_search_by_words_picture_and_products(self, store):
        async def ask(client):
            words = await client.search("yellow bowl", limit=1)
            picture = await client.search(
                image=photo("blue"), positive=["p5"], weights={"colour": 9.0}, variants=True, limit=2
            )
            unlike = await client.search(positive=["p0"], negative=["p1"], limit=20)
            return words, picture, unlike

        words, picture, unlike = in_process(store, ask)
        assert words[0].title == "yellow bowl"
        assert {hit.title for hit in picture} == {"blue mug", "blue plate"}
        assert {"p0", "p1"}.isdisjoint(hit.id for hit in unlike)

    def test_a_picture_from_a_file(self, store, tmp_path):
        (tmp_path / "photo.png").write_bytes(photo("green"))

        async def ask(client):
            return await client.search(image=tmp_path / "photo.png", limit=1)

        assert in_process(store, ask)[0].title.startswith("green")

    def test_two_products(self, store):
        async def ask(client):
            return await client.similarity("p0", "p1", weights={"colour": 0.0}, explain=True)

        got = in_process(store, ask)
        assert (got.a, got.b) == ("p0", "p1")
        assert "colour" not in got.parts
        assert sum(got.parts.values()) == pytest.approx(got.score)

    def test_what_there_is(self, store):
        async def ask(client):
            product = await client.product("p5")
            facets = await client.facets(where="price >= 9", category="Kitchen > bowls")
            return product, facets, await client.suggest("blu", limit=3), await client.jobs()

        product, facets, suggestions, jobs = in_process(store, ask)
        own = sosie.open(store)["p5"]
        assert replace(product, images=own.images) == own
        assert product.images == ("/pictures/0/p5?w=640",)
        assert facets.total == 4
        assert facets.price == Bins(9.0, 12.0, "EUR", facets.price.bins, facets.price.edges)
        assert sum(facets.price.bins) == 4
        assert all(isinstance(value, Value) for facet in facets.facets for value in facet.values)
        assert Suggestion("title", "blue mug", "p1") in suggestions
        assert jobs == []


class TestWriting:
    def test_put_find_and_remove(self, own_store):
        async def ask(client):
            fresh = sosie.Product("a/b c?", title="white teapot", category=("Kitchen > pots",), price=20.0)
            put = await client.put(fresh, [photo("white")])
            back = await client.product("a/b c?")
            again = await client.put(back)  # its pictures are named, not sent
            found = await client.search("teapot", limit=1)
            gone = await client.remove("a/b c?")
            with pytest.raises(ClientError, match="no product 'a/b c"):
                await client.product("a/b c?")
            return put, back, again, found, gone

        put, back, again, found, gone = in_process(own_store, ask)
        assert put == Written("a/b c?", "created")
        assert (back.title, back.price, len(back.images)) == ("white teapot", 20.0, 1)
        assert again.what == "unchanged"
        assert found[0].id == "a/b c?"
        assert gone == Written("a/b c?", "removed")

    def test_many_with_one_that_is_none(self, own_store):
        async def products():
            yield sosie.Product("new", title="brown jug")
            yield {"id": "p0", "title": "red mug", "wrong": 1}
            yield {"id": "p1", "title": "blue cup"}

        async def ask(client):
            return await client.import_products(products()), await client.product("p1")

        told, changed = in_process(own_store, ask)
        assert told[0] == Imported(1, "new", "created")
        assert (told[1].line, "wrong" in told[1].error) == (2, True)
        assert told[2] == Imported(3, "p1", "updated")
        assert changed.title == "blue cup"

    def test_pins_and_blocks(self, own_store):
        async def ask(client):
            last = (await client.similar("p0", limit=20))[-1].id
            first = (await client.similar("p0", limit=1))[0].id
            told = await client.put_rules("p0", pins=[last], blocks=[first])
            again = await client.similar("p0", limit=20)
            gone = await client.remove_rules("p0"), await client.rules()
            return first, last, told, again, gone

        first, last, told, again, gone = in_process(own_store, ask)
        assert told == Rules({"p0": (last,)}, {"p0": (first,)})
        assert (again[0].id, again[0].pinned, again[1].pinned) == (last, True, False)
        assert first not in [hit.id for hit in again]
        assert gone == (Rules({}, {}), Rules({}, {}))


class TestKeysAndErrors:
    def test_a_key_is_shown(self, own_store):
        key = add_key(own_store, "shop", "read")

        async def ask(client):
            with pytest.raises(ClientError) as raised:
                await client.remove("p0")
            return await client.product("p0"), raised.value

        product, refused = in_process(own_store, ask, key, keys="on")
        assert product.title == "red mug"
        assert refused.status == 403
        with pytest.raises(ClientError, match="this needs a key"):
            in_process(own_store, ask, keys="on")

    def test_what_the_service_says_is_told(self, store):
        async def ask(client):
            await client.similar("nope")

        with pytest.raises(ClientError, match="there is no product 'nope'") as raised:
            in_process(store, ask)
        assert isinstance(raised.value, sosie.SosieError)
        assert raised.value.status == 404
        assert raised.value.request_id in str(raised.value)


class Broken(httpx.BaseTransport):
    """Answers from a list: a response, or an error to raise."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    def handle_request(self, request):
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


BUSY = httpx.Response(429, headers={"Retry-After": "2"}, json={"detail": "256 questions wait already."})
GOOD = httpx.Response(200, json={"suggestions": []})


@pytest.fixture
def pauses(monkeypatch):
    found = []
    monkeypatch.setattr("sosie.client.clients.time.sleep", found.append)
    monkeypatch.setattr("sosie.client.clients.random.uniform", lambda low, high: low)
    return found


class TestAgain:
    def test_a_busy_service_is_asked_again_when_it_says(self, pauses):
        told = Broken(BUSY, httpx.ConnectError("refused"), httpx.Response(503), GOOD)
        assert sosie.Client("http://shop", transport=told).suggest("x") == []
        assert told.asked == 4
        assert pauses == [2.0, 0.4, 0.8]

    def test_until_it_is_enough(self, pauses):
        told = Broken(*[BUSY] * 9)
        with pytest.raises(ClientError, match="256 questions") as raised:
            sosie.Client("http://shop", transport=told, retries=2).suggest("x")
        assert (raised.value.status, told.asked, len(pauses)) == (429, 3, 2)

    def test_an_answer_that_takes_too_long_is_not_asked_for_again(self, pauses):
        told = Broken(httpx.ReadTimeout("slow"))
        with pytest.raises(ClientError, match="no answer in time"):
            sosie.Client("http://shop", transport=told).suggest("x")
        assert pauses == []

    def test_a_fault_of_the_question_is_not_asked_again(self, pauses):
        told = Broken(httpx.Response(422, json={"detail": "limit: too many."}))
        with pytest.raises(ClientError, match="limit: too many"):
            sosie.Client("http://shop", transport=told).suggest("x")
        assert pauses == []

    def test_an_import_is_not_sent_again(self, pauses):
        told = Broken(httpx.ConnectError("refused"))
        with pytest.raises(ClientError, match="is `sosie serve` running there"):
            sosie.Client("http://shop", transport=told).import_products([{"id": "a"}])
        assert told.asked == 1

    def test_another_service_is_told(self):
        told = Broken(httpx.Response(200, text="<h1>It works</h1>"))
        with pytest.raises(ClientError, match="is it the address of `sosie serve`"):
            sosie.Client("http://shop", transport=told).suggest("x")


def test_over_a_socket(own_store):
    with server(own_store) as address, sosie.Client(address, timeout=60) as client:
        assert client.similar("p0", limit=1)[0].title in ("red bowl", "red plate", "blue mug")
        assert client.put(sosie.Product("s1", title="silver spoon")).what == "created"
        assert client.search("silver spoon", limit=1)[0].id == "s1"
        assert client.search(image=photo("red"), limit=1)[0].title.startswith("red")
        assert [one.what for one in client.import_products({"id": f"n{at}", "title": f"jug {at}"} for at in range(300))]
        assert client.product("n299").title == "jug 299"
        assert client.remove("s1").what == "removed"
        assert client.facets().total == 312
        assert client.suggest("jug 29")[0].kind == "title"
        assert client.similarity("p0", "p0").score == 1.0


def test_the_engine_is_not_imported():
    told = "import sys, sosie; sosie.Client('http://localhost'); print([m for m in sys.modules if 'sosie.engine' in m])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
