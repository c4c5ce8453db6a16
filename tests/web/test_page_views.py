"""Views as a browser and a program get them, from a real application."""

import io
import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

import sosie
from sosie.config import Serving
from sosie.web.app import create_app
from sosie.web.page.pictures import WIDTHS

sys.path.append(str(Path(__file__).parents[1] / "pages"))

import reading_pages

HTML = {"accept": "text/html,application/xhtml+xml"}
JSON = {"accept": "application/json"}
HOSTILE = """"'><script>alert(1)</script>"""


def serving(store):
    return TestClient(create_app(store, Serving()), base_url="http://localhost")


@pytest.fixture(scope="module")
def client(store):
    """The same client for all tests that only read."""
    with serving(store) as client:
        yield client


@pytest.fixture(autouse=True)
def _void(monkeypatch):
    monkeypatch.setattr(reading_pages, "VOID", reading_pages.VOID | {"link", "input", "path", "circle"})


def page(response, status=200):
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return reading_pages.Page(response.text)


def photo(colour, size=(300, 200), kind="PNG", **more):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **more)
    return out.getvalue()


def titles(found):
    return [one["title"] for one in found.all("h3") if "title" in one]


class TestSearch:
    def test_home_says_what_to_do_and_offers_products(self, client):
        found = page(client.get("/", headers=HTML))
        assert "Type words, drop a photo anywhere on this page" in found.words
        assert len(titles(found)) == 24
        assert all(href.startswith("/?like=p") for one in found.classed("open") if (href := one["href"]))

    def test_answers_are_those_of_the_engine_with_reasons(self, client, store):
        found = page(client.get("/?text=red+mug&limit=5", headers=HTML))
        hits = sosie.open(store).search("red mug", limit=5)
        assert titles(found) == [hit.product.title for hit in hits]
        assert all(f"{hit.score:.4f}" in found.words for hit in hits)
        assert "has the words asked for" in found.words

    def test_the_twin_has_the_same_answers(self, client, store):
        wanted = [(hit.product.id, hit.score, dict(hit.parts)) for hit in sosie.open(store).search("red mug", limit=3)]
        for path, headers in (("/?text=red+mug&limit=3", JSON), ("/?text=red+mug&limit=3&format=json", HTML)):
            told = client.get(path, headers=headers).json()
            assert [(hit["id"], hit["score"], hit["parts"]) for hit in told["hits"]] == wanted
            assert told["asked"] == {"text": "red mug", "limit": "3"}
            assert not any("shop" in picture for hit in told["hits"] for picture in hit["images"])  # no paths of ours

    def test_everything_of_a_question_is_in_its_address(self, client, store):
        query = "like=p0&unlike=p3&weight.colour=0&weight.image=2&only.color=blue&only.color=green&price_to=30"
        told = client.get(f"/?{query}", headers=JSON).json()
        wanted = sosie.open(store).search(
            like=["p0"],
            unlike=["p3"],
            weights={"colour": 0, "image": 2},
            where="color in ('blue', 'green') and price <= 30",
            limit=24,
        )
        assert [hit["id"] for hit in told["hits"]] == [hit.product.id for hit in wanted]
        found = page(client.get(f"/?{query}", headers=HTML))
        fields = [(one["name"], one["value"]) for one in found.all("input") if one.get("form") == "ask"]
        assert {("like", "p0"), ("unlike", "p3"), ("only.color", "blue"), ("weight.image", "2")} <= set(fields)
        for gone in ("like=p0&", "unlike=p3&", "only.color=blue&", "&price_to=30"):
            rest = query.replace(gone, "")
            assert any(sorted(one["href"][2:].split("&")) == sorted(rest.split("&")) for one in found.classed("away"))

    def test_a_part_is_what_changes_and_no_whole_page(self, client):
        text = client.get("/?text=mug&part", headers=HTML).text
        assert 'id="answers"' in text
        assert 'id="facets"' in text
        assert "<html" not in text

    def test_what_is_asked_is_text_and_never_runs(self, client):
        answer = client.get("/", params={"text": HOSTILE, "category": HOSTILE}, headers=HTML)
        assert "<script>alert" not in answer.text
        assert any(one.get("value") == HOSTILE for one in page(answer).all("input"))

    def test_chinese(self, client):
        found = page(client.get("/?text=mug", headers=HTML | {"accept-language": "zh-CN"}))
        assert found.all("html") == [{"lang": "zh"}]
        assert "按相似度排序" in found.words
        linked = page(client.get("/?text=mug&lang=zh", headers=HTML))
        assert all("lang=zh" in one["href"] for one in linked.classed("open"))
        assert [one["href"] for one in linked.classed("tongue")] == ["/?text=mug&lang=en"]

    def test_nothing_found_says_what_to_take_away(self, client):
        found = page(client.get("/?text=mug&price_from=5000", headers=HTML))
        assert "None of the 30 products passes these filters" in found.words
        assert any(one["href"] == "/?text=mug" for one in found.classed("away"))

    @pytest.mark.parametrize(
        ("query", "status", "said"),
        [
            ("like=nope", 422, "there is no product"),
            ("text=x&where=price+%3C", 422, "filter:"),
            ("text=x&weight.image=-1", 422, "not usable"),
            ("text=x&weight.nonsense=1", 422, "unknown signal"),
            ("picture=" + "0" * 32, 422, "isn’t kept any more"),
            ("picture=../../manifest", 422, "isn’t kept any more"),
            ("text=x&diversity=3", 422, "diversity"),
        ],
    )
    def test_what_cannot_be_answered_is_told(self, client, query, status, said):
        assert said.replace("’", "'") in page(client.get(f"/?{query}", headers=HTML), status).words
        problem = client.get(f"/?{query}", headers=JSON)
        assert problem.status_code == status
        assert said.replace("’", "'") in problem.json()["detail"]


class TestPictures:
    def test_a_dropped_picture_is_asked_with(self, client, store):
        name = client.post("/pictures", content=photo("red"), headers=JSON).json()["picture"]
        assert re.fullmatch("[0-9a-f]{32}", name)
        assert name == client.post("/pictures", content=photo("red"), headers=JSON).json()["picture"]
        told = client.get(f"/?picture={name}", headers=JSON).json()
        assert len(told["hits"]) > 5
        found = page(client.get(f"/?picture={name}", headers=HTML))
        shown = next(one["src"] for one in found.all("img") if one["src"].startswith("/asked/"))
        assert Image.open(io.BytesIO(client.get(shown).content)).size == (300, 200)

    def test_a_part_of_it_is_what_counts(self, client, tmp_path):
        both = Image.new("RGB", (400, 200), "red")
        both.paste("blue", (200, 0, 400, 200))
        both.save(tmp_path / "both.png")
        name = client.post("/pictures", content=(tmp_path / "both.png").read_bytes(), headers=JSON).json()["picture"]
        part = Image.open(io.BytesIO(client.get(f"/asked/{name}?crop=500,0,500,1000").content))
        assert part.size == (200, 200)
        assert part.getpixel((100, 100))[2] > 240
        ask = f"/?picture={name}&weight.image=0&limit=1"
        left, right = (client.get(f"{ask}&crop={x},0,500,1000", headers=JSON).json()["hits"] for x in (0, 500))
        assert ("red" in left[0]["title"], "blue" in right[0]["title"]) == (True, True)

    def test_a_form_without_script_leads_on_to_the_answers(self, client):
        files = {"file": ("me.png", photo("green"), "image/png")}
        answer = client.post("/pictures", files=files, data={"text": "mug"}, follow_redirects=False)
        assert answer.status_code == 303
        assert re.fullmatch("/\\?text=mug&picture=[0-9a-f]{32}", answer.headers["location"])

    def test_where_it_was_taken_is_not_kept(self, client):
        exif = Image.Exif()
        exif[0x010F] = "secret camera"
        name = client.post("/pictures", content=photo("red", kind="JPEG", exif=exif), headers=JSON).json()["picture"]
        assert b"secret" not in client.get(f"/asked/{name}").content

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            (b"", 422),
            (b"hello", 422),
            (b"<svg onload='alert(1)'></svg>", 422),
            (photo("red", kind="JPEG")[:60], 422),
            (b"x" * (21 << 20), 413),
        ],
    )
    def test_what_is_no_picture_is_refused(self, client, content, status):
        answer = client.post("/pictures", content=content, headers=JSON)
        assert answer.status_code == status
        assert "tmp" not in answer.json()["detail"]

    def test_a_bomb_is_refused(self, client):
        bomb = io.BytesIO()
        Image.new("1", (12_000, 9_000)).save(bomb, "PNG")  # small as a file, 108 million pixels
        answer = client.post("/pictures", content=bomb.getvalue(), headers=JSON)
        assert answer.status_code == 422
        assert "pixels" in answer.json()["detail"]

    def test_thumbnails_are_made_once_in_the_right_size(self, client, store):
        found = page(client.get("/?like=p0", headers=HTML))
        image = next(one for one in found.all("img") if "srcset" in one)
        assert (image["width"], image["height"]) == ("320", "320")
        made = store / "cache" / "thumbnails"
        answers = [client.get(image["src"]) for _ in range(2)]
        assert answers[0].headers["content-type"] == "image/webp"
        assert "immutable" in answers[0].headers["cache-control"]
        assert answers[0].content == answers[1].content
        files = {file.name for file in made.glob("*/*")}
        client.get(image["src"])
        assert {file.name for file in made.glob("*/*")} == files
        assert Image.open(io.BytesIO(answers[0].content)).size == (64, 64)  # never larger than it was

    def test_only_sizes_that_there_are(self, client, store):
        for asked in (1, 161, 99999):
            assert client.get(f"/pictures/0/p0?w={asked}").status_code == 200
        widths = {int(file.stem.split("-")[1]) for file in (store / "cache" / "thumbnails").glob("*/*.webp")}
        assert widths <= set(WIDTHS)

    @pytest.mark.parametrize("path", ["/pictures/9/p0", "/pictures/0/nope", "/pictures/-1/p0"])
    def test_a_picture_that_is_not_there(self, client, path):
        assert client.get(path, headers=JSON).status_code == 404

    @pytest.mark.parametrize("id", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%00"])
    def test_an_id_is_never_a_path(self, client, id):
        for path in (f"/pictures/0/{id}", f"/products/{id}"):
            answer = client.get(path, headers=JSON)
            assert answer.status_code == 404
            assert b"root:" not in answer.content


class TestProduct:
    def test_look_alikes_together_and_by_each_signal(self, client, store):
        opened = sosie.open(store)
        told = client.get("/products/p0", headers=JSON).json()
        assert [hit["id"] for hit in told["hits"]] == [hit.product.id for hit in opened.similar("p0")]
        signals = opened.snapshot.signals
        alone = {one: float(one == "colour") for one in signals}
        wanted = [hit.product.id for hit in opened.similar("p0", limit=8, weights=alone, min_score=0.01)]
        assert [one["id"] for one in told["by_signal"]["colour"]] == wanted
        found = page(client.get("/products/p0", headers=HTML))
        assert "By each signal alone" in found.words
        assert opened["p0"].text in found.words

    def test_two_products_field_by_field(self, client):
        fields = client.get("/products/p0?beside=p5", headers=JSON).json()["compared"]["fields"]
        assert fields["Title"] == {"a": "red shirt number 0", "b": "red lamp number 5", "same": False}
        assert fields["color"] == {"a": "red", "b": "red", "same": True}
        found = client.get("/products/p0?beside=p5", headers=HTML).text
        assert "red <mark>shirt</mark> number <mark>0</mark>" in found
        assert "red <mark>lamp</mark> number <mark>5</mark>" in found

    def test_the_score_of_two_is_that_of_the_answer(self, client):
        told = client.get("/products/p0", headers=JSON).json()["hits"][0]
        compared = client.get(f"/products/p0?beside={told['id']}", headers=JSON).json()["compared"]
        assert compared["score"] == told["score"]

    @pytest.mark.parametrize(("path", "said"), [("nope", "no product"), ("p0?beside=nope", "no product")])
    def test_a_product_that_is_not_there(self, client, path, said):
        found = page(client.get(f"/products/{path}", headers=HTML), 404)
        assert said in found.words
        assert "There is nothing here" in found.words

    def test_not_beside_itself(self, client):
        assert client.get("/products/p0?beside=p0", headers=JSON).status_code == 422


class TestJudgements:
    def say(self, client, grade, first="p0", second="p5", kind="pairs", **headers):
        data = {"kind": kind, "first": first, "second": second, "grade": grade}
        return client.post("/judgements", data=data, headers=JSON | headers, follow_redirects=False)

    @pytest.fixture
    def own(self, own_store):
        with serving(own_store) as client:
            yield client

    def test_thumbs_are_pairs_that_evaluate_reads(self, own, own_store):
        from sosie.evaluate.task import TaskOptions
        from sosie.evaluate.truth_pairs import pairs_task

        for first, second, grade in (("p0", "p5", 1), ("p5", "p0", 0), ("p1", "p0", 1), ("p2", "p3", 1)):
            assert self.say(own, grade, first, second).status_code == 200
        self.say(own, "", "p2", "p3")
        assert own.get("/judgements/pairs.csv").text == "a,b,grade\np0,p5,0\np0,p1,1\n"
        snapshot = sosie.open(own_store).snapshot
        task = pairs_task(snapshot, own_store / "judgements" / "pairs.csv", TaskOptions())
        assert (snapshot.ids(task.a), snapshot.ids(task.b)) == (["p0", "p0"], ["p5", "p1"])
        assert task.grades.tolist() == [0, 1]

    def test_thumbs_on_words_are_judgements_that_evaluate_reads(self, own, own_store):
        from sosie.evaluate.task import TaskOptions
        from sosie.evaluate.truth_qrels import qrels_task

        for words, product in (("red mug", "p10"), ("=cmd()", "p3"), ("red mug", "p25")):
            assert self.say(own, 1, words, product, "words").status_code == 200
        file = own_store / "judgements" / "words.csv"
        assert "'=cmd()" in file.read_text()  # no spreadsheet runs it
        task = qrels_task(sosie.open(own_store).snapshot, file, None, TaskOptions())
        assert {query.text for query in task.asked} >= {"red mug"}

    def test_thumbs_on_a_photo_are_judgements_that_evaluate_reads(self, own, own_store):
        from sosie.evaluate.task import TaskOptions
        from sosie.evaluate.truth_qrels import qrels_task

        name = own.post("/pictures", content=photo("red"), headers=JSON).json()["picture"]
        whole, part = f"photos/{name}.jpg", f"photos/{name}-0-0-500-500.jpg"
        assert own.get(f"/?picture={name}&crop=0,0,500,500", headers=HTML).status_code == 200
        for key, product, grade in ((whole, "p3", 1), (whole, "p4", 0), (part, "p8", 1)):
            assert self.say(own, grade, key, product, "photos").status_code == 200
        found = page(own.get(f"/?picture={name}", headers=HTML))
        firsts = [one["value"] for one in found.all("input") if one.get("name") == "first"]
        assert set(firsts) == {whole}
        file = own_store / "judgements" / "photos.csv"
        task = qrels_task(sosie.open(own_store).snapshot, file, None, TaskOptions())
        assert {str(query.image) for query in task.asked} == {str(file.parent / key) for key in (whole, part)}
        assert own.get("/quality", headers=JSON).json()["judgements"] == {"pairs": 0, "words": 0, "photos": 3}
        told = own.get(f"/?picture={name}&text=red", headers=HTML).text
        assert 'name="grade"' not in told  # of a mixture nobody knows what was meant

    @pytest.mark.parametrize(
        "key", ["photos/nope.jpg", "photos/../manifest.json", f"photos/{'0' * 32}.jpg", f"photos/{'0' * 32}-1.jpg", "x"]
    )
    def test_a_photo_that_is_not_kept_is_refused(self, own, own_store, key):
        assert self.say(own, 1, key, "p3", "photos").status_code == 422
        assert not (own_store / "judgements").exists()

    def test_what_was_said_is_shown(self, own):
        first = own.get("/?like=p0", headers=JSON).json()["hits"][0]["id"]
        self.say(own, 1, "p0", first)
        found = page(own.get("/?like=p0", headers=HTML))
        pressed = [one["aria-pressed"] for one in found.all("button") if one.get("name") == "grade"]
        assert pressed[:3] == ["true", "false", "false"]

    @pytest.mark.parametrize(
        ("came", "back"),
        [
            ("http://localhost/products/p0?beside=p5", "/products/p0?beside=p5"),
            ("http://evil.example/x", "/"),
            ("http://localhost//evil.example", "/evil.example"),
            ("", "/"),
        ],
    )
    def test_a_form_leads_back(self, own, came, back):
        headers = {"accept": "text/html", "referer": came}
        data = {"kind": "pairs", "first": "p0", "second": "p5", "grade": "1"}
        answer = own.post("/judgements", data=data, headers=headers, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, back)

    @pytest.mark.parametrize(
        ("more", "status"),
        [
            ({"grade": "2"}, 422),
            ({"grade": 1, "kind": "../pairs"}, 422),
            ({"grade": 1, "second": "nope"}, 422),
            ({"grade": 1, "second": "p0"}, 422),
            ({"grade": 1, "origin": "http://evil.example"}, 403),
        ],
    )
    def test_what_is_no_judgement_is_refused(self, own, own_store, more, status):
        assert self.say(own, **more).status_code == status
        assert not (own_store / "judgements" / "pairs.csv").exists()


class TestRules:
    @pytest.fixture
    def own(self, own_store):
        with serving(own_store) as client:
            yield client

    def rule(self, client, rule, other, product="p0", headers=JSON):
        data = {"product": product, "other": other, "rule": rule}
        return client.post("/rules", data=data, headers=headers, follow_redirects=False)

    def test_pinned_comes_first_and_blocked_never(self, own):
        before = [hit["id"] for hit in own.get("/products/p0", headers=JSON).json()["hits"]]
        assert self.rule(own, "pin", "p4").status_code == 200
        assert self.rule(own, "block", before[0]).status_code == 200
        told = own.get("/products/p0", headers=JSON).json()
        assert [hit["id"] for hit in told["hits"]][:2] == ["p4", before[1]]
        assert told["blocked"] == [before[0]]
        text = own.get("/products/p0", headers=HTML).text
        assert "pinned</span>" in text
        assert "Never shown here" in text
        self.rule(own, "unpin", "p4")
        assert self.rule(own, "unblock", before[0], headers=HTML).status_code == 303
        assert [hit["id"] for hit in own.get("/products/p0", headers=JSON).json()["hits"]] == before

    @pytest.mark.parametrize(("rule", "other"), [("hide", "p1"), ("pin", "p0"), ("pin", "nope"), ("", "")])
    def test_what_is_no_rule_is_refused(self, own, own_store, rule, other):
        assert self.rule(own, rule, other).status_code == 422
        assert not (own_store / "rules.json").exists()


class TestShell:
    def test_nothing_inline_and_nothing_from_elsewhere(self, client):
        for path in ("/", "/?text=mug&like=p0", "/products/p0?beside=p5", "/?like=nope"):
            answer = client.get(path, headers=HTML)
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            assert "unsafe" not in answer.headers["content-security-policy"]
            found = reading_pages.Page(answer.text)
            assert not any("style" in one or any(name.startswith("on") for name in one) for _, one in found.elements)
            assert found.all("style") == []
            addresses = [one[name] for _, one in found.elements for name in ("src", "href", "action") if name in one]
            assert all(re.match("/(?!/)|#", address) for address in addresses)

    def test_files_are_kept_for_ever_under_their_version(self, client):
        found = page(client.get("/", headers=HTML))
        weight = len(client.get("/", headers=HTML).content)
        for name in [one["href"] for one in found.all("link")] + [one["src"] for one in found.all("script")]:
            answer = client.get(name)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
            weight += len(answer.content)
            folder = name.rpartition("/")[0]
            for module in re.findall(r'from "\./(\w+\.js)"', answer.text):
                weight += len(client.get(f"{folder}/{module}").content)
        assert weight < 300_000  # bytes, before they are packed

    def test_no_other_file_is_served(self, client):
        for name in ("nope.js", "..%2Frouter.py", "%2e%2e/router.py"):
            assert client.get(f"/static/x/{name}", headers=JSON).status_code == 404

    def test_the_twin_is_linked(self, client):
        found = page(client.get("/?text=mug", headers=HTML))
        twin = next(one["href"] for one in found.all("a") if "format=json" in one["href"])
        assert json.loads(client.get(twin, headers=HTML).content)["hits"]
