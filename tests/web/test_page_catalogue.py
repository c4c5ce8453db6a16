"""A catalogue brought in through the page: seen first, corrected, then written by a job."""

import time

import pytest
from starlette.testclient import TestClient

import sosie
from sosie.config import Serving
from sosie.web.app import create_app

JSON, HTML = {"accept": "application/json"}, {"accept": "text/html"}
CSV = (
    "ref,name,price,kind,picture\n"
    "p0,red shirt number 0,99.00 EUR,Home > Shirts,pictures/red-shirt.png\n"
    "x1,<b>grey</b> mug,5.00 EUR,Home > Mugs,\n"
    "x2,white mug,cheap,Home > Mugs,/etc/passwd\n"
)


@pytest.fixture
def client(own_store):
    with TestClient(create_app(own_store, Serving()), base_url="http://localhost") as client:
        yield client


def upload(client, content=CSV, name="new.csv", **more):
    return client.post("/catalogue/files", files={"file": (name, content)}, headers=JSON, **more)


def finished(client, job):
    for _ in range(600):
        told = client.get(f"/v1/jobs/{job['id']}").json()
        if told["state"] != "running":
            return told
        time.sleep(0.1)
    raise AssertionError(told)


def test_what_is_there(client):
    told = client.get("/catalogue", headers=JSON).json()
    assert (told["products"], told["without_variants"], told["draft"]) == (30, 30, None)
    assert told["last_build"] == {"added": 30, "changed": 0, "removed": 0, "unchanged": 0, "rejected": 0}
    text = client.get("/catalogue", headers=HTML).text
    assert "30 added, 0 changed, 0 removed, 0 unchanged." in text
    assert "/shop" not in text  # no path of this machine


def test_a_file_is_seen_before_anything_is_written(client, own_store):
    before = sosie.open(own_store).snapshot.version
    file = upload(client).json()["file"]
    draft = client.get(f"/catalogue?file={file}", headers=JSON).json()["draft"]
    fields = {column["name"]: column["field"] for column in draft["columns"]}
    assert (fields["name"], fields["price"], fields["picture"]) == ("title", "price", "images")
    assert [one["title"] for one in draft["products"]] == ["red shirt number 0", "grey mug", "white mug"]
    assert any(reject["field"] == "price" and reject["row"] == 3 for reject in draft["rejects"])
    assert any("outside" in reject["reason"] for reject in draft["rejects"])  # no file beyond the catalogue's folder
    assert sosie.open(own_store).snapshot.version == before


def test_columns_are_corrected_in_the_address(client):
    file = upload(client).json()["file"]
    told = client.get(f"/catalogue?file={file}&as.kind=brand&as.price=ignore", headers=JSON).json()["draft"]
    chosen = {column["name"]: (column["field"], column["chosen"]) for column in told["columns"]}
    assert chosen["kind"] == ("brand", "brand")
    assert chosen["price"] == ("", "ignore")
    text = client.get(f"/catalogue?file={file}&as.kind=brand", headers=HTML).text
    assert 'name="as.kind" value="brand"' in text  # the form that writes says it, too


def test_it_is_written_by_a_job(client, own_store):
    file = upload(client).json()["file"]
    job = client.post("/catalogue/build", data={"file": file, "as.kind": "brand"}, headers=JSON).json()
    refused = finished(client, job)
    assert refused["state"] == "failed"
    assert "29" in refused["error"]  # products that the file lacks: more than a fifth
    assert len(sosie.open(own_store)) == 30
    data = {"file": file, "as.kind": "brand", "allow_removals": "1"}
    told = finished(client, client.post("/catalogue/build", data=data, headers=JSON).json())
    assert told["state"] == "done"
    assert told["result"]["changes"] == {"added": 2, "changed": 1, "removed": 29, "unchanged": 0}
    store = sosie.open(own_store)
    assert (store["x1"].title, store["x1"].brand, store["p0"].price) == ("grey mug", "Home > Mugs", 99.0)
    assert [hit["id"] for hit in client.get("/?text=grey+mug&limit=1", headers=JSON).json()["hits"]] == ["x1"]
    assert "2 added, 1 changed, 29 removed" in client.get("/catalogue", headers=HTML).text


def test_what_is_wrong_is_found_by_a_job(client):
    job = client.post("/catalogue/check", headers=JSON).json()
    told = finished(client, job)
    assert (told["state"], told["result"]["products"]) == ("done", 30)
    file = upload(client).json()["file"]
    told = finished(client, client.post("/catalogue/check", data={"file": file}, headers=JSON).json())
    assert told["result"]["products"] == 3
    assert told["result"]["findings"]
    page = client.get("/catalogue", headers=HTML).text
    assert all(finding["advice"][:20] in page for finding in told["result"]["findings"])


def test_a_form_leads_on(client):
    answer = client.post(
        "/catalogue/files?lang=zh", files={"file": ("a.csv", CSV)}, headers=HTML, follow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/catalogue?file=")
    assert answer.headers["location"].endswith("&lang=zh")
    assert "文件将这样读取" in client.get(answer.headers["location"], headers=HTML).text


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [("a.exe", "x", 422), ("a.csv", "", 422), ("../../a.csv.sh", "x", 422), ("a.csv", "only,columns\n", 0)],
)
def test_what_is_no_catalogue_is_refused(client, name, content, status):
    answer = upload(client, content, name)
    if status:
        assert answer.status_code == status
    else:
        answer = client.get(f"/catalogue?file={answer.json()['file']}", headers=JSON)
        assert answer.status_code == 422
        assert "holds no product" in answer.json()["detail"]
        assert "cache" not in answer.json()["detail"]


@pytest.mark.parametrize("file", ["../manifest.json", "0" * 32 + ".csv", "x.csv", "%00"])
def test_only_files_that_were_given_are_read(client, file):
    assert client.get("/catalogue", params={"file": file}, headers=JSON).status_code == 404
    assert client.post("/catalogue/build", data={"file": file}, headers=JSON).status_code == 404
