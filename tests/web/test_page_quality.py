"""One question answered by two weightings, and reports of how good the answers are."""

import time

import pytest
from starlette.testclient import TestClient

import sosie
from sosie.config import Serving
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


@pytest.mark.parametrize(
    "data", [{"kind": "guess"}, {"kind": "label", "label": "nope"}, {"kind": "label"}, {"kind": "../x"}, {}]
)
def test_what_is_no_report_is_refused(client, data):
    assert client.post("/quality/reports", data=data, headers=JSON).status_code == 422


@pytest.mark.parametrize("name", ["nope", "..%2F..%2Fmanifest", "%00"])
def test_only_reports_are_opened(client, name):
    assert client.get(f"/quality/reports/{name}", headers=JSON).status_code == 404
