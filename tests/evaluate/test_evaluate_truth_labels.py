"""Labels as a truth, against plain loops over products."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth_store import barred, graded, product, snapshot_of, write

from sosie.errors import TruthError
from sosie.evaluate.truth import TaskOptions, every_product, label_task
from sosie.store import LocalStore


def test_products_of_the_same_label_are_relevant(tmp_path):
    snapshot = snapshot_of(
        tmp_path,
        [
            product("a", kind="shoe"),
            product("b", kind="shoe"),
            product("c", kind="hat"),
            product("d"),
            product("e", kind="shoe"),
        ],
    )
    task = label_task(snapshot, ["kind"], TaskOptions())
    assert graded(task) == {"a": {"b": 1, "e": 1}, "b": {"a": 1, "e": 1}, "c": {}, "e": {"a": 1, "b": 1}}
    assert barred(task) == {key: {key} for key in "abce"}
    assert (task.name, task.labels, task.titles) == ("label kind", ("kind",), ("e", "d", "c", "b", "a"))
    assert snapshot.ids(task.asked) == list(task.keys)
    assert task.notes == (
        "1 of the 5 products that ask have no label: they don't ask.",
        "1 of the 5 products that may answer have no label: they are relevant to nothing.",
    )


def test_splits_say_who_asks_and_who_answers(tmp_path):
    rows = [("a", "Train"), ("b", "TEST"), ("c", "dev"), ("d", "TEST"), ("e", "extra"), ("f", "")]
    snapshot = snapshot_of(tmp_path, [product(id, part=part, class_id="7") for id, part in rows])
    task = label_task(snapshot, ["class_id"], TaskOptions(split="part"))
    assert graded(task) == {"b": {"a": 1, "c": 1, "e": 1}, "d": {"a": 1, "c": 1, "e": 1}}
    assert task.name == "label class_id, queries TEST, gallery Train+dev+extra"
    assert barred(task) == {"b": set(), "d": set()}
    task = label_task(snapshot, ["class_id"], TaskOptions("part", "val", ("train", "test")))
    assert graded(task) == {"c": {"a": 1, "b": 1, "d": 1}}


def test_grades_of_several_labels_add_up(tmp_path):
    snapshot = snapshot_of(
        tmp_path,
        [
            product("a", kind="shoe", colour="red"),
            product("b", kind="shoe", colour="blue"),
            product("c", kind="hat", colour="red"),
            product("d", kind="shoe", colour="red"),
            product("e", colour="blue"),
        ],
    )
    task = label_task(snapshot, ["kind", "colour"], TaskOptions())
    found = graded(task)
    assert found["a"] == {"b": 1, "c": 1, "d": 2}
    assert found["e"] == {"b": 1}
    assert task.name == "labels kind+colour"


def test_paths_are_graded_by_the_levels_they_share(tmp_path):
    snapshot = snapshot_of(
        tmp_path,
        [
            product("a", category=["Men > Shoes > Boots", "Sale"]),
            product("b", category=["Men > Shoes"]),
            product("c", category=["Men > Hats > Boots"]),
            product("d", category=["Women > Shoes > Boots", "Sale"]),
            product("e", category=["Men > Shoes > Boots"]),
            product("f", category=["Women"]),
        ],
    )
    found = graded(label_task(snapshot, ["category"], TaskOptions()))
    assert found["a"] == {"b": 2, "c": 1, "d": 1, "e": 3}
    assert found["d"] == {"a": 1, "f": 1}
    assert found["b"] == {"a": 2, "c": 1, "e": 2}


def test_variants_ask_once_and_are_as_relevant_as_the_best_of_them(tmp_path):
    snapshot = snapshot_of(
        tmp_path,
        [
            product("s-1", "s", colour="red", size="L"),
            product("s", "s"),
            product("s-2", "s", colour="blue", size="M"),
            product("t", colour="red", size="M"),
            product("u", colour="blue", size="M"),
        ],
    )
    together = label_task(snapshot, ["colour", "size"], TaskOptions())
    assert graded(together) == {"s-1": {"t": 1}, "t": {"s": 1, "u": 1}, "u": {"s": 2, "t": 1}}
    assert barred(together) == {"s-1": {"s"}, "t": {"t"}, "u": {"u"}}
    apart = label_task(snapshot, ["colour", "size"], TaskOptions(variants=True))
    assert graded(apart)["s-2"] == {"t": 1, "u": 2}
    assert graded(apart)["t"] == {"s-1": 1, "s-2": 1, "u": 1}
    assert barred(apart) == {key: {key} for key in apart.keys}


def test_a_product_in_both_splits_is_no_answer_to_itself(tmp_path):
    snapshot = snapshot_of(
        tmp_path,
        [
            product("s-1", "s", split="test", kind="x"),
            product("s-2", "s", split="train", kind="x"),
            product("t", split="train", kind="x"),
        ],
    )
    task = label_task(snapshot, ["kind"], TaskOptions(split="split"))
    assert graded(task) == {"s-1": {"t": 1}}
    assert barred(task) == {"s-1": {"s-2"}}
    apart = label_task(snapshot, ["kind"], TaskOptions(split="split", variants=True))
    assert graded(apart) == {"s-1": {"s-2": 1, "t": 1}}


def test_numbers_and_removed_products(tmp_path):
    numbered = {"a": "0", "b": "0", "c": "1.5", "d": "0"}
    snapshot_of(tmp_path, [product(id, class_id=number) for id, number in numbered.items()])
    snapshot = write(LocalStore.open(tmp_path / "store"), [product("e", class_id="1.5")], ["a"], rebuild=False)
    task = label_task(snapshot, ["class_id"], TaskOptions())
    assert graded(task) == {"b": {"d": 1}, "c": {"e": 1}, "d": {"b": 1}, "e": {"c": 1}}


def test_large_numbers_stay_apart(tmp_path):
    ids = {"a": "12345678901", "b": "12345678902", "c": "12345678901", "d": "0.1"}
    snapshot = snapshot_of(tmp_path, [product(id, design=number) for id, number in ids.items()])
    assert graded(label_task(snapshot, ["design"], TaskOptions()))["a"] == {"c": 1}


numbers = st.integers(0, 2**32 - 1).map(np.random.default_rng)
PATHS = ("A > x", "A > y", "A > x > 1", "B", "B > x")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(generator=numbers, size=st.integers(1, 14), split=st.booleans(), variants=st.booleans())
def test_is_what_plain_loops_find(tmp_path_factory, generator, size, split, variants):
    def one(id):
        other = {name: str(generator.choice(["", "p", "q", "r"])) for name in ("kind", "colour")}
        paths = generator.choice(PATHS, generator.integers(0, 3), replace=False).tolist()
        part = str(generator.choice(["train", "test", "val"]))
        return product(id, f"g{generator.integers(0, 8)}", paths, split=part, **other)

    products = [one(f"p{at}") for at in generator.permutation(size)]
    snapshot = snapshot_of(tmp_path_factory.mktemp("shop"), products)
    options = TaskOptions(split="split" if split else "", variants=variants)
    unit = (lambda p: p.id) if variants else (lambda p: p.group)

    def agreement(a, b):
        levels = max(
            (
                next((i for i, (x, y) in enumerate(zip(p, q, strict=False)) if x != y), min(len(p), len(q)))
                for p in (path.split(" > ") for path in a.category)
                for q in (path.split(" > ") for path in b.category)
            ),
            default=0,
        )
        return levels + sum(bool(a.other[n]) and a.other[n] == b.other[n] for n in ("kind", "colour"))

    asking = [p for p in products if not split or p.other["split"] == "test"]
    answering = [p for p in products if not split or p.other["split"] != "test"]
    expected = {}
    for p in sorted(asking, key=lambda p: p.id, reverse=True):
        if any((p.category, p.other["kind"], p.other["colour"])):
            expected[unit(p)] = (p.id, {})  # the first by id holds
    for p_id, grades in expected.values():
        p = next(p for p in products if p.id == p_id)
        for q in answering:
            if unit(q) != unit(p) and (grade := agreement(p, q)):
                title = min(r.id for r in answering if unit(r) == unit(q))
                grades[title] = max(grade, grades.get(title, 0))
    try:
        task = label_task(snapshot, ["kind", "colour", "category"], options)
    except TruthError as error:
        if "there is no column" in str(error):
            assert any(all(not p.other[name] for p in products) for name in ("kind", "colour"))
        else:
            assert not any(grades for _, grades in expected.values())
        return
    assert graded(task) == dict(expected.values())


def test_every_product_asks_all_others(tmp_path):
    snapshot = snapshot_of(tmp_path, [product("b-2", "b"), product("b-1", "b"), product("a")])
    task = every_product(snapshot, variants=False)
    assert (task.keys, task.titles) == (("b-1", "a"), ("b-1", "a"))
    assert barred(task) == {"a": {"a"}, "b-1": {"b-1"}}
    assert graded(task) == {"a": {}, "b-1": {}}
    apart = every_product(snapshot, variants=True)
    assert (apart.keys, apart.titles) == (("b-2", "b-1", "a"), ("b-2", "b-1", "a"))
    assert barred(apart) == {key: {key} for key in apart.keys}


@pytest.mark.parametrize(
    ("labels", "options", "told"),
    [
        (["knd"], TaskOptions(), "there is no column 'knd'; did you mean kind"),
        (["kind"], TaskOptions(split="splt"), "there is no column 'splt'; did you mean split"),
        (["kind"], TaskOptions(split="split", query_split="val"), "there is no split 'val'; it says test"),
        (["kind"], TaskOptions(split="split", gallery_split=("val",)), "there is no split 'val'"),
        (["kind"], TaskOptions(split="kind"), "there is no split 'test'; it says hat, shoe"),
        (["kind"], TaskOptions(split="all"), "all products are of the split test"),
        (["kind"], TaskOptions(query_split="test"), "give --split COLUMN"),
        (["title"], TaskOptions(), "--ignore 'title'"),
        (["own"], TaskOptions(), "label own: no question has anything relevant in the gallery of 3 products; a label"),
        (["stock"], TaskOptions(), "none of the 3 products that ask has a label"),
        (["kind", "own"], TaskOptions(split="split"), "labels kind.own, queries test, gallery train: no question"),
    ],
)  # fmt: skip
def test_labels_that_can_not_be_used(tmp_path, labels, options, told):
    snapshot = snapshot_of(
        tmp_path,
        [
            product("a", kind="shoe", split="train", all="test", own="1x"),
            product("b", kind="shoe", split="train", all="test", own="2x"),
            product("c", kind="hat", split="test", all="test", own="3x"),
        ],
    )
    with pytest.raises(TruthError, match=told):
        label_task(snapshot, labels, options)
