"""One question answered by two weightings, and reports of how good the answers are."""

import time

import pytest
from starlette.testclient import TestClient

import sosie
from sosie.config import Serving, parse_config
from sosie.web.app import create_app

JSON, HTML = {"accept": "application/json"}, {"accept": "text/html"}


@pytest.fixture
def client(own_store):
    with TestClient(create_app(own_store, Serving()), base_url="http://localhost") as client:
        yield client


def test_two_weightings_of_one_question(client, own_store):
    told = client.get("/quality?like=p0&b.weight.colour=4&b.weight.category=0", headers=JSON).json()
    store = sosie.open(own_store)
    sides = [
        [hit.product.id for hit in store.similar("p0")],
        [hit.product.id for hit in store.similar("p0", weights={"colour": 4, "category": 0})],
    ]
    assert [[hit["id"] for hit in told["sides"][side]["hits"]] for side in "ab"] == sides
    assert told["both"] == len(set(sides[0]) & set(sides[1]))
    assert told["sides"]["b"]["weights"] == {"colour": 4, "category": 0}
    text = client.get("/quality?like=p0&b.weight.colour=4&b.weight.category=0", headers=HTML).text
    assert text.count('class="only"') == 2 * (len(sides[0]) - told["both"])


@pytest.fixture
def changed(own_store, shop_folder):
    """The store once more, with other pictures' encoder settings, without p29; and the answers of before."""
    before = {id: [hit.product.id for hit in sosie.open(own_store).similar(id)] for id in ("p0", "p29")}
    rows = (shop_folder / "catalogue.csv").read_text().splitlines(keepends=True)
    kept = "".join(row for row in rows if not row.startswith("p29,")) + rows[-1].replace("p29", "p30", 1)
    catalogue = shop_folder / "changed.csv"
    catalogue.write_text(kept)
    off = parse_config({"signals": {"colour": {"weight": 9.0}, "category": {"enabled": False}}}, "test")
    sosie.build(catalogue, own_store, config=off)
    assert sosie.open(own_store).snapshot.generation.number == 2
    return own_store, before


def test_two_states_of_the_store_side_by_side(changed):
    folder, before = changed
    now = [hit.product.id for hit in sosie.open(folder).similar("p0")]
    assert now != before["p0"]
    with TestClient(create_app(folder, Serving()), base_url="http://localhost") as client:
        told = client.get("/quality?like=p0&b.state=1", headers=JSON).json()
        assert {side: [hit["id"] for hit in told["sides"][side]["hits"]] for side in "ab"} == {
            "a": now,
            "b": before["p0"],
        }
        assert [one["generation"] for one in told["states"]] == [2, 1]
        assert {"colour", "category"} <= {*told["states"][1]["differs"]}
        assert (told["sides"]["a"]["state"], told["sides"]["b"]["state"]) == (2, 1)
        told = client.get("/quality?text=red+lamp&a.state=1", headers=JSON).json()
        assert all(told["sides"][side]["hits"] for side in "ab")
        page = client.get("/quality?like=p0&b.state=1", headers=HTML).text
        assert 'name="b.weight.category"' in page
        assert 'name="a.weight.category"' not in page
        assert page.count('<option value="1" selected>') == 1
        page = client.get("/quality?like=p30&b.state=1", headers=HTML).text
        assert "does not have the product" in page
        assert client.get("/quality?like=p0&b.state=7", headers=JSON).status_code == 422


def test_without_a_question_it_says_what_to_do(client):
    assert "Ask something above" in client.get("/quality", headers=HTML).text
    assert "请在上方提问" in client.get("/quality?lang=zh", headers=HTML).text


@pytest.mark.parametrize("query", ["like=nope", "text=x&a.weight.colour=-1", "text=x&b.weight.nonsense=1"])
def test_what_cannot_be_answered_is_told(client, query):
    assert client.get(f"/quality?{query}", headers=JSON).status_code == 422


def test_a_report_is_made_by_a_job_and_opened(client):
    job = client.post("/quality/reports", data={"kind": "label", "label": "color"}, headers=JSON).json()
    for _ in range(900):
        told = client.get(f"/v1/jobs/{job['id']}").json()
        if told["state"] != "running":
            break
        time.sleep(0.1)
    assert (told["state"], told["error"]) == ("done", "")
    assert "questions" in told["result"]["verdict"]
    page = client.get("/quality", headers=HTML).text
    assert told["result"]["verdict"] in page
    report = client.get(f"/quality/reports/{told['result']['file']}")
    assert "<h1" in report.text
    assert "sandbox" in report.headers["content-security-policy"]
    assert "script" not in report.headers["content-security-policy"]


def test_a_report_on_the_vectors_tells_what_drifted_since_the_state_before(changed):
    with TestClient(create_app(changed[0], Serving()), base_url="http://localhost") as client:
        job = client.post("/quality/reports", data={"kind": "health"}, headers=JSON).json()
        until = time.monotonic() + 120
        while (told := client.get(f"/v1/jobs/{job['id']}").json())["state"] == "running" and time.monotonic() < until:
            time.sleep(0.1)
        assert (told["state"], told["error"]) == ("done", "")
        assert told["result"]["verdict"] in client.get("/quality", headers=HTML).text
        assert "rift" in client.get(f"/quality/reports/{told['result']['file']}").text


@pytest.mark.parametrize(
    "data", [{"kind": "guess"}, {"kind": "label", "label": "nope"}, {"kind": "label"}, {"kind": "../x"}, {}]
)
def test_what_is_no_report_is_refused(client, data):
    assert client.post("/quality/reports", data=data, headers=JSON).status_code == 422


@pytest.mark.parametrize("name", ["nope", "..%2F..%2Fmanifest", "%00"])
def test_only_reports_are_opened(client, name):
    assert client.get(f"/quality/reports/{name}", headers=JSON).status_code == 404
