"""The map: laid out once, the same each time, alike products near each other; drawn, chosen and exported by rows."""

import struct

import numpy as np
import pytest
from starlette.testclient import TestClient

import sosie
from sosie.config import Serving
from sosie.web.app import create_app
from sosie.web.page.layout import place

JSON, HTML = {"accept": "application/json"}, {"accept": "text/html"}
BINARY = {"content-type": "application/octet-stream"}


def silent(stage, done, total):
    pass


def near(points, k):
    squares = np.square(points[:, None] - points[None]).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    return squares.argsort(axis=1, kind="stable")[:, :k]


@pytest.fixture(scope="module")
def vectors():
    """Ten heaps in 16 dimensions, of 40 each, by their main directions."""
    generator = np.random.default_rng(5)
    heaps = generator.normal(size=(10, 16)) * 3
    vectors = np.repeat(heaps, 40, axis=0) + generator.normal(size=(400, 16))
    vectors -= vectors.mean(axis=0)
    return (vectors @ np.linalg.svd(vectors, full_matrices=False)[2].T).astype(np.float32)


class TestPlace:
    def test_neighbours_stay_neighbours_better_than_by_two_directions(self, vectors):
        points = place(vectors, silent)
        wanted = near(vectors, 10)

        def kept(plane):
            return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(wanted, near(plane, 10), strict=True)])

        assert kept(points) > 1.2 * kept(vectors[:, :2])
        own = np.repeat(np.arange(10), 40)
        assert np.mean(own[near(points, 10)] == own[:, None]) > 0.95

    def test_it_is_the_same_each_time_and_within_bounds(self, vectors):
        first, second = place(vectors, silent), place(vectors.copy(), silent)
        assert first.tobytes() == second.tobytes()
        assert np.abs(first).max() <= 1
        assert (first.max(axis=0) - first.min(axis=0) > 1).all()

    @pytest.mark.parametrize("count", [0, 1, 2, 15, 40])
    def test_few_or_equal_products(self, count):
        points = place(np.ones((count, 3), np.float32), silent)
        assert points.shape == (count, 2)
        assert np.isfinite(points).all()


class TestViews:
    @pytest.fixture
    def client(self, own_store):
        with TestClient(create_app(own_store, Serving()), base_url="http://localhost") as client:
            yield client

    def drawn(self, client):
        content = client.get("/map/points?generation=1").content
        (count,) = struct.unpack_from("<I", content)
        rows = np.frombuffer(content, "<u4", count, 4)
        planes = np.frombuffer(content, "<u2", 2 * count, 4 + 4 * count).reshape(2, count)
        codes = np.frombuffer(content, np.uint8, 3 * count, 4 + 8 * count).reshape(3, count)
        assert len(content) == 4 + 11 * count
        return rows, planes, codes

    def test_every_product_is_a_point_with_its_colours(self, client, own_store):
        assert client.get("/map", headers=HTML).status_code == 200
        rows, planes, (kinds, clusters, prices) = self.drawn(client)
        snapshot = sosie.open(own_store).snapshot
        products = snapshot.products(rows)
        assert len(rows) == 30
        assert len({tuple(one) for one in planes.T.tolist()}) == 30
        names = client.get("/map", headers=JSON).json()
        assert sum(one["products"] for one in names["clusters"]) == 30
        assert [int(np.sum(clusters == at)) for at in range(len(names["clusters"]))] == [
            one["products"] for one in names["clusters"]
        ]
        of_kind = {product.category[0]: kind for product, kind in zip(products, kinds.tolist(), strict=True)}
        assert len(of_kind) == len(set(of_kind.values())) == 3  # all are below Home: one level further down tells
        assert [int(np.argsort(prices)[at]) for at in (0, 29)] == [
            int(np.argsort([product.price for product in products])[at]) for at in (0, 29)
        ]

    def test_it_is_drawn_once(self, client, own_store):
        client.get("/map", headers=HTML)
        (file,) = (own_store / "cache" / "map").iterdir()
        before = file.stat().st_mtime_ns
        client.get("/map", headers=HTML)
        assert file.stat().st_mtime_ns == before

    def test_products_that_go_leave_the_map(self, client):
        client.get("/map", headers=HTML)
        assert client.delete("/v1/products/p3").status_code == 200
        assert len(self.drawn(client)[0]) == 29

    def test_rows_are_told_and_exported(self, client, own_store):
        rows = np.array([4, 2], "<u4").tobytes()
        told = client.post("/map/products?generation=1", content=rows, headers=JSON | BINARY).json()["products"]
        assert [one["id"] for one in told] == sosie.open(own_store).snapshot.ids([4, 2])
        assert told[0]["picture"].startswith("/pictures/0/p4?w=160")
        text = client.post("/map/products?generation=1", content=rows, headers={"accept": "text/csv"} | BINARY).text
        assert text.splitlines()[0] == "id,title,price,currency,brand,category"
        assert text.splitlines()[1].startswith("p4,purple mug number 4,14.5,EUR,,Home > Mugs")

    @pytest.mark.parametrize(
        ("query", "content", "status"),
        [("generation=7", b"\0\0\0\0", 410), ("generation=1", b"\0", 422), ("generation=x", b"", 422)],
    )
    def test_what_is_no_row_of_this_map_is_refused(self, client, query, content, status):
        answer = client.post(f"/map/products?{query}", content=content, headers=JSON | BINARY)
        assert answer.status_code == status

    def test_rows_beyond_the_store_are_left_out(self, client):
        rows = np.array([5, 4_000_000_000], "<u4").tobytes()
        told = client.post("/map/products?generation=1", content=rows, headers=JSON | BINARY).json()["products"]
        assert [one["id"] for one in told] == ["p5"]

    def test_a_damaged_map_is_drawn_anew(self, client, own_store):
        client.get("/map", headers=HTML)
        (file,) = (own_store / "cache" / "map").iterdir()
        file.write_bytes(b"nothing")
        assert client.get("/map", headers=HTML).status_code == 503
        assert client.get("/map", headers=HTML).status_code == 200

    def test_a_large_store_is_drawn_by_a_job(self, client, monkeypatch):
        import time

        monkeypatch.setattr("sosie.web.page.map.AT_ONCE", 10)
        job = client.get("/map", headers=JSON).json()["job"]
        for _ in range(200):
            if client.get(f"/v1/jobs/{job['id']}").json()["state"] != "running":
                break
            time.sleep(0.1)
        assert client.get("/map", headers=JSON).json()["products"] == 30
