"""What other settings would give and cost."""

import numpy as np
import pytest
from shop_of import shop_of, write_catalogue

from sosie.config import Config
from sosie.engine.build import BuildOptions, build_store
from sosie.engine.shop import Store
from sosie.errors import ConfigError
from sosie.evaluate.answers import ask, defaults, fused
from sosie.evaluate.pool import pool
from sosie.evaluate.task import Lists, Task, TaskOptions
from sosie.evaluate.trade import _adopted, _coded, _on_front, changed_to, remade, switched_off, trades
from sosie.evaluate.trade_index import through_index
from sosie.evaluate.truth import Listed, label_task
from sosie.evaluate.values import values_of
from sosie.reports import Figure, Trade
from sosie.types import Query

SIZE = 300
THINGS = ("shirt", "bottle", "lamp", "boot", "chair", "spoon")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Large enough, as it is told, for codes; titles tell kinds, `noise` says nothing."""
    draw = np.random.default_rng(0)
    columns = {
        "title": [f"{THINGS[at % 6]} {THINGS[draw.integers(6)]} x{at}" for at in range(SIZE)],
        "kind": [THINGS[at % 6] for at in range(SIZE)],
        "split": ["test" if at % 7 < 2 else "train" for at in range(SIZE)],
    }
    noise = draw.standard_normal((SIZE, 16)).astype(np.float32)
    folder = tmp_path_factory.mktemp("shop")
    return shop_of(folder, columns, {"noise": noise}, ("words",), ("kind", "split"), {"codes_from": 50})


def words_task(shop):
    """Every kind asked for by its name."""
    whole = label_task(shop.snapshot, ["kind"], TaskOptions())
    kinds = dict(zip(shop.table()["id"], shop.table()["kind"], strict=True))
    relevant = [np.array([at for at, id in enumerate(whole.titles) if kinds[id] == thing]) for thing in THINGS]
    nobody = Lists.build([np.empty(0, np.int64)] * 6)
    queries = tuple(Query(text=thing) for thing in THINGS)
    relevance = Listed.same_grade(Lists.build(relevant))
    return Task("words", THINGS, queries, whole.gallery, whole.places, whole.titles, relevance, nobody)


def test_questions_through_the_index_are_answered_as_the_store_answers_them(shop):
    asked = ask(shop.snapshot, words_task(shop), shop.encoder)
    weights = {name: weight for name, weight in defaults(shop.snapshot).items() if name != "noise"}
    looked = through_index(asked, weights, "precision@10", shop.encoder)
    assert looked.questions.tolist() == list(range(6))
    assert looked.ms > 0
    assert looked.bytes > 0
    kinds = dict(zip(shop.table()["id"], shop.table()["kind"], strict=True))
    for thing, value in zip(THINGS, looked.values, strict=True):
        hits = shop.search(text=thing, limit=10, weights=weights)
        assert value == pytest.approx(sum(kinds[hit.product.id] == thing for hit in hits) / 10)


def test_a_filtered_gallery_is_answered_from_it_alone(shop):
    task = label_task(shop.snapshot, ["kind"], TaskOptions(split="split"))
    asked = ask(shop.snapshot, task, shop.encoder)
    weights = defaults(shop.snapshot)
    looked = through_index(asked, weights, "map@r", shop.encoder)
    values, _ = values_of(fused(asked), task, ("map@r",))
    np.testing.assert_allclose(looked.values, values["map@r"][looked.questions])


def test_where_there_is_no_index_none_is_looked_through(shop, tmp_path):
    whole = label_task(shop.snapshot, ["kind"], TaskOptions())
    many = Task(**{**vars(whole), "barred": Lists.build([np.arange(30)] * whole.size)})
    assert through_index(ask(shop.snapshot, many, shop.encoder), {"words": 1.0}, "hit@1", shop.encoder) is None
    small = shop_of(tmp_path, {"kind": list("aabb") * 3}, {"look": np.eye(12, dtype=np.float32)}, ignore=("kind",))
    asked = ask(small.snapshot, label_task(small.snapshot, ["kind"], TaskOptions()), small.encoder)
    assert through_index(asked, {"look": 1.0}, "hit@1", small.encoder) is None


def test_each_way_is_set_beside_the_first(shop):
    task = label_task(shop.snapshot, ["kind"], TaskOptions(split="split"))
    asked = ask(shop.snapshot, task, shop.encoder)
    pooled = pool(asked, 10)
    before = {name: defaults(shop.snapshot)[name] for name in pooled.signals}
    made, adopted = trades(shop, asked, pooled, before | {"noise": 0.5}, before, "ndcg@10", 0.0)
    names = [one.name for one in made]
    assert names[:4] == ["tuned weights", "now", "without words", "without noise"]
    assert "through the index" in names
    assert not any("dim" in name for name in names)  # there was no time
    by_name = {one.name: one for one in made}
    for one in made[2:]:
        assert one.quality.value == pytest.approx(made[0].quality.value + one.difference.value)
    assert by_name["without noise"].difference.low > 0
    assert adopted == {"signals.given.noise": 0.0}
    assert (by_name["now"].difference, by_name["now"].p_holm) == (None, None)
    assert by_name["16 bits a number"].quality.value == pytest.approx(made[0].quality.value, abs=0.01)
    assert by_name["16 bits a number"].bytes * 2 == made[0].bytes
    assert all(one.ms > 0 for one in made)


def test_settings_are_tried_as_a_build_would_apply_them(shop, tmp_path):
    """A signal made anew with fewer dimensions is that of a store built with them."""
    task = label_task(shop.snapshot, ["kind"], TaskOptions(split="split"))
    asked = remade(shop, ask(shop.snapshot, task, shop.encoder), {"signals.words.dim": 8, "signals.words.weight": 3})
    assert asked.dim("words") == 8
    config = changed_to(shop.snapshot.config, "signals.words.dim", 8)
    table = shop.table()
    columns = {"title": [shop[id].title for id in table["id"]]}
    write_catalogue(tmp_path / "catalogue.csv", columns | {name: table[name].to_list() for name in ("kind", "split")})
    build_store(tmp_path / "catalogue.csv", tmp_path / "eight", BuildOptions(config=config, ignore=("kind", "split")))
    built = Store(tmp_path / "eight")
    np.testing.assert_allclose(asked.gallery("words"), built.snapshot.vectors("words", task.gallery), atol=1e-5)
    assert asked.sigma("words") == pytest.approx(built.snapshot.scales["words"].sigma, rel=1e-4)


def test_fewer_bits_come_back_as_even_steps():
    matrix = np.array([[0.0, -1.0, 5.0], [1.0, 1.0, 5.0], [0.32, 0.0, 5.0], [0.0, 0.0, 0.0]], np.float32)
    four = _coded(matrix, 4)
    np.testing.assert_allclose(four[2, :2], [5 / 15, 0], atol=0.07)
    assert not four[3].any()
    for bits in (4, 8, 16):
        step = np.ptp(matrix[:3], axis=0) / (2**bits - 1) if bits < 16 else np.full(3, 5e-3)
        assert (np.abs(_coded(matrix, bits)[:3] - matrix[:3]) <= step / 2 + 1e-3).all()


def way(name, quality, ms=1.0, bytes=8, gain=None, p=None, **settings):
    difference = None if gain is None else Figure(gain, gain - 0.1, gain + 0.1, 9)
    return Trade(name, settings, Figure(quality, 0, 1, 9), ms, bytes, difference, p)


def test_the_front_is_what_nothing_beats_in_everything():
    made = [way("a", 0.9, 2, 8), way("b", 0.9, 3, 8), way("c", 0.5, 1, 9), way("d", 0.4, 5, 1), way("e", 0.9, 2, 8)]
    assert [one.name for one in made if _on_front(one, made)] == ["a", "c", "d", "e"]


def test_the_best_of_what_is_better_by_more_than_chance_is_adopted_alone():
    first = way("now", 0.5)
    assert _adopted([first, way("w", 0.6, gain=0.1, p=0.01, x=1), way("v", 0.7, gain=0.2, p=0.04, y=2)]) == {"y": 2}
    assert _adopted([first, way("w", 0.6, gain=0.1, p=0.06, x=1)]) == {}
    assert _adopted([first, way("w", 0.4, gain=-0.1, p=0.01, x=1)]) == {}
    assert _adopted([first, way("8 bits", 0.6, gain=0.1, p=0.01)]) == {}


def test_settings_that_switch_off_or_can_not_be():
    assert switched_off("image") == {"signals.image.enabled": False}
    assert switched_off("look") == {"signals.given.look": 0.0}
    assert changed_to(Config(), "signals.words.dim", 64).signals.words.dim == 64
    with pytest.raises(ConfigError):
        changed_to(Config(), "signals.words.dim", 1)
