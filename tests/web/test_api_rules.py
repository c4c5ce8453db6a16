"""Rules over HTTP: what is pinned comes first and is marked, what is blocked is gone."""

import pytest
from conftest import serve


@pytest.fixture
def shop(own_store):
    """A client of a service over a store of its own."""
    yield from serve(own_store)


def hits(client):
    return client.get("/v1/products/p0/similar", params={"limit": 30}).json()["hits"]


def test_pinned_and_blocked(shop):
    before = shop.get("/v1/products/p0/similar").headers["etag"]
    near, last = hits(shop)[0]["id"], hits(shop)[-1]["id"]
    told = shop.put("/v1/rules/p0", json={"pins": [last], "blocks": [near]}).json()
    assert told == {"pins": {"p0": [last]}, "blocks": {"p0": [near]}}
    now = hits(shop)
    assert (now[0]["id"], now[0]["pinned"]) == (last, True)
    assert near not in [hit["id"] for hit in now]
    assert not any("pinned" in hit for hit in now[1:])
    assert shop.get("/v1/products/p0/similar", headers={"If-None-Match": before}).status_code == 200
    assert shop.get("/v1/rules").json() == told
    shop.put("/v1/rules/p0", json={"pins": [near]})
    assert hits(shop)[0]["id"] == near
    assert shop.delete("/v1/rules/p0").json() == {"pins": {}, "blocks": {}}
    assert hits(shop)[-1]["id"] == last


def test_blocked_everywhere(shop):
    shop.put("/v1/rules/*", json={"blocks": ["p3"]})
    assert "p3" not in [hit["id"] for hit in hits(shop)]


@pytest.mark.parametrize(
    ("id", "body", "status"),
    [
        ("nothing", {"pins": ["p1"]}, 404),
        ("p0", {"pins": ["nothing"]}, 422),
        ("p0", {"pins": ["p0"]}, 422),
        ("p0", {"pins": ["p1"], "blocks": ["p1"]}, 422),
        ("*", {"pins": ["p1"]}, 422),
        ("p0", {"pin": ["p1"]}, 422),
        ("p0", {"pins": "p1"}, 422),
    ],
)
def test_rules_that_make_no_sense(shop, id, body, status):
    assert shop.put(f"/v1/rules/{id}", json=body).status_code == status
    assert shop.get("/v1/rules").json() == {"pins": {}, "blocks": {}}
