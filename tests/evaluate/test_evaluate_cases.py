"""Questions with their answers, for people to look at."""

import numpy as np
from truth_store import product, snapshot_of

from sosie.evaluate.cases import case, first_rows, missed_places, worst_and_best, worst_and_best_pairs
from sosie.evaluate.task import Task, TaskOptions
from sosie.evaluate.truth import Listed, label_task
from sosie.evaluate.values import SHOWN, Top
from sosie.types import Query


def store(tmp_path):
    """Products a to f, of which c-1 and c-2 are variants; f has no picture that could be shown."""
    return snapshot_of(
        tmp_path,
        [
            product("a", kind="x"),
            product("b", kind="x"),
            product("c-1", "c", kind="x"),
            product("c-2", "c", kind="x"),
            product("d", kind="y"),
            product("e", kind="y"),
            product("f", kind="z"),
        ],
    )


def top_of(task, answers):
    """Answers by key, as lists of (title, score)."""
    top = Top(
        np.full((task.size, SHOWN), -1, np.int64),
        np.full((task.size, SHOWN), -np.inf, np.float32),
        np.zeros((task.size, SHOWN), np.float32),
    )
    place = {title: at for at, title in enumerate(task.titles)}
    for key, found in answers.items():
        at = task.keys.index(key)
        for rank, (title, score) in enumerate(found):
            top.places[at, rank], top.scores[at, rank] = place[title], score
        top.grades[at] = task.relevance.grades(np.array([at]), top.places[at][None])[0]
    return top


def test_a_case_shows_hits_with_grades_and_what_was_missed(tmp_path):
    snapshot = store(tmp_path)
    task = label_task(snapshot, ["kind"], TaskOptions())
    top = top_of(task, {"a": [("d", 0.75), ("c-1", 0.5)]})
    at = task.keys.index("a")
    shown = case(snapshot, task, top, np.full(task.size, 0.25), at)
    assert (shown.query, shown.title, shown.value, shown.relevant) == ("a", "title of a", 0.25, 2)
    assert [(hit.id, hit.title, hit.score, hit.grade) for hit in shown.hits] == [
        ("d", "title of d", 0.75, 0),
        ("c-1", "title of c-1", 0.5, 1),
    ]
    assert [(one.id, one.score, one.grade) for one in shown.missed] == [("b", 0, 1)]


def test_the_worst_come_first_and_of_equals_those_that_were_surest(tmp_path):
    snapshot = store(tmp_path)
    task = label_task(snapshot, ["kind"], TaskOptions())
    top = top_of(task, {"a": [("d", 0.2)], "b": [("d", 0.9)], "d": [("e", 0.3)], "e": [("d", 0.8)]})
    values = np.array([{"a": 0, "b": 0, "c-1": 0.5, "d": 1, "e": 1}.get(key, np.nan) for key in task.keys])
    worst, best = worst_and_best(snapshot, task, top, values, 2)
    assert [one.query for one in worst] == ["b", "a"]
    assert [one.query for one in best] == ["e", "d"]
    worst, best = worst_and_best(snapshot, task, top, values, 4)
    assert [one.query for one in worst] == ["b", "a", "c-1"]  # none of the best, though four were wanted
    assert [one.query for one in best] == ["e", "d"]
    same = np.where(np.isnan(values), np.nan, 1.0)
    worst, best = worst_and_best(snapshot, task, top, same, 2)
    assert (worst, len(best)) == ((), 2)
    assert worst_and_best(snapshot, task, top, np.full(task.size, np.nan), 2) == ((), ())


def test_what_was_asked_is_told_as_people_know_it(tmp_path):
    snapshot = store(tmp_path)
    whole = label_task(snapshot, ["kind"], TaskOptions())
    queries = (Query(text="red"), Query(image=tmp_path / "a.png"), Query(like=("a", "d")), Query(text="b", like=("a",)))
    nothing = [np.empty(0, np.int64)] * 4
    lists = type(whole.barred).build
    relevance = Listed.same_grade(lists(nothing))
    task = Task("q", tuple("1234"), queries, whole.gallery, whole.places, whole.titles, relevance, lists(nothing))
    top = top_of(task, {})
    cases = [case(snapshot, task, top, np.zeros(4), at) for at in range(4)]
    assert [one.title for one in cases] == ["red", "", "title of a + title of d", "b"]
    assert [one.picture for one in cases] == ["", str(tmp_path / "a.png"), "", ""]
    assert all(one.hits == one.missed == () for one in cases)


def test_the_best_of_what_was_missed_is_shown(tmp_path):
    snapshot = store(tmp_path)
    task = label_task(snapshot, ["kind"], TaskOptions())
    graded = Listed.of_pairs(task.size, np.zeros(5, np.int64), np.arange(5), np.array([1, 3, 2, 5, 4], np.float32))
    task = type(task)(
        **{**vars(task), "relevance": graded, "barred": type(task.barred).build([[3]] + [[]] * (task.size - 1))}
    )
    assert missed_places(task, 0, np.array([1])).tolist() == [4, 2, 0]  # 3 may not answer, 1 was found
    assert missed_places(task, 1, np.array([1])).tolist() == []


def test_a_place_is_shown_by_its_first_row(tmp_path):
    snapshot = store(tmp_path)
    task = label_task(snapshot, ["kind"], TaskOptions())
    place = task.titles.index("c-1")
    assert snapshot.ids(first_rows(task, np.array([place, place, 0]))) == ["c-1", "c-1", task.titles[0]]


def test_pairs_are_shown_by_how_wrong_what_was_stated_is(tmp_path):
    snapshot = store(tmp_path)
    rows = {id: snapshot.row(id) for id in "abdef"}
    a, b = (np.array([rows[id] for id in ids]) for ids in ("aabd", "bdee"))
    stated, alike = np.array([0.9, 0.8, 0.1, 0.4]), np.array([True, False, False, True])
    worst, best = worst_and_best_pairs(snapshot, a, b, stated, alike, 2)
    assert [(one.query, one.hits[0].id, one.relevant) for one in worst] == [("a", "d", 0), ("d", "e", 1)]
    assert [one.value for one in worst] == [1 - 0.8, 0.4]
    assert {(one.query, one.hits[0].id) for one in best} == {("a", "b"), ("b", "e")}
    assert worst[0].hits[0].score == 0.8
    worst, best = worst_and_best_pairs(snapshot, a, b, stated, alike, 3)
    assert [len(worst), len(best)] == [3, 1]  # none twice
