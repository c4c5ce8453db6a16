"""Judgements as a truth."""

import numpy as np
import polars as pl
import pytest
from truth_store import barred, graded, product, snapshot_of

from sosie.errors import TruthError
from sosie.evaluate.truth import TaskOptions, qrels_task
from sosie.types import Query

NOTHING = TaskOptions()
QRELS = "query_id,id,grade\nq1,a,2\nq1,b,1\nq2,c,1\nq2,a,0\n"
QUERIES = "query_id,query\nq1,red shoes\nq2,a hat\nq3,more\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return snapshot_of(
        tmp_path_factory.mktemp("shop"),
        [
            product("a", split="test"),
            product("b", split="test"),
            product("c", split="test"),
            product("d-1", "d", split="train"),
            product("d-2", "d", split="val"),
        ],
    )


def written(folder, text, name="qrels.csv"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_questions_in_words(shop, tmp_path):
    task = qrels_task(shop, written(tmp_path, QRELS), written(tmp_path, QUERIES, "queries.csv"), NOTHING)
    assert graded(task) == {"q1": {"a": 2, "b": 1}, "q2": {"c": 1}}
    assert task.asked == (Query(text="red shoes"), Query(text="a hat"))
    assert (task.name, task.notes, barred(task)) == ("qrels qrels.csv", (), {"q1": set(), "q2": set()})
    assert task.titles == ("d-1", "c", "b", "a")


def test_the_format_of_trec(shop, tmp_path):
    text = "\ufeffq1 0 a 2\nq1\tQ0\tb  1\n\nq2 0 c 1\nq2 0 a 0\nq2 0 b\n"
    file = written(tmp_path, text, "judged.txt")
    task = qrels_task(shop, file, written(tmp_path, QUERIES, "queries.csv"), NOTHING)
    assert graded(task) == {"q1": {"a": 2, "b": 1}, "q2": {"c": 1}}
    assert task.notes == (f"{file}: 1 of 5 rows (6) have not the four fields of TREC's judgements; left out.",)


def test_questions_in_the_file_itself(shop, tmp_path):
    file = written(tmp_path, "qid,query,product_id,relevance\n1,red shoes,a,1\n1,red shoes,b,1\n2,a hat,c,1\n")
    task = qrels_task(shop, file, None, NOTHING)
    assert task.asked == (Query(text="red shoes"), Query(text="a hat"))
    assert task.keys == ("1", "2")
    file = written(tmp_path, "query,sku\nred shoes,a\na hat,c\n")
    task = qrels_task(shop, file, None, NOTHING)
    assert task.asked == (Query(text="red shoes"), Query(text="a hat"))
    assert graded(task) == {"red shoes": {"a": 1}, "a hat": {"c": 1}}


def test_questions_by_pictures(shop, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("one.jpg", "two.jpg"):
        (folder / name).write_bytes(b"")
    file = written(tmp_path, "query,id\nphotos/one.jpg,a\nphotos/two.jpg,b\n")
    asked = (Query(image=folder / "one.jpg"), Query(image=folder / "two.jpg"))
    assert qrels_task(shop, file, None, NOTHING).asked == asked
    queries = written(folder, "id,picture,text\n1,one.jpg,\n2,two.jpg,in red\n3,lost.jpg,\n", "queries.csv")
    task = qrels_task(shop, written(tmp_path, "1 0 a 1\n2 0 b 1\n"), queries, NOTHING)
    assert task.asked == (asked[0], Query(text="in red", image=folder / "two.jpg"))
    assert task.notes == (f"{queries}: 1 questions name pictures that are not there ({folder / 'lost.jpg'}).",)


def test_questions_by_products(shop, tmp_path):
    file = written(tmp_path, "a 0 b 1\na 0 a 3\nd-2 0 c 2\nd-2 0 d-1 1\n")
    task = qrels_task(shop, file, None, NOTHING)
    assert graded(task) == {"a": {"b": 1}, "d-2": {"c": 2}}
    assert barred(task) == {"a": {"a"}, "d-2": {"d-1"}}
    assert isinstance(task.asked, np.ndarray)
    assert shop.ids(task.asked) == ["a", "d-2"]
    assert task.notes == (f"{file}: 2 of 4 rows (2, 4) judge a product as an answer to itself; left out.",)
    queries = written(tmp_path, "query_id,product,text\na,b,\nd-2,d-1,but red\n", "queries.csv")
    task = qrels_task(shop, file, queries, TaskOptions(variants=True))
    assert task.asked == (Query(like=("b",)), Query(text="but red", like=("d-1",)))
    assert graded(task) == {"a": {"a": 3}, "d-2": {"c": 2}}
    assert barred(task) == {"a": {"b"}, "d-2": {"d-1"}}


def test_the_gallery_is_the_split_of_the_judged_products(shop, tmp_path):
    queries = written(tmp_path, QUERIES, "queries.csv")
    task = qrels_task(shop, written(tmp_path, QRELS), queries, TaskOptions(split="split"))
    assert (task.titles, task.name) == (("c", "b", "a"), "qrels qrels.csv, gallery test")
    both = written(tmp_path, QRELS + "q2,d-1,3\n")
    task = qrels_task(shop, both, queries, TaskOptions(split="split"))
    assert (len(task.titles), task.name) == (4, "qrels qrels.csv")
    assert graded(task)["q2"] == {"c": 1, "d-1": 3}
    task = qrels_task(shop, both, queries, TaskOptions(split="split", gallery_split=("train", "val")))
    assert graded(task) == {"q1": {}, "q2": {"d-1": 3}}
    assert task.notes[-1] == f"{both}: 4 of 5 rows (1, 2, 3, 4) judge products that are not in the gallery; left out."


def test_repeated_judgements(shop, tmp_path):
    file = written(tmp_path, QRELS + "q1,a,2\nq1,b,3\nq1,a,2\n")
    task = qrels_task(shop, file, written(tmp_path, QUERIES, "queries.csv"), NOTHING)
    assert graded(task) == {"q1": {"a": 2, "b": 3}, "q2": {"c": 1}}
    assert task.notes == (
        f"{file}: 1 judgements come more than once (a for q1); each counts once.",
        f"{file}: 1 judgements come with different grades (b for q1); the highest counts.",
    )


def test_variants_are_found_by_the_best_of_them(shop, tmp_path):
    file = written(tmp_path, "query_id,id,grade\nq1,d-1,1\nq1,d-2,2\n")
    queries = written(tmp_path, QUERIES, "queries.csv")
    assert graded(qrels_task(shop, file, queries, NOTHING)) == {"q1": {"d-1": 2}}
    assert graded(qrels_task(shop, file, queries, TaskOptions(variants=True))) == {"q1": {"d-1": 1, "d-2": 2}}


def test_parquet(shop, tmp_path):
    file = tmp_path / "qrels.parquet"
    pl.DataFrame({"query": ["red shoes", "hat"], "item": ["a", "b"], "label": [1.0, 0.5]}).write_parquet(file)
    assert graded(qrels_task(shop, file, None, NOTHING)) == {"red shoes": {"a": 1}, "hat": {"b": 0.5}}


def test_questions_that_can_not_be_asked(shop, tmp_path):
    judged = "".join(f"q{at} 0 a 1\n" for at in range(6))
    words = "".join(f"q{at},word {at}\n" for at in range(5))
    queries = written(tmp_path, f"qid,text\n{words}q0,other words\nq1,word 1\nq9,\n", "queries.csv")
    file = written(tmp_path, judged)
    task = qrels_task(shop, file, queries, NOTHING)
    assert task.keys == ("q0", "q1", "q2", "q3", "q4")
    assert task.asked[0] == Query(text="word 0")
    assert task.notes == (
        f"{file}: 1 of 6 rows (6) are of 1 questions that can't be asked (q5); left out.",
        f"{queries}: 1 questions ask several things, the first counts (q0).",
        f"{queries}: 1 questions ask nothing (q9).",
    )
    with pytest.raises(TruthError, match=r"2 of 7 questions can't be asked \(q5, q6\), more than 20%.*ask nothing"):
        qrels_task(shop, written(tmp_path, judged + "q6 0 a 1\n"), queries, NOTHING)


@pytest.mark.parametrize(
    ("text", "queries", "options", "told"),
    [
        (QRELS, None, NOTHING, "its questions .q1, q2. are neither products of the store nor pictures .*--queries"),
        ("query_id,grade\nq,1\n", QUERIES, NOTHING, "no column that tells the product, such as id"),
        (QRELS, "query_id,colour\nq1,red\n", NOTHING, "no column that tells what is asked, .* beside .*query_id"),
        (QRELS.replace("1", "0").replace("2", "0"), "qid,text\nq0,x\n", NOTHING, "no question has anything relevant"),
        (QRELS.replace("a,2", "z,2"), QUERIES, TaskOptions(unknown_share=0), "1 of 4 ids are not in the store .z."),
        (QRELS, QUERIES, TaskOptions(split="spilt"), "there is no column 'spilt'; did you mean split"),
        (QRELS, QUERIES, TaskOptions(split="split", gallery_split=("dev", "x")), "no split 'x'; it says test"),
        (QRELS, QUERIES, TaskOptions(split="split", gallery_split=("val",)), "4 of 4 rows .* not in the gallery"),
        (QRELS, QUERIES, TaskOptions(query_split="test"), "a query split can't choose"),
        (QRELS, QUERIES, TaskOptions(gallery_split=("test",)), "give --split COLUMN"),
        ("", QUERIES, NOTHING, "is empty"),
        ("query_id,id,grade\nq1,a,good\n", QUERIES, NOTHING, "have a grade that is no number; nothing is left"),
    ],
)  # fmt: skip
def test_judgements_that_can_not_be_used(shop, tmp_path, text, queries, options, told):
    file = written(tmp_path, text)
    asked = queries and written(tmp_path, queries, "queries.csv")
    with pytest.raises(TruthError, match=told):
        qrels_task(shop, file, asked, options)


def test_files_that_are_not_there(shop, tmp_path):
    with pytest.raises(TruthError, match=r"qrels\.csv: there is no such file"):
        qrels_task(shop, tmp_path / "qrels.csv", None, NOTHING)
    with pytest.raises(TruthError, match=r"queries\.csv: there is no such file"):
        qrels_task(shop, written(tmp_path, QRELS), tmp_path / "queries.csv", NOTHING)
