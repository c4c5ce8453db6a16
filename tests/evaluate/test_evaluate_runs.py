"""Runs in and out: what is written and read again gives the same figures, to us and to others."""

import os
from contextlib import suppress

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # compiling ranx takes a minute, running it as plain Python a moment

import numpy as np
import polars as pl
import pytest
import pytrec_eval
import ranx
from shop_of import shop_of

from sosie.errors import TruthError
from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import Options
from sosie.evaluate.runs import beside, read_run, write_qrels
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.truth import label_task

SIZE = 80
NAMES = ("hit@1", "hit@5", "recall@10", "precision@10", "r_precision", "mrr", "ndcg@10", "ap")
ALONE = Options("ndcg@10", NAMES, beside=False)
GRADED = Truth(labels=("kind", "colour"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Vectors on a coarse grid, so that many scores are equal; ids of which one holds a blank; some variants."""
    draw = np.random.default_rng(2)
    columns = {
        "id": [f"item {at}" if at == 7 else f"i{at}" for at in range(SIZE)],
        "kind": [f"k{at % 5}" for at in range(SIZE)],
        "colour": [f"c{at % 3}" for at in range(SIZE)],
        "split": ["test" if at % 4 == 0 else "train" for at in range(SIZE)],
        "item_group_id": [f"g{max(at, 3)}" for at in range(SIZE)],
    }
    look = draw.integers(-1, 2, (SIZE, 3)).astype(np.float32)
    look[~look.any(axis=1)] = 1
    return shop_of(tmp_path_factory.mktemp("shop"), columns, {"look": look}, ignore=("kind", "colour", "split"))


@pytest.mark.parametrize("truth", [GRADED, Truth(labels=("kind",), options=TaskOptions(split="split"))])
def test_a_run_written_and_read_again_gives_the_same_figures(shop, tmp_path, truth):
    run, values, again = (tmp_path / name for name in ("a.run", "values.parquet", "again.parquet"))
    written = evaluate(shop, truth, options=ALONE, write_run_to=run, per_query=values)
    read = evaluate(shop, truth, options=ALONE, run=run, per_query=again)
    assert {n: f for n, f in written.metrics.items() if n != "diversity@10"} == dict(read.metrics)
    assert pl.read_parquet(values).equals(pl.read_parquet(again))
    assert read.lists == written.lists
    assert [c.query for c in read.worst] == [c.query for c in written.worst]
    assert [c.hits for c in read.worst] == [c.hits for c in written.worst]
    assert read.truth == f"{written.truth}, answers of a.run"
    assert not [note for note in read.notes if "a.run" in note]


def test_other_tools_agree_on_our_run_and_our_judgements(shop, tmp_path):
    run, qrels, values = (tmp_path / name for name in ("a.run", "a.qrels", "values.parquet"))
    evaluate(shop, GRADED, options=ALONE, write_run_to=run, write_qrels_to=qrels, per_query=values)
    for file in (run, qrels):  # names with blanks are no names to other tools
        file.write_text(file.read_text().replace("item 7", "item_7"))
    ours = {row["query"].replace(" ", "_"): row for row in pl.read_parquet(values).iter_rows(named=True)}
    with run.open() as lines:
        theirs = pytrec_eval.parse_run(lines)
    with qrels.open() as lines:
        judged = pytrec_eval.parse_qrel(lines)
    assert len(judged) == len(ours)
    called = {
        "hit@1": "success_1",
        "hit@5": "success_5",
        "recall@10": "recall_10",
        "precision@10": "P_10",
        "r_precision": "Rprec",
        "mrr": "recip_rank",
        "ndcg@10": "ndcg_cut_10",
        "ap": "map",
    }
    asked = {"success.1,5", "recall.10", "P.10", "Rprec", "recip_rank", "ndcg_cut.10", "map"}
    found = pytrec_eval.RelevanceEvaluator(judged, asked).evaluate(theirs)
    assert found.keys() == ours.keys()
    for key, row in ours.items():
        for name, other in called.items():
            assert row[name] == pytest.approx(found[key][other], abs=1e-9)
    # ranx leaves the order of equal scores to chance: it is told our order by scores that differ.
    apart = {key: {id: -rank for rank, id in enumerate(_ranked(run, key))} for key in theirs}
    means = ranx.evaluate(
        ranx.Qrels(judged), ranx.Run(apart), ["hit_rate@5", "recall@10", "r-precision", "mrr", "ndcg@10", "map"]
    )
    for name, other in zip(("hit@5", "recall@10", "r_precision", "mrr", "ndcg@10", "ap"), means.values(), strict=True):
        assert np.mean([row[name] for row in ours.values()]) == pytest.approx(other, abs=1e-9)


def _ranked(run, key):
    return [line.split("\t")[2] for line in run.read_text().splitlines() if line.split("\t")[0] == key]


def test_a_run_is_cut_where_trec_cuts_it(shop, tmp_path, monkeypatch):
    monkeypatch.setattr("sosie.evaluate.front.RUN_DEPTH", 7)
    evaluate(shop, GRADED, options=ALONE, write_run_to=tmp_path / "a.run")
    frame = read_run(tmp_path / "a.run").frame
    assert set(frame.group_by("query").len()["len"]) == {7}


def test_lines_are_read_however_their_fields_are_split(tmp_path):
    file = tmp_path / "a.run"
    file.write_bytes(
        b"\xef\xbb\xbfq1 Q0 a 1 0.5 other\r\n"
        b"q1  0   b\t2   0.75  other\r\n"
        b"\r\n"
        b"red shirt\tQ0\titem 7\t1\t3e-1\tother\n"
        b"q1 Q0 c 3 0.5 other\n"
        b"q1 Q0 b 9 -1 other\n"
        b"q2 Q0 \xe5\x8c\x85 1 2 other\n"
    )
    run = read_run(file)
    found = {}
    for query, id, score in run.frame.iter_rows():
        found.setdefault(query, []).append((id, score))
    assert found == {
        "q1": [("b", 0.75), ("c", 0.5), ("a", 0.5)],  # of equal scores the later id first
        "red shirt": [("item 7", 0.3)],
        "q2": [("包", 2.0)],
    }
    assert run.notes == (f"{file}: 1 answers come more than once; each counts once, by its best score.",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (bytes(range(256)), "six fields|binary|damaged"),
        (b"q1 Q0 a 1 nan x\nq1 Q0 b 2 1 x\n", r"1 of 2 lines have a score that is no finite number \(line 1: 'q1 Q0 a"),
        (b"q1 Q0 b 2 1 x\nq1 Q0 a 1 inf x\n", "line 2"),
        (b"q1 Q0 a 1 high x\n", "no finite number"),
        (b"q1 Q0 a 1 1 x\nq1,a,1\n", r"1 of 2 lines have not the six fields.*line 2: 'q1,a,1'"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_run_is_refused(tmp_path, content, says):
    file = tmp_path / "a.run"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TruthError, match=says):
        read_run(file)


def run_of(file, lines):
    file.write_text("".join(f"{key}\tQ0\t{id}\t1\t{score}\tx\n" for key, id, score in lines))
    return file


def test_places_are_kept_by_strangers_and_given_up_by_oneself(shop, tmp_path):
    truth = Truth(labels=("kind",), options=TaskOptions(split="split"))
    options = Options("mrr", ("precision@10",), beside=False)
    keys = label_task(shop.snapshot, ["kind"], truth.options).keys
    lines = [("i4", "i4", 9), ("i4", "i8", 8), ("i4", "nobody", 7), ("i4", "i9", 6), ("i4", "i14", 5)]
    lines += [(key, f"i{at}", at) for key in keys if key != "i4" for at in range(20, 60) if f"i{at}" != key]
    run = run_of(tmp_path / "a.run", [*lines, ("q77", "i5", 1)])
    values = tmp_path / "values.parquet"
    report = evaluate(shop, truth, options=options, run=run, per_query=values)
    row = pl.read_parquet(values).filter(pl.col("query") == "i4").row(0, named=True)
    # i4 itself and i8 are of the split that asks: strangers to the gallery, they keep their ranks like nobody does.
    assert row["mrr"] == pytest.approx(1 / 4)
    assert row["precision@10"] == pytest.approx(2 / 10)
    told = " ".join(report.notes)
    assert "1 of its questions are not among those of label kind" in told
    assert "1 of its 45 products are not in the store (nobody)" in told
    assert "12 of its 45 products are not in the gallery" in told


def test_the_product_asked_about_gives_up_its_place_and_variants_share_one(shop, tmp_path):
    truth, options = Truth(labels=("kind",)), Options("mrr", ("hit@1",), beside=False)
    keys = label_task(shop.snapshot, ["kind"], TaskOptions()).keys
    assert "i0" in keys
    assert "i3" not in keys  # i0 to i3 are one product
    lines = [("i5", "i5", 9), ("i5", "i2", 8), ("i5", "i1", 7), ("i5", "i10", 6)]
    run = run_of(tmp_path / "a.run", lines)
    values = tmp_path / "values.parquet"
    report = evaluate(shop, truth, options=options, run=run, per_query=values)
    row = pl.read_parquet(values).filter(pl.col("query") == "i5").row(0, named=True)
    assert row["hit@1"] == 1  # i2's product holds i0, which is of the kind
    case = next(case for case in (*report.best, *report.worst) if case.query == "i5")
    assert [hit.id for hit in case.hits] == ["i0", "i10"]
    assert f"{run}: lacks {len(keys) - 1} of {len(keys)} questions; their value is 0." in report.notes
    assert report.metrics["mrr"].value == pytest.approx(1 / report.metrics["mrr"].n)


def test_a_run_of_another_store_is_refused(shop, tmp_path):
    kind = Truth(labels=("kind",))
    run = run_of(tmp_path / "a.run", [("x1", "i2", 1), ("x2", "i3", 1)])
    with pytest.raises(
        TruthError, match=r"answers none of the .* questions .*, such as i0.*its own are x.*another store"
    ):
        evaluate(shop, kind, options=ALONE, run=run)
    run = run_of(tmp_path / "a.run", [("i5", f"other{at}", at) for at in range(5)])
    with pytest.raises(TruthError, match=r"5 of its 5 products are not in the store \(other4.*another store"):
        evaluate(shop, kind, options=ALONE, run=run)


def test_what_does_not_go_together_is_refused(shop, tmp_path):
    run = run_of(tmp_path / "a.run", [("i5", "i10", 1)])
    kind = Truth(labels=("kind",))
    with pytest.raises(TruthError, match="no weights, and no other run"):
        evaluate(shop, kind, options=Options(weights={"look": 2}), run=run)
    with pytest.raises(TruthError, match="no weights, and no other run"):
        evaluate(shop, kind, run=run, write_run_to=tmp_path / "b.run")
    for named in ({"run": run}, {"write_run_to": run}, {"write_qrels_to": run}, {"per_query": run}):
        with pytest.raises(TruthError, match="without a truth"):
            evaluate(shop, Truth(), **named)


def test_names_that_no_reader_would_find_again_are_refused(shop, tmp_path):
    task = label_task(shop.snapshot, ["kind"], TaskOptions())
    odd = pl.Series(task.keys).replace("i5", "i\t5").to_list()
    with pytest.raises(TruthError, match="holds a tab"):
        write_qrels(tmp_path / "a.qrels", type(task)(**{**vars(task), "keys": tuple(odd)}))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_can_not_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(TruthError, match="folder: can't be written"), beside(tmp_path / "folder") as partial:
        partial.write_text("half")
    with suppress(KeyboardInterrupt), beside(tmp_path / "file") as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
