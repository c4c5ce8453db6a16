"""Questions over HTTP get the answers that the engine gives, and bad ones a problem that says what to do."""

import io

import pytest
from PIL import Image

import sosie


def photo(colour="red", size=(80, 80), kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def ids(answer):
    return [hit["id"] for hit in answer.json()["hits"]]


class TestSimilar:
    def test_as_the_engine_answers(self, client, store):
        got = client.get("/v1/products/p0/similar", params={"limit": 4, "weights": "image=2", "where": "price < 30"})
        wanted = sosie.open(store).similar("p0", limit=4, weights={"image": 2.0}, where="price < 30")
        assert got.status_code == 200
        assert [(hit["id"], hit["score"], hit["parts"]) for hit in got.json()["hits"]] == [
            (hit.product.id, hit.score, dict(hit.parts)) for hit in wanted
        ]
        assert [hit["rank"] for hit in got.json()["hits"]] == [1, 2, 3, 4]
        assert (got.json()["limit"], got.json()["offset"], got.json()["total"]) == (4, 0, 20)
        assert got.json()["took_ms"] > 0

    def test_pictures_are_addresses_not_paths(self, client):
        hit = client.get("/v1/products/p0/similar", params={"limit": 1}).json()["hits"][0]
        assert hit["images"] == [f"/pictures/0/{hit['id']}?w=640"]

    def test_a_list_goes_on_with_its_cursor(self, client):
        whole = ids(client.get("/v1/products/p0/similar", params={"limit": 9}))
        first = client.get("/v1/products/p0/similar", params={"limit": 5})
        second = client.get("/v1/products/p0/similar", params={"limit": 4, "cursor": first.json()["cursor"]})
        assert ids(first) + ids(second) == whole
        assert second.json()["offset"] == 5
        assert second.json()["hits"][0]["rank"] == 6

    def test_the_last_answer_has_no_cursor(self, client):
        assert client.get("/v1/products/p0/similar", params={"limit": 100}).json()["cursor"] is None

    def test_a_cursor_of_another_question_is_refused(self, client):
        cursor = client.get("/v1/products/p0/similar", params={"limit": 5}).json()["cursor"]
        for path, more in (("/v1/products/p1/similar", {}), ("/v1/products/p0/similar", {"where": "price > 1"})):
            got = client.get(path, params={"cursor": cursor, **more})
            assert got.status_code == 422
            assert "cursor" in got.json()["detail"]

    def test_what_the_client_has_is_not_sent_again(self, client):
        first = client.get("/v1/products/p0/similar")
        again = client.get("/v1/products/p0/similar", headers={"If-None-Match": first.headers["etag"]})
        other = client.get("/v1/products/p0/similar?limit=3", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert other.status_code == 200

    def test_one_hit_a_value(self, client):
        hits = client.get("/v1/products/p0/similar", params={"group_by": "category", "limit": 10}).json()["hits"]
        assert sorted(hit["category"][0] for hit in hits) == ["Home > Lamps", "Home > Mugs", "Home > Shirts"]
        assert [hit["rank"] for hit in hits] == [1, 2, 3]
        second = client.get("/v1/products/p0/similar", params={"group_by": "category", "limit": 1, "offset": 1}).json()[
            "hits"
        ]
        assert (second[0]["id"], second[0]["rank"]) == (hits[1]["id"], 2)

    def test_why(self, client):
        hit = client.get("/v1/products/p0/similar", params={"limit": 1, "explain": True}).json()["hits"][0]
        assert "same category" in hit["reasons"]

    def test_threshold(self, client):
        hits = client.get("/v1/products/p0/similar", params={"threshold": 0.3, "limit": 30}).json()["hits"]
        assert hits
        assert min(hit["score"] for hit in hits) >= 0.3
        assert len(hits) < 29


class TestSearch:
    def test_words(self, client):
        got = client.post("/v1/search", json={"text": "blue mug", "limit": 3})
        assert got.status_code == 200
        assert "blue mug" in got.json()["hits"][0]["title"]

    def test_as_the_engine_answers(self, client, store):
        asked = {"text": "lamp", "positive": ["p0"], "negative": ["p1", "p4"], "weights": {"text": 3}, "limit": 6}
        got = client.post("/v1/search", json=asked).json()["hits"]
        wanted = sosie.open(store).search("lamp", like=["p0"], unlike=["p1", "p4"], weights={"text": 3.0}, limit=6)
        assert [(hit["id"], hit["score"]) for hit in got] == [(hit.product.id, hit.score) for hit in wanted]

    def test_a_picture(self, client, shop_folder):
        picture = (shop_folder / "pictures" / "green-lamp.png").read_bytes()
        got = client.post(
            "/v1/search",
            files={"image": ("a.png", picture, "image/png")},
            data={"limit": "4", "positive": ["p0", "p3"], "weights": "image=5,colour=5"},
        )
        assert got.status_code == 200, got.text
        assert len(got.json()["hits"]) == 4
        alone = client.post("/v1/search", files={"image": ("a.png", picture, "image/png")}, data={"limit": "1"})
        assert alone.json()["hits"][0]["title"].startswith("green lamp")

    def test_no_picture_is_left_behind(self, client, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        client.post("/v1/search", files={"image": ("a.png", photo(), "image/png")})
        client.post("/v1/search", files={"image": ("a.png", b"no picture", "image/png")})
        assert list(tmp_path.iterdir()) == []

    def test_what_was_encoded_is_kept(self, client):
        encoding = client.app.state.shop.encoding
        before = encoding.passes
        first = client.post("/v1/search", json={"text": "a red shirt for summer"}).json()["hits"]
        second = client.post("/v1/search", json={"text": "a red shirt for summer"}).json()["hits"]
        assert first == second
        assert (encoding.passes - before, encoding.hits) == (1, 1)


class TestSimilarity:
    def test_the_score_that_the_product_has_as_an_answer(self, client):
        hit = client.get("/v1/products/p0/similar", params={"limit": 1}).json()["hits"][0]
        got = client.post("/v1/similarity", json={"a": "p0", "b": hit["id"]}).json()
        assert (got["score"], got["parts"], got["missing"]) == (hit["score"], hit["parts"], hit["missing"])

    def test_itself(self, client):
        assert client.post("/v1/similarity", json={"a": "p3", "b": "p3"}).json()["score"] == 1.0

    def test_only_one_signal(self, client):
        weights = dict.fromkeys(["image", "colour", "text", "words", "price", "attributes"], 0)
        got = client.post("/v1/similarity", json={"a": "p0", "b": "p3", "weights": weights, "explain": True}).json()
        assert list(got["parts"]) == ["category"]
        assert "same category" in got["reasons"]


class TestCatalogue:
    def test_a_product(self, client):
        got = client.get("/v1/products/p4").json()
        assert (got["id"], got["title"], got["price"], got["currency"]) == ("p4", "purple mug number 4", 14.5, "EUR")
        assert got["images"] == ["/pictures/0/p4?w=640"]

    def test_facets(self, client):
        got = client.get("/v1/facets", params={"where": "price < 25"}).json()
        assert got["total"] == 15
        colours = {one["value"]: one["count"] for facet in got["facets"] for one in facet["values"]}
        assert colours["red"] == colours["purple"] == 3
        assert {one["path"]: one["count"] for one in got["categories"]} == {"Home": 15}

    @pytest.mark.parametrize("typed", ["gre", "green la", "lamp gree", "grean", "LÀMP GREEN"])
    def test_suggestions(self, client, typed):
        found = client.get("/v1/suggest", params={"q": typed, "limit": 5}).json()["suggestions"]
        titles = [one["text"] for one in found if one["kind"] == "title"]
        assert titles
        assert all(title.startswith("green") for title in titles)

    def test_suggested_categories(self, client):
        found = client.get("/v1/suggest", params={"q": "mu"}).json()["suggestions"]
        assert found[0] == {"kind": "category", "text": "Home > Mugs"}
        assert {"kind", "text", "id"} == set(found[-1])

    def test_nothing_to_suggest(self, client):
        assert client.get("/v1/suggest", params={"q": "zzzzqqqq"}).json() == {"suggestions": []}
        assert client.get("/v1/suggest", params={"q": "!!!"}).json() == {"suggestions": []}


PROBLEMS = {
    "unknown id": ("GET", "/v1/products/nothing/similar", None, 404, "no product 'nothing'"),
    "unknown product": ("GET", "/v1/products/nothing", None, 404, "no product 'nothing'"),
    "path in an id": ("GET", "/v1/products/..%2F..%2Fetc%2Fpasswd", None, 404, "no product '../../etc/passwd'"),
    "unknown parameter": ("GET", "/v1/products/p0/similar?limits=3", None, 422, "limits"),
    "wrong type": ("GET", "/v1/products/p0/similar?limit=many", None, 422, "limit"),
    "too many": ("GET", "/v1/products/p0/similar?limit=100000", None, 422, "limit"),
    "too deep": ("GET", "/v1/products/p0/similar?limit=1000&offset=9500", None, 422, "10,000"),
    "NaN": ("GET", "/v1/products/p0/similar?threshold=nan", None, 422, "threshold"),
    "NaN weight": ("GET", "/v1/products/p0/similar?weights=image=nan", None, 422, "weights: image=nan"),
    "unknown signal": ("GET", "/v1/products/p0/similar?weights=smell=1", None, 422, "unknown signal 'smell'"),
    "malformed weights": ("GET", "/v1/products/p0/similar?weights=image", None, 422, "SIGNAL=NUMBER"),
    "malformed filter": ("GET", "/v1/products/p0/similar?where=price%20%3C", None, 422, "filter: "),
    "injection in a filter": ("GET", "/v1/products/p0/similar?where=1;drop%20table%20products", None, 422, ""),
    "unknown group": ("GET", "/v1/products/p0/similar?group_by=smell", None, 422, "no field 'smell'"),
    "bad cursor": ("GET", "/v1/products/p0/similar?cursor=abc", None, 422, "cursor"),
    "nothing asked": ("POST", "/v1/search", {}, 422, "nothing is asked"),
    "unknown field": ("POST", "/v1/search", {"text": "a", "colour": "red"}, 422, "colour"),
    "text is a number": ("POST", "/v1/search", {"text": 3}, 422, "text"),
    "limit is a text": ("POST", "/v1/search", {"text": "a", "limit": "5"}, 422, "limit"),
    "unknown liked": ("POST", "/v1/search", {"positive": ["nothing"]}, 422, "no product 'nothing'"),
    "10,000 ids": ("POST", "/v1/search", {"positive": [f"p{i}" for i in range(10_000)]}, 422, "at most 100"),
    "negative weight": ("POST", "/v1/search", {"text": "a", "weights": {"image": -1}}, 422, "weights.image"),
    "an address as a picture": ("POST", "/v1/search", {"image": "http://localhost/"}, 422, "image"),
    "missing field": ("POST", "/v1/similarity", {"a": "p0"}, 422, "b: Field required"),
    "one unknown": ("POST", "/v1/similarity", {"a": "p0", "b": "nothing"}, 404, "no product 'nothing'"),
    "no such place": ("GET", "/v1/nothing", None, 404, "/docs"),
    "no such method": ("DELETE", "/v1/search", None, 405, "DELETE"),
    "empty suggestion": ("GET", "/v1/suggest?q=", None, 422, "q"),
}


@pytest.mark.parametrize(("method", "path", "json", "status", "said"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_problems(client, method, path, json, status, said):
    got = client.request(method, path, json=json)
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["status"] == status
    assert said in got.json()["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b"{", "application/json", 422, "JSON"),
        (b"\xff\xfe", "application/json", 422, "JSON"),
        (
            b'{"text": "a", "weights": {"image": NaN}}',
            "application/json",
            422,
            "weights.image: Input should be a finite",
        ),
        (b"text=a", "application/x-www-form-urlencoded", 415, "application/json"),
        (b"<a/>", "text/xml", 415, "application/json"),
        (b'{"text": "' + b"a" * 2_000_000 + b'"}', "application/json", 413, "1,048,576 bytes"),
        (b"garbage", "multipart/form-data; boundary=x", 422, "form"),
        (b"garbage", "multipart/form-data", 422, "form"),
    ],
    ids=["cut off", "no text", "NaN", "form", "xml", "huge", "broken form", "form without boundary"],
)
def test_bodies_that_can_not_be_read(client, content, kind, status, said):
    got = client.post("/v1/search", content=content, headers={"content-type": kind})
    assert got.status_code == status, got.text
    assert said in got.json()["detail"]


BOMB = photo(size=(9000, 9000))
PICTURES = {
    "text": (b"hello", 422, "not a picture"),
    "script": (b"<script>alert(1)</script>", 422, "not a picture"),
    "web page": (b"<!doctype html><html>", 422, "web page"),
    "empty": (b"", 422, "empty"),
    "bomb": (BOMB, 422, "pixels"),
    "broken off": (photo()[:60], 422, ""),
    "too large": (b"\x89PNG" + bytes(20_000_001), 413, "20 MB"),
}


@pytest.mark.parametrize(("content", "status", "said"), PICTURES.values(), ids=PICTURES.keys())
def test_pictures_that_are_none(client, content, status, said):
    got = client.post("/v1/search", files={"image": ("x.png", content, "image/png")})
    assert got.status_code == status, got.text
    assert said in got.json()["detail"]
    assert "/tmp" not in got.json()["detail"]
