"""Slices of questions: who is in which, and which of them are worse by more than chance."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom
from truth_store import snapshot_of

from sosie.evaluate import slices as module
from sosie.evaluate.front import Truth, task_of
from sosie.evaluate.slices import groups, slices
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.truth import events_task
from sosie.types import Product, Review

SIZE = 120


def shop_of_products(folder, make):
    return snapshot_of(folder, [make(at) for at in range(SIZE)])


def product(at, **given):
    values = {"id": f"p{at:03}", "group": f"p{at:03}", "other": {"kind": f"k{at % 2}"}} | given
    return Product(**values)


def everyone(snapshot):
    return task_of(snapshot, Truth(labels=("kind",)))


def members(snapshot, task):
    """By -> value -> numbers of the products that ask."""
    found = {}
    for by, value, mask in groups(snapshot, task):
        assert value not in found.setdefault(by, {})
        found[by][value] = {int(key[1:]) for key, inside in zip(task.keys, mask, strict=True) if inside}
    return found


def numbers(rule):
    return {at for at in range(SIZE) if rule(at)}


def test_products_are_told_by_what_they_have(tmp_path):
    snapshot = shop_of_products(
        tmp_path,
        lambda at: product(
            at,
            title="x" * (at % 4) + "一件衣服" * (at < 30),
            category=(f"A > {'BC'[at % 3 == 0]}" if at < 60 else "D", "E > F"),
            price=float(at) if at >= 40 else None,
            currency="EUR" if at < 80 else "USD",
            images=tuple(f"{n}.jpg" for n in range(at % 7)),
            reviews=(Review("good"),) * (at % 5 if at < 100 else 0),
        ),
    )
    found = members(snapshot, everyone(snapshot))
    assert found["category"] == {
        "A": numbers(lambda at: at < 60),
        "D": numbers(lambda at: at >= 60),
        "A > B": numbers(lambda at: at < 60 and at % 3),
        "A > C": numbers(lambda at: at < 60 and not at % 3),
    }
    assert found["kind"] == {"k0": numbers(lambda at: at % 2 == 0), "k1": numbers(lambda at: at % 2)}
    # quartiles of 40..79 and of 80..119 are too small to tell
    assert "price" not in found
    assert found["pictures"] == {"4 or more": numbers(lambda at: at % 7 >= 4)}  # 17 or 18 have each other number
    assert found["text"]["none"] == numbers(lambda at: at >= 30 and at % 4 == 0)
    assert found["language"]["zh"] == numbers(lambda at: at < 30)
    assert found["cold"] == {
        "cold": numbers(lambda at: at >= 100 or at % 5 == 0),
        "warm": numbers(lambda at: at < 100 and at % 5),
    }
    assert found["popularity"] == {
        f"{told}": numbers(lambda at, count=count: at < 100 and at % 5 == count)
        for count, told in ((1, "up to 1"), (2, "above 1, up to 2"), (3, "above 2, up to 3"), (4, "above 3"))
    }


def test_prices_are_cut_at_quartiles_of_each_currency(tmp_path):
    snapshot = shop_of_products(
        tmp_path, lambda at: product(at, price=at / 2 if at < 100 else 7.0, currency="EUR" if at < 100 else "USD")
    )
    found = members(snapshot, everyone(snapshot))
    assert found["price"] == {
        "up to 12 EUR": numbers(lambda at: at <= 24),
        "above 12, up to 24.5 EUR": numbers(lambda at: 24 < at <= 49),
        "above 24.5, up to 37 EUR": numbers(lambda at: 49 < at <= 74),
        "above 37 EUR": numbers(lambda at: 74 < at < 100),
    }


def test_of_equal_groups_the_first_counts(tmp_path):
    snapshot = shop_of_products(tmp_path, lambda at: product(at, category=("A > B" if at % 2 else "C > D",)))
    assert set(members(snapshot, everyone(snapshot))) == {"category"}
    assert set(members(snapshot, everyone(snapshot))["category"]) == {"A", "C"}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 6), st.just(float("nan"))), min_size=1, max_size=60))
def test_bands_hold_every_number_once(values):
    numbers = np.array(values, np.float64)
    bands = list(module._bands("b", numbers, "x"))
    known = np.sort(numbers[~np.isnan(numbers)])
    if not len(known) or known[int(0.25 * (len(known) - 1))] == known[-1]:  # three quarters are the largest
        assert bands == []
        return
    counts = np.sum([mask for _, _, mask in bands], axis=0)
    np.testing.assert_array_equal(counts, ~np.isnan(numbers))
    assert 2 <= len(bands) <= 4
    ends = [(numbers[mask].min(), numbers[mask].max()) for _, _, mask in bands]
    assert ends == sorted(ends)
    for (_, told, _), (low, high) in zip(bands, ends, strict=True):
        words = told.removesuffix(" x").replace(",", "").split()
        limits = {word: float(value) for word, value in itertools.pairwise(words) if word in ("to", "above")}
        assert limits.get("above", -np.inf) < low
        assert high <= limits.get("to", np.inf)


def test_words_and_histories_that_ask(tmp_path):
    snapshot = shop_of_products(tmp_path, lambda at: product(at, title=f"thing {at}"))
    words = ["red", "a blue dress", "蓝色连衣裙"]
    rows = [f"q{at},p{at:03},{words[at % 3]}" for at in range(SIZE)]
    file = tmp_path / "qrels.csv"
    file.write_text("query_id,product,query\n" + "\n".join(rows), encoding="utf-8")
    task = task_of(snapshot, Truth(qrels=file))
    found = {}
    for by, value, mask in groups(snapshot, task):
        found.setdefault(by, {})[value] = {key for key, inside in zip(task.keys, mask, strict=True) if inside}
    thirds = [{f"q{at}" for at in range(SIZE) if at % 3 == n} for n in range(3)]
    assert found["language"] == {"en": thirds[0] | thirds[1], "zh": thirds[2]}
    assert found["text"] == {
        "up to 3 characters": thirds[0],
        "above 5 characters": thirds[1],
    }  # the band between is the slice zh already


def test_users_by_history_and_by_how_new_is_what_they_seek(tmp_path):
    snapshot = shop_of_products(tmp_path, lambda at: product(at, category=("A" if at < 60 else "B",)))
    events = []
    for user in range(60):
        events += [f"u{user:02},p{at:03},{at}" for at in range(1 + 2 * (user % 2))]  # one or three of the same
        events += [f"u{user:02},p{60 + (user if user < 30 else 59):03},99"]  # 30 seek what only they take
    file = tmp_path / "events.csv"
    file.write_text("user,product,time\n" + "\n".join(events))
    task = events_task(snapshot, file, TaskOptions())
    found = {(by, value): mask.nonzero()[0].tolist() for by, value, mask in groups(snapshot, task)}
    assert found["history", "up to 1 products"] == list(range(0, 60, 2))
    assert found["history", "above 1 products"] == list(range(1, 60, 2))
    assert ("cold", "cold") not in found  # nobody took any of them before: all are cold
    file.write_text("user,product,time\n" + "\n".join([*events, "x,p119,1", "x,p000,2"]))
    task = events_task(snapshot, file, TaskOptions())
    found = {(by, value): mask.nonzero()[0].tolist() for by, value, mask in groups(snapshot, task)}
    assert found["cold", "cold"] == list(range(30))
    assert found["cold", "warm"] == list(range(30, 61))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Three categories of 40, two kinds of 60."""
    return shop_of_products(tmp_path_factory.mktemp("shop"), lambda at: product(at, category=("ABC"[at % 3],)))


def test_the_planted_slice_is_worse_and_nothing_else(shop):
    task = everyone(shop)
    number = np.array([int(key[1:]) for key in task.keys])
    values = np.random.default_rng(0).uniform(0.5, 0.9, SIZE)
    values[number % 3 == 1] -= 0.3
    values[:4] = np.nan
    found = slices(shop, task, values)
    assert next((one.by, one.value) for one in found) == ("category", "B")
    known = ~np.isnan(values)
    for one in found:
        inside = number % 3 == "ABC".index(one.value) if one.by == "category" else number % 2 == int(one.value[1])
        assert one.figure.value == pytest.approx(values[inside & known].mean())
        assert one.figure.n == (inside & known).sum()
        assert one.rest == pytest.approx(values[~inside & known].mean())
    verdicts = {one.value: one.verdict for one in found}
    assert verdicts == {"B": "worse", "A": "better", "C": "better", "k0": "", "k1": ""}
    distances = [one.figure.value - one.rest for one in found]
    assert distances == sorted(distances)


def test_chance_is_called_chance(shop):
    """At the level of 5% for all slices of a report together."""
    task = everyone(shop)
    wrong = 0
    for seed in range(60):
        values = (np.random.default_rng(seed).random(SIZE) < 0.7).astype(np.float64)
        wrong += any(one.verdict for one in slices(shop, task, values))
    assert wrong <= 7  # 3 expected; more than 7 in one of 75 such tests


def test_p_is_that_of_fisher(tmp_path):
    snapshot = shop_of_products(
        tmp_path, lambda at: product(at, category=("A" if at < 30 else "B",), other={"kind": "k"})
    )
    task = everyone(snapshot)
    number = np.array([int(key[1:]) for key in task.keys])
    values = np.where(number < 30, number % 3 > 0, number % 10 > 0).astype(np.float64)  # 20 of 30, 81 of 90
    found = slices(snapshot, task, values)
    possible = np.arange(31)
    share = hypergeom(SIZE, 101, 30).pmf(possible)
    mean = 30 * 101 / SIZE
    exact = share[np.abs(possible - mean) >= abs(20 - mean) - 1e-9].sum()
    assert len(found) == 2
    for one in found:
        assert one.p == pytest.approx(2 * exact, rel=0.25)  # both slices are told; the test is by resampling


def test_users_who_ask_often_count_once(shop):
    task = everyone(shop)
    number = np.array([int(key[1:]) for key in task.keys])
    user = number % 3 * 2 + number % 2  # two users a category
    values = np.where(number % 3 == 1, 0.2, 0.8) + 0.01 * user
    assert slices(shop, task, values)[0].verdict == "worse"
    assert slices(shop, task, values, user)[0].verdict == ""


def test_small_slices_are_not_told(tmp_path):
    snapshot = shop_of_products(tmp_path, lambda at: product(at, category=("A" if at < module.LEAST - 1 else "B",)))
    task = everyone(snapshot)
    assert {one.by for one in slices(snapshot, task, np.ones(SIZE))} == {"kind"}
    assert {one.verdict for one in slices(snapshot, task, np.ones(SIZE))} == {""}
    few = np.full(SIZE, np.nan)
    few[:30] = 1
    assert slices(snapshot, task, few) == ()
