"""Who gets in, how often, under which name; what every answer carries, and what is told of it."""

import io
import json

import pytest
from conftest import serve

from sosie.errors import StoreError
from sosie.web import gate
from sosie.web.keys import FILE, add_key, list_keys, revoke_key
from sosie.web.rates import Rates

SIMILAR = "/v1/products/p0/similar"


@pytest.fixture
def guarded(own_store):
    """A service that wants keys, and one key of each role."""
    keys = {role: add_key(own_store, f"the {role}er", role) for role in ("read", "write", "admin")}
    for client in serve(own_store, keys="on"):
        yield client, keys, own_store


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


class TestKeys:
    def test_only_hashes_are_kept(self, own_store):
        key = add_key(own_store, "web site", "read")
        assert key not in (own_store / FILE).read_text()
        assert (own_store / FILE).stat().st_mode & 0o777 == 0o600
        assert [(one.name, one.role) for one in list_keys(own_store)] == [("web site", "read")]

    def test_a_name_is_taken_once(self, own_store):
        add_key(own_store, "web site", "read")
        with pytest.raises(StoreError, match="revoke it first"):
            add_key(own_store, "web site", "admin")

    def test_an_unknown_name_can_not_be_revoked(self, own_store):
        add_key(own_store, "a", "read")
        with pytest.raises(StoreError, match="no key 'b'; there are: a"):
            revoke_key(own_store, "b")

    def test_none(self, guarded):
        client, _, _ = guarded
        got = client.get(SIMILAR)
        assert got.status_code == 401
        assert "sosie key add" in got.json()["detail"]
        assert got.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("headers", [bearer("sosie_wrong"), {"X-Api-Key": "é".encode()}, bearer("")])
    def test_wrong(self, guarded, headers):
        assert guarded[0].get(SIMILAR, headers=headers).status_code == 401

    def test_right(self, guarded):
        client, keys, _ = guarded
        assert client.get(SIMILAR, headers=bearer(keys["read"])).status_code == 200
        assert client.get(SIMILAR, headers={"X-Api-Key": keys["read"]}).status_code == 200
        assert client.post("/v1/search", json={"text": "mug"}, headers=bearer(keys["read"])).status_code == 200

    def test_added_and_revoked_while_it_runs(self, guarded):
        client, _, store = guarded
        key = add_key(store, "late", "read")
        assert client.get(SIMILAR, headers=bearer(key)).status_code == 200
        revoke_key(store, "late")
        assert client.get(SIMILAR, headers=bearer(key)).status_code == 401

    def test_not_enough(self, guarded):
        client, keys, _ = guarded
        got = client.delete("/v1/products/p0", headers=bearer(keys["read"]))
        assert got.status_code == 403
        assert "one that may write" in got.json()["detail"]

    def test_health_needs_none(self, guarded):
        assert guarded[0].get("/health").json() == {"status": "alive"}
        assert guarded[0].get("/ready").json()["products"] == 30

    def test_a_person_enters_by_a_form(self, guarded):
        client, keys, _ = guarded
        page = {"Accept": "text/html"}
        sent = client.get("/docs", headers=page, follow_redirects=False)
        assert (sent.status_code, sent.headers["location"]) == (303, "/enter?to=%2Fdocs")
        assert client.post("/enter", data={"key": "wrong", "to": "/docs"}).status_code == 403
        entered = client.post("/enter", data={"key": keys["read"], "to": "/docs"}, follow_redirects=False)
        assert (entered.status_code, entered.headers["location"]) == (303, "/docs")
        assert "HttpOnly" in entered.headers["set-cookie"]
        assert "SameSite=strict" in entered.headers["set-cookie"]
        assert client.get("/docs", headers=page).status_code == 200

    @pytest.mark.parametrize("to", ["//evil.example", "/\\evil.example", "https://evil.example", "/\r\nX: y"])
    def test_the_form_leads_to_no_other_site(self, guarded, to):
        client, keys, _ = guarded
        got = client.post("/enter", data={"key": keys["read"], "to": to}, follow_redirects=False)
        assert got.headers["location"] == "/"


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "192.0.2.4"}, True),
        ({"host": "0.0.0.0", "keys": "off"}, False),
        ({"host": "127.0.0.1", "keys": "on"}, True),
    ],
)
def test_keys_are_needed_beyond_this_machine(settings, wanted):
    from sosie.config import Serving

    assert gate.keys_needed(Serving(**settings)) is wanted


class TestNames:
    @pytest.mark.parametrize(
        "host", ["localhost", "LOCALHOST:8600", "127.0.0.1:1", "[::1]:8600", "192.0.2.7", "a.example"]
    )
    def test_known(self, store, host):
        for client in serve(store, hosts=("a.example",)):
            assert client.get("/health", headers={"Host": host}).status_code == 200

    @pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a.example.evil"])
    def test_unknown(self, store, host):
        for client in serve(store, hosts=("a.example",)):
            got = client.get("/health", headers={"Host": host})
            assert got.status_code == 421
            assert "serve.hosts" in got.json()["detail"]

    def test_pages_of_other_sites_change_nothing(self, client):
        got = client.delete("/v1/products/p0", headers={"Origin": "https://evil.example"})
        assert got.status_code == 403
        same = client.post("/v1/search", json={"text": "mug"}, headers={"Origin": "http://localhost"})
        assert same.status_code == 200

    def test_pages_that_are_named_may_ask(self, store):
        for client in serve(store, origins=("https://shop.example",)):
            asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
            assert client.options("/v1/search", headers=asked).headers["access-control-allow-origin"]
            got = client.post("/v1/search", json={"text": "mug"}, headers={"Origin": "https://shop.example"})
            assert got.headers["access-control-allow-origin"] == "https://shop.example"
            other = client.get(SIMILAR, headers={"Origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers


class TestRates:
    def test_a_bucket_fills_again(self):
        now = [0.0]
        rates = Rates(2.0, 3, lambda: now[0])
        assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
        assert rates.wait("b") == 0.0
        now[0] = 0.5
        assert [rates.wait("a"), rates.wait("a")] == [0.0, 0.5]
        now[0] = 100.0
        assert [rates.wait("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]

    def test_too_often(self, store):
        for client in serve(store, rate=0.01, burst=2):
            got = [client.get("/v1/products/p0") for _ in range(3)]
            assert [one.status_code for one in got] == [200, 200, 429]
            assert int(got[2].headers["retry-after"]) > 1


class TestAnswers:
    def test_an_id_of_each_request(self, client):
        first, second = client.get("/health"), client.get("/health")
        assert first.headers["x-request-id"] != second.headers["x-request-id"]
        assert client.get("/health", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
        assert client.get("/health", headers={"X-Request-Id": "a b<script>"}).headers["x-request-id"].isalnum()
        assert client.get("/v1/nothing", headers={"X-Request-Id": "mine-2"}).json()["request_id"] == "mine-2"

    def test_safe_headers(self, client):
        headers = client.get("/docs").headers
        assert "unsafe" not in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"

    def test_packed(self, client):
        got = client.get(SIMILAR, headers={"Accept-Encoding": "gzip"})
        assert got.headers["content-encoding"] == "gzip"
        assert len(got.json()["hits"]) == 10

    def test_a_failure_is_told_without_its_inside(self, client, monkeypatch):
        def broken(*_):
            raise RuntimeError("secret inside")

        monkeypatch.setattr(client.app.state.shop, "ask", broken)
        got = client.get(SIMILAR)
        assert got.status_code == 500
        assert "secret" not in got.text
        assert got.json()["request_id"] in got.json()["detail"]

    def test_docs_load_nothing_from_elsewhere(self, client):
        page = client.get("/docs").text
        assert "/v1/products/{id}/similar" in page
        assert "<script" not in page
        assert "https://" not in page
        assert client.get("/docs/service.css").headers["content-type"].startswith("text/css")

    def test_metrics(self, client):
        client.get(SIMILAR)
        client.get("/v1/products/nothing/similar")
        told = client.get("/metrics").text
        route = 'method="GET",route="/v1/products/{id:path}/similar"'
        assert f'sosie_requests_total{{{route},status="200"}} 1.0' in told
        assert f'sosie_requests_total{{{route},status="404"}} 1.0' in told
        assert "sosie_products 30.0" in told
        assert 'sosie_request_seconds_count{route="/v1/products/{id:path}/similar"} 2.0' in told


class TestLogs:
    @pytest.fixture
    def lines(self, monkeypatch):
        stream = io.BytesIO()
        monkeypatch.setattr(gate, "standard_error", lambda: stream)
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]

    def test_a_line_a_request(self, store, lines):
        for client in serve(store):
            client.get(SIMILAR, headers={"X-Request-Id": "mine"})
            (line,) = lines()
            assert (line["event"], line["level"], line["id"]) == ("request", "info", "mine")
            assert (line["method"], line["status"]) == ("GET", 200)
            assert line["ms"] > 0

    @pytest.mark.parametrize(("asked", "there"), [(False, False), (True, True)])
    def test_questions_only_where_asked(self, own_store, lines, asked, there):
        key = add_key(own_store, "web site", "read")
        for client in serve(own_store, keys="on", log_questions=asked):
            client.get(f"{SIMILAR}?where=price<99", headers=bearer(key))
            client.post("/v1/search", json={"text": "sehr geheim"}, headers=bearer(key))
            told = json.dumps(lines())
            assert ("p0" in told and "price" in told) is there
            assert key not in told
            assert "geheim" not in told
            assert lines()[0]["by"] == "web site"


def test_a_store_that_can_not_be_opened_is_told(own_store):
    index = next(own_store.glob("gen-*")) / "candidates.json"
    away = index.rename(own_store / "away.json")
    for client in serve(own_store):
        got = client.get("/ready")
        assert got.status_code == 503
        assert "candidates.json" in got.json()["detail"]
        assert client.get("/health").status_code == 200
        away.rename(index)
        assert client.get("/ready").status_code == 200
