"""The first candidates compared patch by patch: parts, order, pages, and what a store keeps for it."""

import numpy as np
import pytest
from learned_folders import pictures_folder
from little_shop import catalogue

import sosie
from sosie import Query
from sosie.config import Config, parse_config
from sosie.encoders.matching import matches
from sosie.engine import patches, questions
from sosie.engine.build import BuildOptions, build_store
from sosie.errors import QuestionError


def built(file, folder, enabled=True, **options):
    """A store of a catalogue whose image encoder is a tiny one."""
    look = pictures_folder(folder.parent / "look") if not (folder.parent / "look").exists() else folder.parent / "look"
    signals = {"image": {"encoder": str(look)}, "patches": {"enabled": enabled}}
    signals |= {name: {"enabled": False} for name in ("text", "words", "category", "attributes")}
    config = parse_config({"signals": signals}, "test")
    return build_store(file, folder, BuildOptions(config=config, **options))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop of 30 products of which one has no picture."""
    folder = tmp_path_factory.mktemp("shop")
    file = catalogue(folder, p7={"image": ""})
    assert built(file, folder / "store").encoded["patches"] == 30
    return sosie.open(folder / "store")


def plain(store, id, first):
    """Scores of all others by the definition, without what finds and orders them."""
    snapshot = store.snapshot
    row = snapshot.row(id)
    omega = {s: snapshot.weights[s] / snapshot.scales[s].sigma for s in snapshot.weights}
    total = sum(omega.values())
    base = sum(
        omega[s] * snapshot.vectors(s, range(snapshot.size)) @ snapshot.vectors(s, [row])[0] for s in snapshot.signals
    )
    others = [at for at in np.argsort(-base, kind="stable") if at != row]
    level = snapshot.scales["patches"].mean[0]
    scores = {}
    for place, at in enumerate(others):
        match = matches(snapshot.vectors("patches", [row])[0], snapshot.vectors("patches", [at]))[0]
        part = max(match - level, 0) / (1 - level) if place < first else 0
        scores[snapshot.ids([at])[0]] = (base[at] + omega["patches"] * part) / total, omega["patches"] * part / total
    return scores


@pytest.mark.parametrize("first", [100, 12])
def test_scores_are_those_of_the_definition(shop, monkeypatch, first):
    monkeypatch.setattr(questions, "FIRST", first)
    expected = plain(shop, "p3", first)
    hits = shop.similar("p3", limit=100)
    assert len(hits) == 29
    for hit in hits:
        score, part = expected[hit.product.id]
        assert hit.score == pytest.approx(score, abs=2e-4)
        assert hit.parts["patches"] == pytest.approx(part, abs=2e-4)
        assert sum(hit.parts.values()) == pytest.approx(hit.score, abs=1e-9)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    without = [hit.product.id for hit in shop.similar("p3", limit=100, weights={"patches": 0})]
    assert {hit.product.id for hit in hits[:first]} == set(without[:first])
    assert [hit.product.id for hit in hits[first:]] == without[first:]
    assert [hit.product.id for hit in hits] != without


def test_pages_are_those_of_one_long_answer(shop, monkeypatch):
    monkeypatch.setattr(questions, "FIRST", 12)
    whole = [(hit.product.id, hit.score, hit.rank) for hit in shop.similar("p3", limit=29)]
    pages = [hit for start in range(0, 29, 5) for hit in shop.similar("p3", limit=5, offset=start)]
    assert [(hit.product.id, hit.score, hit.rank) for hit in pages] == whole


def test_a_product_with_the_same_picture_matches_wholly(shop):
    hits = shop.similar("p3", limit=29)
    same = [hit for hit in hits if hit.product.images == shop["p3"].images]
    assert len(same) == 1
    share = same[0].parts["patches"]
    assert share > 0
    assert share == pytest.approx(max(hit.parts["patches"] for hit in hits))
    lacking = next(hit for hit in hits if hit.product.id == "p7")
    assert lacking.parts["patches"] == 0
    assert "patches" in lacking.missing


def test_a_picture_is_compared_and_words_are_not(shop):
    picture = shop["p3"].images[0]
    by_picture = {hit.product.id: hit.parts["patches"] for hit in shop.search(image=picture, limit=30)}
    by_product = {hit.product.id: hit for hit in shop.similar("p3", limit=30, weights={"price": 0})}
    for id, hit in by_product.items():
        assert by_picture[id] == pytest.approx(hit.parts["patches"], abs=0.01)
    assert all("patches" not in hit.parts for hit in shop.similar("p7"))
    assert all("patches" not in hit.parts for hit in shop.search(like=["p1", "p2"]))


def test_a_least_score_is_that_of_all_parts(shop):
    hits = shop.similar("p3", limit=29)
    least = hits[9].score
    assert [hit.product.id for hit in shop.similar("p3", limit=29, min_score=least - 1e-4)] == [
        hit.product.id for hit in hits if hit.score >= least
    ]


def test_patches_alone_find_nothing(shop):
    weights = dict.fromkeys(("image", "colour", "price", "exact"), 0)
    answer = shop.ask(Query(like=("p3",), weights=weights))
    assert answer.hits == ()
    assert "says nothing to the signals" in answer.notes[0]
    with pytest.raises(QuestionError, match="unknown signal 'patch'"):
        shop.similar("p3", weights={"patch": 1})


def test_it_is_off_by_default_and_switched_on_and_off_without_the_others(tmp_path):
    file = catalogue(tmp_path)
    built(file, tmp_path / "store", enabled=False)
    store = sosie.open(tmp_path / "store")
    assert "patches" not in store.snapshot.weights
    assert not Config().signals.patches.enabled
    assert built(file, tmp_path / "store").encoded == {"patches": 30}
    before = store.snapshot.vectors("patches", range(30))
    assert before.any(axis=1).all()
    catalogue(tmp_path, p3={"image": "pictures/green-mug.png"})
    built(file, tmp_path / "store")
    assert store.snapshot.version == "2.1"
    rows = [store.snapshot.row(f"p{at}") for at in range(30)]
    changed = (store.snapshot.vectors("patches", rows) != before).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [3]
    alike = patches.compare(store.snapshot, store.snapshot.vectors("patches", [rows[3]])[0], np.array([rows[1]]))
    assert shop_pictures(store, "p3", "p1") == 1
    assert alike[0] == pytest.approx(1, abs=1e-4)
    built(file, tmp_path / "store", enabled=False)
    assert "patches" not in store.snapshot.weights
    assert not list(store.snapshot.folder.glob("*patches*"))


def shop_pictures(store, *ids):
    """How many pictures these have among them."""
    return len({image for id in ids for image in store[id].images})
