"""Pins and blocks: where they stand in an answer, what they outlive, what is refused."""

import json
import shutil
import threading

import pytest
from little_shop import catalogue

import sosie
from sosie.config import parse_config
from sosie.engine.build import BuildOptions, build_store
from sosie.engine.live import Live
from sosie.engine.questions import answer
from sosie.engine.rules import ANYWHERE, NO_RULES, Rules, change_rules, read_rules
from sosie.errors import QuestionError, StoreError
from sosie.types import Product, Query

SIGNALS = {"image": {"enabled": False}, "text": {"enabled": False}, "colour": {"enabled": False}}
CONFIG = parse_config({"signals": SIGNALS}, "test")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    sosie.build(catalogue(folder), folder / "store", config=CONFIG)
    return folder


@pytest.fixture
def store(built, tmp_path):
    shutil.copytree(built / "store", tmp_path / "store")
    return sosie.open(tmp_path / "store")


def ids(hits):
    return [hit.product.id for hit in hits]


def test_pinned_hits_come_first_with_their_true_scores(store):
    plain = {hit.product.id: hit for hit in store.similar("p0", limit=29)}
    worst = ids(plain.values())[-2:]
    store.pin("p0", worst)
    hits = store.similar("p0", limit=29)
    assert ids(hits) == [*worst, *(id for id in plain if id not in worst)]
    assert [hit.pinned for hit in hits] == [True, True, *[False] * 27]
    assert [hit.rank for hit in hits] == list(range(1, 30))
    assert all((hit.score, hit.parts) == (plain[hit.product.id].score, plain[hit.product.id].parts) for hit in hits)
    assert ids(store.similar("p1", limit=29)) != ids(hits)
    assert not any(hit.pinned for hit in store.similar("p1", limit=29))


def test_pages_of_an_answer_go_on_from_the_pins(store):
    store.pin("p0", ["p20", "p7", "p11"])
    whole = ids(store.similar("p0", limit=12))
    for size in (1, 2, 5):
        pages = [ids(store.similar("p0", limit=size, offset=offset)) for offset in range(0, 10, size)]
        assert [id for page in pages for id in page][:10] == whole[:10]


def test_a_blocked_product_gives_its_place_to_the_next(store):
    plain = ids(store.similar("p0", limit=10))
    store.block("p0", plain[:1])
    assert ids(store.similar("p0", limit=9)) == plain[1:]
    assert plain[0] in ids(store.similar("p1", limit=29))
    store.block(ANYWHERE, [plain[1]])
    for asked in ("p0", "p1"):
        assert plain[1] not in ids(store.similar(asked, limit=29))
    assert store.similar(plain[1], limit=3), "it can still be asked about"


def test_variants_of_a_blocked_product_are_blocked_with_it(store):
    Live(store).put([Product("p3b", title=store["p3"].title, group="p3")])
    assert {"p3", "p3b"} & set(ids(store.similar("p0", limit=30)))
    store.block("p0", ["p3b"])
    assert not {"p3", "p3b"} & set(ids(store.similar("p0", limit=30)))
    store.pin("p0", ["p3"])
    assert "p3" not in ids(store.similar("p0", limit=30)), "a block is stronger"


def test_only_questions_about_one_product_obey(store):
    store.pin("p0", ["p20"])
    store.block("p0", ["p15"])
    both = store.search(like=["p0", "p1"], limit=29)
    assert not any(hit.pinned for hit in both)
    assert "p15" in ids(both)
    assert "p15" in ids(store.search(text="red shirt number", limit=29))


def test_a_filter_and_other_weights_hold_for_pins(store):
    store.pin("p0", ["p20", "p7"])
    hits = store.similar("p0", where="price < 20", weights={"price": 1.0, "words": 0.0}, diversity=0.3, min_score=0.99)
    assert ids(hits)[0] == "p7"
    assert "p20" not in ids(hits)
    assert hits[0].score < 0.99
    assert store.ask(Query(like=("p0",), where="price < 20")).total == 10


def test_rules_given_with_the_question_stand_in_place_of_the_stores(store):
    store.pin("p0", ["p20"])
    plain = answer(store.snapshot, Query(like=("p0",)), store.encoder, NO_RULES).hits
    assert not any(hit.pinned for hit in plain)
    other = answer(store.snapshot, Query(like=("p0",)), store.encoder, Rules({"p0": ("p7",)})).hits
    assert (other[0].product.id, other[0].pinned) == ("p7", True)


def test_rules_of_products_that_are_gone_wait(store):
    store.pin("p0", ["p20", "p7"])
    store.block("p0", ["p9"])
    live = Live(store)
    old = store["p20"]
    live.remove(["p20", "p9"])
    assert [hit.product.id for hit in store.similar("p0", limit=29) if hit.pinned] == ["p7"]
    live.put([old])
    assert [hit.product.id for hit in store.similar("p0", limit=29) if hit.pinned] == ["p20", "p7"]
    assert store.rules == Rules({"p0": ("p20", "p7")}, {"p0": ("p9",)})


def test_they_outlive_builds_other_encoders_merges_and_roll_backs(store, built):
    store.pin("p0", ["p20"])
    store.block("p1", ["p2"])
    said = store.rules
    live = Live(store)
    live.put([Product("new", title="lamp")])
    live.merge()
    other = parse_config({"signals": SIGNALS | {"words": {"dim": 64}}}, "test")
    build_store(built / "catalogue.csv", store.folder, BuildOptions(config=other))
    assert sosie.open(store.folder).rules == said
    assert store.similar("p0", limit=1)[0].pinned
    store.local.rollback()
    assert store.rules == said
    assert store.similar("p0", limit=1)[0].product.id == "p20"


def test_the_last_word_counts(store):
    store.pin("p0", ["p1", "p2"])
    store.pin("p0", ["p3", "p1"])
    assert store.rules.pins == {"p0": ("p1", "p2", "p3")}
    store.block("p0", ["p2"])
    assert (store.rules.pins, store.rules.blocks) == ({"p0": ("p1", "p3")}, {"p0": ("p2",)})
    store.pin("p0", ["p2"])
    assert (store.rules.pins, store.rules.blocks) == ({"p0": ("p1", "p3", "p2")}, {})
    store.unpin("p0", ["p1", "never"])
    assert store.rules.pins == {"p0": ("p3", "p2")}
    store.unpin("p0")
    assert store.unblock(ANYWHERE) == store.rules == NO_RULES


def test_what_is_refused(store):
    with pytest.raises(QuestionError, match=r"no product 'p77'.*p7"):
        store.pin("p0", ["p77"])
    with pytest.raises(QuestionError, match="no product 'p77'"):
        store.block(ANYWHERE, ["p77"])
    with pytest.raises(QuestionError, match="beside itself"):
        store.pin("p0", ["p0"])
    store.block(ANYWHERE, ["p5"])
    with pytest.raises(QuestionError, match="p5: is blocked beside every product"):
        store.pin("p0", ["p5"])
    assert store.rules == Rules({}, {"*": ("p5",)})


def test_many_change_them_at_once(store):
    def pin(at):
        change_rules(store.folder, lambda rules: rules.with_pins("p0", [f"x{at}"]))

    threads = [threading.Thread(target=pin, args=(at,)) for at in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(read_rules(store.folder).pins["p0"]) == {f"x{at}" for at in range(12)}


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1, "pins": {"a": "b"}, "blocks": {}}', '{"format": 1, "pins": {"a": [1]}}']
)
def test_a_damaged_file_is_told(store, content):
    (store.folder / "rules.json").write_text(content)
    with pytest.raises(StoreError, match=r"rules\.json: can't be understood"):
        store.similar("p0")
    (store.folder / "rules.json").write_text(json.dumps({"format": 9}))
    with pytest.raises(StoreError, match="newer sosie"):
        store.similar("p0")
