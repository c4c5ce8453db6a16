"""Judged pairs as a truth."""

import numpy as np
import pytest
from truth_store import product, snapshot_of

from sosie.errors import TruthError
from sosie.evaluate.truth import TaskOptions, pairs_task


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return snapshot_of(tmp_path_factory.mktemp("shop"), [product(id) for id in "abcdefghij"])


def pairs(folder, text, header="a,b,similar,split"):
    file = folder / "pairs.csv"
    file.write_text("\n".join([header, *text.split()]) + "\n")
    return file


def plain(shop, task):
    """(a, b, grade, split) of each pair."""
    rows = zip(shop.ids(task.a), shop.ids(task.b), task.grades.tolist(), task.splits.tolist(), strict=True)
    return list(rows)


def test_pairs_as_the_file_has_them(shop, tmp_path):
    task = pairs_task(shop, pairs(tmp_path, "a,b,1,Train c,d,0,valid e,f,1,TEST f,g,0,other"), TaskOptions())
    assert plain(shop, task) == [
        ("a", "b", 1, "train"),
        ("c", "d", 0, "val"),
        ("e", "f", 1, "test"),
        ("f", "g", 0, "other"),
    ]
    assert (task.name, task.notes, task.unknown) == ("pairs pairs.csv", (), ())


def test_pairs_that_share_products_hang_together(shop, tmp_path):
    task = pairs_task(shop, pairs(tmp_path, "a,b,1, c,d,0, e,b,0, f,g,0, h,i,1, a,e,0,"), TaskOptions())
    same = task.clusters[:, None] == task.clusters
    together = np.zeros((6, 6), bool)
    for group in ([0, 2, 5], [1], [3], [4]):
        together[np.ix_(group, group)] = True
    np.testing.assert_array_equal(same, together)


def test_where_most_hang_together_pairs_of_one_first_product_do(shop, tmp_path):
    file = pairs(tmp_path, "a,b,1, a,c,0, b,c,0, d,e,0,")
    task = pairs_task(shop, file, TaskOptions())
    assert (task.clusters[:, None] == task.clusters).sum() == 4 + 1 + 1
    assert task.clusters[0] == task.clusters[1]
    assert task.notes == (
        f"{file}: 75% of the pairs hang together by shared products; "
        "intervals take those of one first product as dependent.",
    )


@pytest.mark.parametrize("header", ["ltable_id,rtable_id,label", "left,right,match", "id1,id2,Is Duplicate"])
def test_names_of_columns_and_words_for_grades(shop, tmp_path, header):
    task = pairs_task(shop, pairs(tmp_path, "a,b,True c,d,no e,f,0.5", header), TaskOptions())
    assert plain(shop, task) == [("a", "b", 1, ""), ("c", "d", 0, ""), ("e", "f", 0.5, "")]


def test_the_column_of_splits_can_be_named(shop, tmp_path):
    file = pairs(tmp_path, "a,b,1,x,test c,d,0,x,train", "a,b,similar,split,part")
    assert pairs_task(shop, file, TaskOptions(split="part")).splits.tolist() == ["test", "train"]
    with pytest.raises(TruthError, match=r"has no column 'prt'; did you mean part or split\? It has a, b"):
        pairs_task(shop, file, TaskOptions(split="prt"))


def test_repeated_pairs_count_once(shop, tmp_path):
    file = pairs(tmp_path, "a,b,2,test b,a,3,train c,d,0,test c,d,0,test e,f,0,val")
    task = pairs_task(shop, file, TaskOptions())
    assert plain(shop, task) == [("a", "b", 3, "train"), ("c", "d", 0, "test"), ("e", "f", 0, "val")]
    assert task.notes == (
        f"{file}: 2 pairs come more than once; each counts once.",
        f"{file}: 1 pairs stand in several splits; each counts in the first.",
    )


def test_contradictions_are_left_out_and_told(shop, tmp_path):
    others = " ".join(f"a,{b},{int(b > 'e')}," for b in "bcdefghij")
    file = pairs(tmp_path, f"{others} i,j,1, j,i,0,")
    task = pairs_task(shop, file, TaskOptions())
    assert [row[:3] for row in plain(shop, task)] == [("a", b, int(b > "e")) for b in "bcdefghij"]
    assert task.notes[0] == f"{file}: 1 of 10 pairs are judged both ways (i and j); left out."


def test_many_contradictions_are_refused(shop, tmp_path):
    file = pairs(tmp_path, "a,b,1, b,a,0, c,d,0, e,f,1,")
    with pytest.raises(TruthError, match=r"1 of 3 pairs are judged both ways \(a and b\), more than 10%"):
        pairs_task(shop, file, TaskOptions())


def test_unknown_ids_are_listed(shop, tmp_path):
    file = pairs(tmp_path, "a,b,1, c,d,0, e,f,1, f,z,0,")
    task = pairs_task(shop, file, TaskOptions())
    assert task.unknown == ("z",)
    assert len(task.a) == 3
    with pytest.raises(TruthError, match=r"1 of 7 ids are not in the store \(z\), more than 10%"):
        pairs_task(shop, file, TaskOptions(unknown_share=0.1))


def test_rows_that_can_not_be_used_are_told(shop, tmp_path):
    file = pairs(tmp_path, "a,b,1, c,d,0, a,a,1, e,f,maybe, e,g,, e,h,nan, g,h,-1,")
    task = pairs_task(shop, file, TaskOptions())
    assert plain(shop, task) == [("a", "b", 1, ""), ("c", "d", 0, ""), ("g", "h", 0, "")]
    assert task.notes == (
        f"{file}: 3 of 7 rows (4, 5, 6) have a grade that is no number; left out.",
        f"{file}: 1 of 4 rows (3) pair a product with itself; left out.",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b,1, c,d,1,", "all 2 pairs have the grade 1; alike and unlike ones are needed"),
        ("a,b,0, c,d,0,", "all 2 pairs have the grade 0"),
        ("a,b,p, c,d,q,", "2 of 2 rows .1, 2. have a grade that is no number; nothing is left"),
    ],
)
def test_pairs_of_one_class(shop, tmp_path, text, told):
    with pytest.raises(TruthError, match=told):
        pairs_task(shop, pairs(tmp_path, text), TaskOptions())


def test_pairs_without_a_grade(shop, tmp_path):
    with pytest.raises(TruthError, match="has no column that tells the grade, such as similar"):
        pairs_task(shop, pairs(tmp_path, "a,b", "a,b"), TaskOptions())


def test_to_learn_from_no_pair_of_the_test_is_looked_at(shop, tmp_path):
    file = pairs(tmp_path, "a,b,1,train a,b,0,test c,d,1,val e,f,0,Testing")
    task = pairs_task(shop, file, TaskOptions(), to_learn=True)
    assert plain(shop, task) == [("a", "b", 1, "train"), ("c", "d", 1, "val")]
    assert (task.middle, len(task.contrary)) == (0, 0)
    assert task.notes == (f"{file}: 2 of 4 rows (2, 4) are of the split test; left out.",)
    with pytest.raises(TruthError, match="are of the split test; nothing is left"):
        pairs_task(shop, pairs(tmp_path, "a,b,1,test c,d,0,test"), TaskOptions(), to_learn=True)


def test_to_learn_from_any_number_may_be_judged_both_ways(shop, tmp_path):
    file = pairs(tmp_path, "a,b,2,train b,a,0,train c,d,1.5,train")
    task = pairs_task(shop, file, TaskOptions(), to_learn=True)
    assert plain(shop, task) == [("c", "d", 1.5, "train")]
    assert [shop.ids(pair) for pair in task.contrary] == [["a", "b"]]
    assert task.middle == 1
    with pytest.raises(TruthError, match="more than 10%"):
        pairs_task(shop, file, TaskOptions())
    with pytest.raises(TruthError, match="all pairs that are left are judged both ways"):
        pairs_task(shop, pairs(tmp_path, "a,b,1,train b,a,0,train"), TaskOptions(), to_learn=True)
