"""Measures of ranked answers against trec_eval, ranx, and toys reckoned by hand."""

import csv
import math
import os
from pathlib import Path

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # compiling ranx takes a minute, running it as plain Python a moment

import numpy as np
import pytest
import pytrec_eval
import ranx
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.errors import TruthError
from sosie.metrics.ranking import CUT, DEFAULT, check_names, depth_needed, measure

DATA = Path(os.environ.get("SOSIE_DATA", "/nonexistent"))
CUTS = (1, 2, 3, 5, 10, 100)
NAMES = (*DEFAULT, *(f"{kind}@{k}" for kind in ("hit", "recall", "precision", "ndcg", "mrr") for k in CUTS))
NAMES = tuple(dict.fromkeys(NAMES))


def one(grades, ideal, names, count=None):
    """Values of one question, rounded by nobody."""
    count = int(np.count_nonzero(np.asarray(ideal) > 0)) if count is None else count
    found = measure(
        np.array([grades], np.float32).reshape(1, -1), np.array([ideal], np.float32), np.array([count]), names
    )
    return {name: float(values[0]) for name, values in found.items()}


def ours(qrels, run, names=NAMES, depth=None):
    """Values by question of dictionaries as the libraries take them; ties by our rule."""
    depth = depth or max(len(answers) for answers in run.values())
    grades = np.zeros((len(qrels), depth), np.float32)
    ideal = np.zeros((len(qrels), max(map(len, qrels.values()))), np.float32)
    counts = np.zeros(len(qrels), np.int64)
    for at, (key, judged) in enumerate(qrels.items()):
        ranked = sorted(run[key], key=lambda name: (run[key][name], name), reverse=True)[:depth]
        grades[at, : len(ranked)] = [judged.get(id, 0) for id in ranked]
        best = sorted(judged.values(), reverse=True)
        ideal[at, : len(best)] = best
        counts[at] = sum(grade > 0 for grade in best)
    return measure(grades, ideal, counts, names)


def by_trec_eval(qrels, run, names=NAMES):
    """The same by trec_eval's own code, which gives single questions by name."""
    most = max(map(len, qrels.values()))
    cuts = ",".join(map(str, CUTS))
    asked = {f"{kind}.{cuts}" for kind in ("success", "recall", "P", "ndcg_cut")} | {
        "Rprec",
        "recip_rank",
        "map",
        "map_cut." + ",".join(map(str, range(1, most + 1))),
    }
    found = pytrec_eval.RelevanceEvaluator(qrels, asked).evaluate(run)
    words = {"hit": "success", "recall": "recall", "precision": "P", "ndcg": "ndcg_cut"}
    whole = {"r_precision": "Rprec", "mrr": "recip_rank", "ap": "map"}
    values = {}
    for name in names:
        kind, _, k = name.partition("@")
        for key, judged in qrels.items():
            relevant = sum(grade > 0 for grade in judged.values())
            if not relevant:
                value = math.nan
            elif name in whole:
                value = found[key][whole[name]]
            elif name == "map@r":
                value = found[key][f"map_cut_{relevant}"]
            elif kind == "mrr":
                value = found[key]["recip_rank"] * (found[key]["recip_rank"] >= 1 / int(k))
            else:
                value = found[key][f"{words[kind]}_{k}"]
            values.setdefault(name, []).append(value)
    return values


def by_ranx(qrels, run, names=NAMES):
    """The same by ranx. It orders equal scores its own way, so it gets scores without ties in our order."""
    answered = {key: judged for key, judged in qrels.items() if any(grade > 0 for grade in judged.values())}
    straight = {}
    for key in answered:
        ranked = sorted(run[key], key=lambda name: (run[key][name], name), reverse=True)
        straight[key] = {id: 1 - at / len(ranked) / 2 for at, id in enumerate(ranked)}
    words = {"hit": "hit_rate", "r_precision": "r-precision", "ap": "map"}
    values = {}
    for name in names:
        kind, _, k = name.partition("@")
        scores = {}
        if name == "map@r":
            for key, judged in answered.items():
                relevant = sum(grade > 0 for grade in judged.values())
                scores[key] = ranx.evaluate(
                    ranx.Qrels({key: judged}), ranx.Run({key: straight[key]}), f"map@{relevant}"
                )
        else:
            asked = ranx.Run(straight)
            ranx.evaluate(ranx.Qrels(answered), asked, words.get(kind, kind) + (f"@{k}" if k else ""))
            scores = next(iter(asked.scores.values()))
        values[name] = [float(scores[key]) if key in answered else math.nan for key in qrels]
    return values


def same(found, expected, names=NAMES):
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-9, err_msg=name)


def random_truth_and_run(seed, questions=40, products=60, levels=4):
    """Grades 0 to 3, and scores of so few levels that most places are tied."""
    generator = np.random.default_rng(seed)
    ids = [f"P{number}" for number in generator.permutation(200)[:products]]
    qrels, run = {}, {}
    for number in range(questions):
        judged = generator.choice(ids, generator.integers(1, products // 2), replace=False)
        qrels[f"q{number}"] = {id: int(generator.integers(0, 4)) for id in judged}
        answers = generator.choice(ids, generator.integers(1, products), replace=False)
        run[f"q{number}"] = {id: float(generator.integers(0, levels)) / 4 for id in answers}
    return qrels, run


def test_a_toy_reckoned_by_hand():
    # not relevant, 2, not, 1, not; three relevant ones there: 3, 2, 1
    found = one([0, 2, 0, 1, 0], [3, 2, 1], (*NAMES, "ndcg_burges@2"))
    gain, best = 2 / math.log2(3) + 1 / math.log2(5), 3 + 2 / math.log2(3) + 1 / 2
    expected = {
        "hit@1": 0,
        "hit@2": 1,
        "recall@2": 1 / 3,
        "recall@10": 2 / 3,
        "precision@5": 2 / 5,
        "precision@10": 2 / 10,
        "r_precision": 1 / 3,
        "map@r": (1 / 2) / 3,
        "ap": (1 / 2 + 2 / 4) / 3,
        "mrr": 1 / 2,
        "mrr@1": 0,
        "mrr@2": 1 / 2,
        "ndcg@10": gain / best,
        "ndcg@3": (2 / math.log2(3)) / best,
        "ndcg@1": 0,
        "ndcg_burges@2": (3 / math.log2(3)) / (7 + 3 / math.log2(3)),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_map_at_r_tells_rankings_apart_that_other_measures_do_not():
    """Ten relevant ones: the example of the paper's figure, in which R-precision is the same and the order isn't."""
    first = one([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [1] * 10, ("r_precision", "map@r", "hit@1"))
    later = one([1, 0, 0, 0, 0, 0, 0, 0, 1, 1], [1] * 10, ("r_precision", "map@r", "hit@1"))
    assert first["r_precision"] == later["r_precision"] == pytest.approx(0.3)
    assert first["map@r"] == pytest.approx(0.3)
    assert later["map@r"] == pytest.approx((1 + 2 / 9 + 3 / 10) / 10)
    assert first["hit@1"] == later["hit@1"] == 1


def test_a_question_without_anything_relevant_has_no_value_and_an_empty_answer_has_zero():
    grades, ideal = np.zeros((2, 3), np.float32), np.array([[1, 0, 0], [0, 0, 0]], np.float32)
    for name, values in measure(grades, ideal, np.array([1, 0]), NAMES).items():
        assert values[0] == 0, name
        assert np.isnan(values[1]), name
    for name, values in measure(grades[:, :0], ideal, np.array([1, 0]), NAMES).items():
        assert values[0] == 0, name
        assert np.isnan(values[1]), name


def test_no_question_and_no_measure():
    nothing = np.zeros((0, 5), np.float32)
    assert {len(values) for values in measure(nothing, nothing, np.zeros(0, np.int64), NAMES).values()} == {0}
    assert measure(nothing, nothing, np.zeros(0, np.int64), ()) == {}


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_trec_eval_on_random_runs_with_ties(seed):
    qrels, run = random_truth_and_run(seed)
    assert sum(len(set(answers.values())) for answers in run.values()) < sum(map(len, run.values())) / 4
    same(ours(qrels, run), by_trec_eval(qrels, run))


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_ranx_on_random_runs_with_ties(seed):
    qrels, run = random_truth_and_run(seed, questions=15)
    names = (*NAMES, "ndcg_burges@10", "ndcg_burges@3")
    same(ours(qrels, run, names), by_ranx(qrels, run, names), names)


def test_ties_matter():
    """Were ids ascending in ties, trec_eval would not agree: the test above can fail."""
    qrels, run = random_truth_and_run(1)
    turned = {key: {id: score - 1e-6 * at for at, (id, score) in enumerate(sorted(answers.items()))}
              for key, answers in run.items()}  # fmt: skip
    assert np.nanmean(ours(qrels, turned)["ap"]) != pytest.approx(np.mean(by_trec_eval(qrels, run)["ap"]), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 3), min_size=1),
    st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.sampled_from([-1.0, 0.0, 0.25, 0.5]), min_size=1),
)
def test_equal_to_trec_eval_whatever_the_lists(judged, answers):
    qrels, run = {"q": judged}, {"q": answers}
    same(ours(qrels, run), by_trec_eval(qrels, run))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_best_order_has_the_value_one_and_no_order_is_better(grades, order, missing):
    best = sorted(grades, reverse=True)
    if not best[0]:
        return
    shuffled = grades.copy()
    order.shuffle(shuffled)
    count = sum(grade > 0 for grade in grades)
    ideal, found = one(best, best, NAMES), one(shuffled, best, NAMES)
    assert all(ideal[name] == pytest.approx(1) for name in NAMES if not name.startswith(("precision", "recall")))
    assert ideal["recall@100"] == 1
    assert ideal["precision@100"] == pytest.approx(count / 100)
    assert all(-1e-12 <= found[name] <= ideal[name] + 1e-12 for name in NAMES)
    longer = one([*shuffled, *[0] * missing], best, NAMES)  # places after the end change nothing
    assert longer == pytest.approx(found, abs=1e-12)


def test_measures_without_k_end_at_the_cut():
    late = np.zeros((1, CUT + 10), np.float32)
    late[0, CUT] = 1
    ideal = np.ones((1, CUT + 500), np.float32)
    counts = np.array([CUT + 500])
    for name, values in measure(late, ideal, counts, ("mrr", "ap", "r_precision", "map@r")).items():
        assert values[0] == 0, name
    assert measure(late, ideal, counts, (f"hit@{CUT + 1}",))[f"hit@{CUT + 1}"][0] == 1
    full = measure(np.ones((1, CUT + 10), np.float32), ideal, counts, ("ap", "r_precision", "map@r"))
    assert [values[0] for values in full.values()] == pytest.approx([CUT / (CUT + 500)] * 3)


def test_the_depth_that_measures_need():
    counts = np.array([3, 0, 40])
    assert depth_needed((), counts) == 0
    assert depth_needed(("hit@1", "ndcg@20"), counts) == 20
    assert depth_needed(("hit@1", "map@r"), counts) == depth_needed(("r_precision",), counts) == 40
    assert depth_needed(("map@r",), np.array([5_000])) == depth_needed(("ap",), counts) == CUT
    assert depth_needed(("mrr",), counts) == CUT
    assert depth_needed(("recall@2000", "ap"), counts) == 2_000
    assert depth_needed(("r_precision",), np.zeros(0, np.int64)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_places_beyond_the_depth_needed_change_nothing(seed):
    qrels, run = random_truth_and_run(seed, products=80)
    counts = np.array([sum(grade > 0 for grade in judged.values()) for judged in qrels.values()])
    for name in NAMES:
        whole, cut = ours(qrels, run, (name,)), ours(qrels, run, (name,), depth_needed((name,), counts))
        np.testing.assert_allclose(whole[name], cut[name], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("name", "near"),
    [("ncdg@10", "ndcg@10"), ("recal@5", "recall@5"), ("map", "map@r"), ("hit", "hit@10"), ("r-precision", "r_precis"),
     ("NDCG@10", "ndcg@10"), ("hit@0", "hit@10"), ("hit@-1", "hit@1"), ("hit@1.5", "hit@15"), ("ap@", "ap")],
)  # fmt: skip
def test_an_unknown_measure_is_refused_with_the_near_one_and_all_that_are(name, near):
    with pytest.raises(TruthError, match=near) as error:
        check_names(("hit@1", name))
    assert f"'{name}'" in str(error.value)
    assert "precision@k" in str(error.value)


def test_what_is_like_no_measure_is_refused_too():
    for call in (
        lambda: measure(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), np.ones(1, np.int64), ("xyz",)),
        lambda: depth_needed(("xyz",), np.ones(1, np.int64)),
    ):
        with pytest.raises(TruthError, match=r"unknown measure 'xyz'\. There are: hit@k"):
            call()


@pytest.mark.skipif(not (DATA / "myntra").is_dir(), reason="SOSIE_DATA names no folder with myntra's queries")
def test_a_real_run_on_real_judgements():
    """TF-IDF of 167 queries to the titles of the test split: equal to both libraries, and to the figure known of it."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def rows(name):
        with (DATA / "myntra" / name).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))

    products = [row for row in rows("products.csv") if row["split"] == "test"]
    queries = rows("queries.csv")
    qrels = {row["query_id"]: {} for row in queries}
    for row in rows("qrels.csv"):
        qrels[row["query_id"]][row["id"]] = int(row["grade"])
    model = TfidfVectorizer(sublinear_tf=True).fit(row["title"] for row in products)
    scores = model.transform(row["query"] for row in queries) @ model.transform(row["title"] for row in products).T
    scores = scores.toarray().astype(np.float32)
    run = {}
    for query, values in zip(queries, scores, strict=True):
        best = np.argsort(-values, kind="stable")[:50]
        run[query["query_id"]] = {products[at]["id"]: float(values[at]) for at in best.tolist()}
    assert sum(len(answers) - len(set(answers.values())) for answers in run.values()) > 1_000  # ties are many
    found = ours(qrels, run, (*NAMES, "ndcg_burges@10"))
    same(found, by_trec_eval(qrels, run))
    names = (*DEFAULT, "ndcg_burges@10")
    same(found, by_ranx(qrels, run, names), names)
    assert np.mean(found["ndcg_burges@10"]) == pytest.approx(0.669, abs=0.001)  # that of the data's description
