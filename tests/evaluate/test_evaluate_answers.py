"""The fused answer of an evaluation is the store's own: the same products, the same scores."""

import numpy as np
import pytest
from shop_of import shop_of

from sosie.errors import QuestionError
from sosie.evaluate.answers import alone, ask, defaults, fused, pair_scores, weighted
from sosie.evaluate.ranking import rank
from sosie.evaluate.task import Lists, Task
from sosie.evaluate.truth import Nothing, TaskOptions, every_product, label_task
from sosie.evaluate.values import values_of
from sosie.types import Query

SIZE = 60


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Words, prices and two given signals, one of which every third product lacks; products 0 and 1 are variants."""
    draw = np.random.default_rng(1)
    look, feel = draw.standard_normal((2, SIZE, 5)).astype(np.float32)
    feel[::3] = 0
    things = ["shirt", "bottle", "lamp", "boot"]
    colours = ["red", "blue", "green"]
    columns = {
        "title": [f"{colours[at % 3]} {things[at % 4]} {'steel' if at % 5 else 'linen'}" for at in range(SIZE)],
        "price": [round(5 + 3 * draw.random() * at, 2) for at in range(SIZE)],
        "kind": [things[at % 4] for at in range(SIZE)],
        "split": ["test" if at % 3 == 0 else "train" for at in range(SIZE)],
        "item_group_id": [max(at, 1) for at in range(SIZE)],
    }
    return shop_of(
        tmp_path_factory.mktemp("shop"),
        columns,
        {"look": look, "feel": feel},
        on=("words", "price"),
        ignore=("kind", "split"),
    )


def answered(shop, task, weights=None, depth=SIZE):
    """Key -> [(id, score)] of the fused answer."""
    system = fused(ask(shop.snapshot, task, shop.encoder), weights)
    found = {}
    for block in rank(system, task, depth):
        for at, question in enumerate(block.questions.tolist()):
            there = block.places[at] >= 0
            titles = [one_of(task.titles[place]) for place in block.places[at][there]]
            found[task.keys[question]] = list(zip(titles, block.scores[at][there].tolist(), strict=True))
    return found


def words_task(whole, keys, queries, barred):
    """Questions in words to a whole gallery."""
    lists = Lists.build([np.array(places, np.int64) for places in barred])
    return Task("words", keys, queries, whole.gallery, whole.places, whole.titles, Nothing(), lists)


def one_of(id):
    """One name for both variants."""
    return id.replace("p00001", "p00000")


def named(hits):
    """Ids and scores of hits."""
    return [(one_of(hit.product.id), hit.score) for hit in hits]


def same(hits, mine):
    """Whether hits of the store are those of an evaluation; those of equal scores in any order."""
    theirs = named(hits)
    assert len(theirs) == len(mine)
    np.testing.assert_allclose([s for _, s in mine], [s for _, s in theirs], atol=1e-4)  # hits are rounded
    assert {id for id, _ in mine} == {id for id, _ in theirs}


@pytest.mark.parametrize("weights", [None, {"look": 3.0, "words": 0.0}, {"price": 0.0, "words": 0.0, "look": 0.0}])
def test_products_are_answered_as_the_store_answers_them(shop, weights):
    task = every_product(shop.snapshot, variants=False)
    mine = answered(shop, task, weights)
    assert len(mine) == SIZE - 1
    for key in task.keys:
        if weights and "price" in weights and int(key[1:]) % 3 == 0:
            assert mine[key] == []  # it lacks the one signal that counts
            continue
        same(shop.similar(key, limit=SIZE, weights=weights), mine[key])


def test_a_split_answers_as_a_filter_does(shop):
    task = label_task(shop.snapshot, ["kind"], TaskOptions(split="split"))
    mine = answered(shop, task)
    for key in task.keys:
        same(shop.similar(key, limit=SIZE, where="split = 'train'"), mine[key])


@pytest.mark.parametrize("weights", [None, {"exact": 0.0}, {"exact": 5.0, "words": 1.0}])
def test_words_and_histories_are_answered_as_the_store_answers_them(shop, weights):
    snapshot = shop.snapshot
    whole = every_product(snapshot, variants=False)
    queries = (
        Query(text="red linen shirt"),
        Query(text="a steel botle"),
        Query(text="ψψψ"),
        Query(like=("p00005", "p00009", "p00012")),
        Query(text="lamp", like=("p00002",)),
    )
    place = {title: at for at, title in enumerate(whole.titles)}
    barred = [np.array([place[id] for id in query.like], np.int64) for query in queries]
    task = Task(
        "words", tuple("abcde"), queries, whole.gallery, whole.places, whole.titles, Nothing(), Lists.build(barred)
    )
    mine = answered(shop, task, weights)
    for key, query in zip(task.keys, queries, strict=True):
        hits = shop.search(text=query.text, like=query.like, limit=SIZE, weights=weights)
        theirs = dict(named(hits))
        scores = {id: score for id, score in mine[key] if score > 1e-4}
        assert scores.keys() == {id for id, score in theirs.items() if score > 1e-4}
        assert all(abs(score - theirs[id]) < 1e-4 for id, score in scores.items())


def test_some_of_the_questions_are_answered_as_all_are(shop):
    snapshot = shop.snapshot
    whole = every_product(snapshot, variants=False)
    queries = tuple(Query(text=text) for text in ("red shirt", "boot", "blue lamp steel"))
    task = Task(
        "words", tuple("abc"), queries, whole.gallery, whole.places, whole.titles, Nothing(), Lists.build([[]] * 3)
    )
    asked = ask(snapshot, task, shop.encoder)
    chosen = np.array([2, 0])
    part = asked.part(chosen)
    assert part.task.keys == ("c", "a")
    _, top = values_of(fused(asked), task, ())
    _, some = values_of(fused(part), part.task, ())
    np.testing.assert_array_equal(some.places, top.places[chosen])
    np.testing.assert_array_equal(some.scores, top.scores[chosen])


def test_each_signal_alone_is_the_store_at_its_weight(shop):
    task = every_product(shop.snapshot, variants=False)
    asked = ask(shop.snapshot, task, shop.encoder)
    off = dict.fromkeys(defaults(shop.snapshot), 0.0)
    systems = list(alone(asked))
    assert [one.name for one in systems] == ["words", "price", "feel", "look"]
    for system in systems:
        _, top = values_of(system, task, ())
        _, same_top = values_of(fused(asked, off | {system.name: 1.0}), task, ())
        np.testing.assert_array_equal(top.places, same_top.places)


def test_scores_of_pairs_are_those_of_hits(shop):
    task = every_product(shop.snapshot, variants=True)
    system = fused(ask(shop.snapshot, task, shop.encoder))
    number = {id: at for at, id in enumerate(shop.snapshot.ids(task.gallery))}
    hits = {hit.product.id: hit.score for hit in shop.similar("p00007", limit=SIZE)}
    questions = np.full(len(hits), number["p00007"])
    found = pair_scores(system, questions, np.array([number[id] for id in hits]))
    np.testing.assert_allclose(found, list(hits.values()), atol=1e-4)


def test_what_decides_is_what_questions_have_and_weights_allow(shop):
    task = every_product(shop.snapshot, variants=False)
    asked = ask(shop.snapshot, task, shop.encoder)
    usual = dict(shop.snapshot.weights)
    assert weighted(asked) == usual
    assert weighted(asked, {"look": 2, "price": 0}) == {"words": usual["words"], "look": 2.0, "feel": 1.0}
    with pytest.raises(QuestionError, match="unknown signal 'lok'"):
        fused(asked, {"lok": 1})
    words = Task(
        "words", ("a",), (Query(text="red"),), task.gallery, task.places, task.titles, Nothing(), Lists.build([[]])
    )
    spoken = ask(shop.snapshot, words, shop.encoder)
    assert set(weighted(spoken)) == {"words", "exact"}
    with pytest.raises(QuestionError, match="its questions speak to words, exact, but only price, feel, look have"):
        fused(spoken, {"words": 0, "exact": 0})


def test_a_signal_that_no_product_has_does_not_speak(tmp_path):
    nothing = np.zeros((12, 3), np.float32)
    look = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    shop = shop_of(tmp_path, {"kind": ["x", "y"] * 6}, {"look": look, "none": nothing}, ignore=("kind",))
    task = every_product(shop.snapshot, variants=False)
    asked = ask(shop.snapshot, task, shop.encoder)
    assert asked.signals == ("look",)
    assert [system.name for system in alone(asked)] == ["look"]
