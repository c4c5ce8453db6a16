"""Writes over HTTP: what was acknowledged is there, and what can't be used is told and changes nothing."""

import io
import json

import pytest
from conftest import serve
from PIL import Image

import sosie
from sosie.errors import BusyError, StoreError

LINES = {"content-type": "application/x-ndjson"}
LAMP = {
    "title": "crimson lamp with a shade",
    "price": 21.5,
    "currency": "EUR",
    "category": ["Home > Lamps"],
    "attributes": {"color": "red"},
}


@pytest.fixture
def shop(own_store):
    """A client of a service over a store of its own."""
    yield from serve(own_store)


def photo(colour="red"):
    out = io.BytesIO()
    Image.new("RGB", (80, 80), colour).save(out, "PNG")
    return out.getvalue()


def first(client, text):
    return client.post("/v1/search", json={"text": text, "limit": 1}).json()["hits"][0]


def results(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


def lines(*products):
    return "".join(json.dumps(product) + "\n" for product in products)


class TestPut:
    def test_a_new_product_is_there_at_once(self, shop, own_store):
        got = shop.put("/v1/products/new-1", json=LAMP)
        assert (got.status_code, got.json()) == (201, {"id": "new-1", "what": "created"})
        assert first(shop, "crimson shade")["id"] == "new-1"
        assert shop.get("/v1/products/new-1").json()["title"] == LAMP["title"]
        assert shop.get("/v1/products/new-1/similar").json()["hits"][0]["category"] == ["Home > Lamps"]
        assert "new-1" in sosie.open(own_store)

    def test_a_change(self, shop):
        before = shop.get("/v1/products/p2").headers["etag"]
        got = shop.put("/v1/products/p2", json={**LAMP, "price": 99})
        assert (got.status_code, got.json()["what"]) == (200, "updated")
        after = shop.get("/v1/products/p2", headers={"If-None-Match": before})
        assert (after.status_code, after.json()["price"]) == (200, 99)

    def test_the_same_again(self, shop):
        shop.put("/v1/products/new-1", json=LAMP)
        assert shop.put("/v1/products/new-1", json=LAMP).json()["what"] == "unchanged"

    def test_an_id_with_a_path_in_it(self, shop):
        assert shop.put("/v1/products/..%2Fa%2Fb%3F", json=LAMP).json()["id"] == "../a/b?"
        assert shop.get("/v1/products/..%2Fa%2Fb%3F").json()["title"] == LAMP["title"]

    def test_a_script_stays_a_text(self, shop):
        title = "<script>alert('x')</script> & lamp"
        shop.put("/v1/products/new-1", json={**LAMP, "title": title, "brand": "'; drop table products; --"})
        told = shop.get("/v1/products/new-1")
        assert told.headers["content-type"] == "application/json"
        assert told.json()["brand"] == "'; drop table products; --"

    def test_a_cursor_ends_with_a_write(self, shop):
        cursor = shop.get("/v1/products/p0/similar", params={"limit": 2}).json()["cursor"]
        shop.put("/v1/products/new-1", json=LAMP)
        got = shop.get("/v1/products/p0/similar", params={"limit": 2, "cursor": cursor})
        assert got.status_code == 410
        assert "without a cursor" in got.json()["detail"]

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"price": "cheap"}, "price"),
            ({"price": -1}, "price"),
            ({"titel": "x"}, "titel"),
            ({"category": "Home"}, "category"),
            ({"rating": 7}, "rating"),
            ({"url": "javascript:alert(1)"}, "url"),
            ({"attributes": {"size": 3}}, "attributes.size"),
            ({"images": ["http://169.254.169.254/latest"]}, "none is fetched"),
            ({"images": ["../../../etc/passwd"]}, "images"),
            ({"images": ["/etc/passwd"]}, "images"),
            ({"images": ["catalogue.csv"]}, "no picture"),
            ({"images": ["nothing.png"]}, "not there"),
            ({"title": "x" * 2_000}, "title"),
        ],
    )
    def test_what_can_not_be_used(self, shop, change, said):
        got = shop.put("/v1/products/new-1", json={**LAMP, **change})
        assert got.status_code == 422, got.text
        assert said in got.json()["detail"]
        assert shop.get("/v1/products/new-1").status_code == 404

    def test_an_id_that_no_store_takes(self, shop):
        assert shop.put(f"/v1/products/{'x' * 600}", json=LAMP).status_code == 422
        assert shop.put("/v1/products/a%00b", json=LAMP).status_code == 422

    @pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"title": NaN}', b'{"price": 1e999}', b'{"a": "\xff"}'])
    def test_bodies_that_are_none(self, shop, content):
        got = shop.put("/v1/products/new-1", content=content, headers={"content-type": "application/json"})
        assert got.status_code == 422, got.text


class TestPictures:
    def test_by_name(self, shop):
        shop.put("/v1/products/new-1", json={**LAMP, "images": ["pictures/blue-mug.png"]})
        assert shop.get("/v1/products/new-1").json()["images"] == ["/pictures/0/new-1?w=640"]

    def test_sent(self, shop, own_store):
        files = {"product": (None, json.dumps(LAMP)), "images": ("a.png", photo("lime"), "image/png")}
        assert shop.put("/v1/products/new-1", files=files).status_code == 201
        (kept,) = sosie.open(own_store)["new-1"].images
        assert kept.startswith(str(own_store.resolve()))
        got = shop.post(
            "/v1/search", files={"image": ("b.png", photo("lime"), "image/png")}, data={"weights": "colour=9"}
        )
        assert got.json()["hits"][0]["id"] == "new-1"

    def test_as_they_were_told(self, shop, own_store):
        told = shop.get("/v1/products/p0").json()
        kept = {name: told[name] for name in ("title", "images", "category")}
        assert shop.put("/v1/products/p0", json=kept).status_code == 200
        assert sosie.open(own_store)["p0"].images[0].endswith("red-shirt.png")

    def test_none(self, shop, own_store):
        files = {"product": (None, json.dumps(LAMP)), "images": ("a.png", b"<script>", "image/png")}
        got = shop.put("/v1/products/new-1", files=files)
        assert got.status_code == 422
        assert "not a picture" in got.json()["detail"]
        assert list((own_store / "uploaded").iterdir()) == []


class TestDelete:
    def test_gone_at_once(self, shop):
        near = shop.get("/v1/products/p0/similar", params={"limit": 1}).json()["hits"][0]["id"]
        assert shop.delete(f"/v1/products/{near}").json() == {"id": near, "what": "removed"}
        assert shop.get(f"/v1/products/{near}").status_code == 404
        assert near not in [hit["id"] for hit in shop.get("/v1/products/p0/similar").json()["hits"]]
        assert shop.get("/ready").json()["products"] == 29

    def test_unknown(self, shop):
        assert shop.delete("/v1/products/nothing").status_code == 404


class TestImport:
    def test_a_result_a_line(self, shop):
        content = lines({"id": "a", **LAMP}, {"id": "b", **LAMP, "title": "second lamp"}, {"id": "p0", **LAMP})
        got = shop.post("/v1/products:import", content=content, headers=LINES)
        assert got.status_code == 200
        assert results(got) == [
            {"line": 1, "id": "a", "what": "created"},
            {"line": 2, "id": "b", "what": "created"},
            {"line": 3, "id": "p0", "what": "updated"},
        ]
        assert shop.get("/ready").json()["products"] == 32

    def test_bad_lines_are_told_and_the_others_written(self, shop):
        content = "\n".join(
            [
                json.dumps({"id": "a", **LAMP}),
                "",
                "{",
                json.dumps({"title": "without an id"}),
                json.dumps({"id": "b", "price": "cheap"}),
                json.dumps({"id": "c", "images": ["http://evil.example/a.png"]}),
                json.dumps({"id": "d\n", **LAMP}),
                json.dumps({"id": "e", **LAMP}),
            ]
        )
        got = [
            json.loads(line)
            for line in shop.post("/v1/products:import", content=content, headers=LINES).text.splitlines()
        ]
        assert [one["line"] for one in got] == [1, 3, 4, 5, 6, 7, 8]
        assert [one.get("what") for one in got] == ["created", None, None, None, None, None, "created"]
        assert [
            word in one["error"]
            for one, word in zip(got[1:6], ("JSON", "id", "price", "fetched", "line breaks"), strict=True)
        ] == [True] * 5

    def test_again_changes_nothing(self, shop):
        content = lines(*({"id": f"n{at}", **LAMP, "price": at} for at in range(40)))
        shop.post("/v1/products:import", content=content, headers=LINES)
        version = shop.get("/ready").json()["version"]
        again = shop.post("/v1/products:import", content=content, headers=LINES)
        assert {one["what"] for one in results(again)} == {"unchanged"}
        assert shop.get("/ready").json()["version"] == version

    def test_vectors_that_do_not_fit(self, shop):
        content = lines({"id": "a", **LAMP, "vectors": {"image": [1.0, 2.0]}}, {"id": "b", **LAMP})
        got = [
            json.loads(line)
            for line in shop.post("/v1/products:import", content=content, headers=LINES).text.splitlines()
        ]
        assert "error" in got[0]
        assert got[1]["what"] == "created"

    def test_other_types_are_not_read(self, shop):
        for kind in ("text/plain", "application/json", ""):
            got = shop.post("/v1/products:import", content=lines({"id": "a"}), headers={"content-type": kind})
            assert got.status_code == 415

    def test_a_line_too_long(self, shop):
        got = shop.post("/v1/products:import", content=b'{"id": "' + b"x" * 2_000_000, headers=LINES)
        assert got.status_code == 413
        assert "line 1" in got.json()["detail"]

    def test_nothing(self, shop):
        assert shop.post("/v1/products:import", content=b"", headers=LINES).text == ""


class TestJobs:
    def test_a_merge(self, shop):
        shop.put("/v1/products/new-1", json=LAMP)
        before = shop.get("/ready").json()["version"]
        begun = shop.post("/v1/merge")
        assert (begun.status_code, begun.json()["kind"]) == (202, "merge")
        address = f"/v1/jobs/{begun.json()['id']}"
        told = shop.get(address, headers={"Accept": "text/event-stream"}).text
        assert told.rstrip().splitlines()[-2] == "event: done", told
        job = shop.get(address).json()
        assert job["state"] == "done"
        assert job["result"]["version"] != before
        assert [one["id"] for one in shop.get("/v1/jobs").json()["jobs"]] == [job["id"]]
        assert first(shop, "crimson shade")["id"] == "new-1"
        back = shop.post("/v1/rollback")
        assert back.json()["generation"] == int(before.partition(".")[0])
        assert shop.get("/v1/products/p0").status_code == 200

    def test_a_job_that_fails_says_why(self, shop):
        def work(progress):
            progress("halfway", 1, 2)
            raise StoreError("no space left on the disk.")

        jobs = shop.app.state.shop.jobs
        job = jobs.start("test", work)
        jobs.wait(10)
        told = shop.get(f"/v1/jobs/{job.id}").json()
        assert (told["state"], told["stage"], told["error"]) == ("failed", "halfway", "no space left on the disk.")

    def test_a_job_whose_process_ended_is_lost(self, shop, own_store):
        jobs = shop.app.state.shop.jobs
        job = jobs.start("test", lambda progress: {})
        jobs.wait(10)
        file = own_store / "jobs" / f"{job.id}.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"state": "running", "pid": 2**22 + 1}))
        assert shop.get(f"/v1/jobs/{job.id}").json()["state"] == "lost"

    def test_unknown(self, shop):
        for id in ("nothing", "..", "%2e%2e%2fkeys"):
            assert shop.get(f"/v1/jobs/{id}").status_code == 404

    def test_nothing_to_go_back_to(self, shop):
        got = shop.post("/v1/rollback")
        assert got.status_code == 409
        assert "no earlier generation" in got.json()["detail"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BusyError("is being written by process 7."), "process 7"),
        (StoreError("no space left on the disk."), "no space"),
    ],
)
def test_a_store_that_can_not_be_written_is_still_read(shop, monkeypatch, error, said):
    def put(*_):
        raise error

    monkeypatch.setattr(shop.app.state.shop.live, "put", put)
    got = shop.put("/v1/products/new-1", json=LAMP)
    assert got.status_code == 503
    assert said in got.json()["detail"]
    assert shop.get("/v1/products/p0/similar").status_code == 200


def test_another_process_that_writes_is_waited_for(own_store):
    from sosie.store import LocalStore

    for client in serve(own_store, deadline=0.5):
        with LocalStore.open(own_store).write():
            got = client.put("/v1/products/new-1", json={})
            assert got.status_code == 503
            assert "is being written" in got.json()["detail"]
            assert int(got.headers["retry-after"]) >= 1
        assert client.get("/v1/products/new-1").status_code == 404
