"""Links as a truth, and what all files of a truth have in common."""

import json

import polars as pl
import pytest
from truth_store import barred, graded, product, snapshot_of

from sosie.errors import TruthError
from sosie.evaluate.truth import TaskOptions, links_task


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return snapshot_of(
        tmp_path_factory.mktemp("shop"),
        [
            product("s-1", "s", split="test"),
            product("s-2", "s", split="train"),
            product("t", split="test"),
            product("u", split="train"),
            product("7", split="train"),
        ],
    )


LINKS = [("s-1", "up", "t"), ("s-2", "up", "u"), ("t", "up", "s-2"), ("t", "cross", "7"), ("u", "cross", "7")]


def csv_of(folder, rows, header="sku,link_type,linked_sku"):
    file = folder / "links.csv"
    file.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return file


def test_links_go_one_way_and_belong_to_whole_products(shop, tmp_path):
    task = links_task(shop, csv_of(tmp_path, LINKS), TaskOptions())
    assert graded(task) == {"s-1": {"t": 1, "u": 1}, "t": {"s-1": 1, "7": 1}, "u": {"7": 1}}
    assert barred(task) == {"s-1": {"s-1"}, "t": {"t"}, "u": {"u"}}
    assert (task.name, task.notes, task.unknown) == ("links links.csv", (), ())


def test_variants_told_apart(shop, tmp_path):
    task = links_task(shop, csv_of(tmp_path, LINKS), TaskOptions(variants=True))
    assert graded(task) == {"s-1": {"t": 1}, "s-2": {"u": 1}, "t": {"s-2": 1, "7": 1}, "u": {"7": 1}}


def test_links_of_a_kind(shop, tmp_path):
    file = csv_of(tmp_path, LINKS)
    task = links_task(shop, file, TaskOptions(kinds=("Cross",)))
    assert graded(task) == {"t": {"7": 1}, "u": {"7": 1}}
    assert task.name == "links links.csv of Cross"
    with pytest.raises(TruthError, match=r"nothing of the kind 'crss'; did you mean cross\? Its kinds: cross, up\."):
        links_task(shop, file, TaskOptions(kinds=("crss",)))


def test_splits_of_the_store(shop, tmp_path):
    file = csv_of(tmp_path, LINKS)
    task = links_task(shop, file, TaskOptions(split="split"))
    assert graded(task) == {"s-1": {"t": 1}, "t": {"s-1": 1, "7": 1}}
    assert task.name == "links links.csv, queries test"
    assert task.notes == (f"{file}: 2 of 5 rows (2, 5) link products that are not of the split test; left out.",)
    task = links_task(shop, file, TaskOptions(split="split", gallery_split=("train",)))
    assert graded(task) == {"s-1": {}, "t": {"s-2": 1, "7": 1}}
    assert task.notes[-1] == f"{file}: 1 of 3 rows (1) link to products that are not in the gallery; left out."


@pytest.mark.parametrize("kind", ["tsv", "jsonl", "parquet", "utf-16"])
def test_formats(shop, tmp_path, kind):
    file = tmp_path / f"links.{kind}"
    if kind == "tsv":
        file.write_text("source\ttarget\n t \t'7\nu\t7\n")
    elif kind == "jsonl":
        file.write_text("\n".join(json.dumps({"from": a, "to": 7}) for a in "tu"))
    elif kind == "parquet":
        pl.DataFrame({"a": ["t", "u"], "b": [7.0, 7.0]}).write_parquet(file)
    else:
        file.write_text("商品;关联商品\nt;7\nu;7\n", encoding="utf-16")
    assert graded(links_task(shop, file, TaskOptions())) == {"t": {"7": 1}, "u": {"7": 1}}


def test_unknown_ids_are_listed_and_counted(shop, tmp_path):
    file = csv_of(tmp_path, [*LINKS, ("t", "up", "gone"), ("gone", "up", "t")])
    task = links_task(shop, file, TaskOptions())
    assert task.unknown == ("gone",)
    assert task.notes == (f"{file}: 1 of 6 ids are not in the store (gone); what names them is left out.",)
    assert graded(task)["t"] == {"s-1": 1, "7": 1}


def test_a_file_for_another_store_is_refused(shop, tmp_path):
    file = csv_of(tmp_path, [*LINKS, ("t", "up", "s-11"), ("other", "up", "t")])
    with pytest.raises(TruthError, match=r"2 of 7 ids are not in the store \(other, s-11\), more than 20%"):
        links_task(shop, file, TaskOptions())
    assert links_task(shop, file, TaskOptions(unknown_share=0.3)).unknown == ("other", "s-11")


def test_rows_that_can_not_be_used_are_told(shop, tmp_path):
    file = csv_of(tmp_path, [*LINKS, ("t", "up", "t"), ("s-1", "up", "s-2"), ("", "up", "t"), ("a", "b")])
    task = links_task(shop, file, TaskOptions())
    assert task.notes == (
        f"{file}: 1 rows can't be read (row 9: the record has 2 cells where the header names 3 columns).",
        f"{file}: 1 of 8 rows (8) lack the product or the linked product; left out.",
        f"{file}: 2 of 7 rows (6, 7) link a product to itself; left out.",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sku,linked_sku\n", "holds no rows"),
        ("", "is empty"),
        ("sku,linkd\nt,7\n", "has no column that tells the linked product, such as b, .*; its columns are sku, linkd"),
        ("sku,linked_sku\nt,t\n", "link a product to itself; nothing is left"),
        ("sku,linked_sku\n,t\n", "1 of 1 rows .1. lack the product or the linked product; nothing is left"),
    ],
)
def test_files_that_can_not_be_used(shop, tmp_path, text, told):
    file = tmp_path / "links.csv"
    file.write_text(text)
    with pytest.raises(TruthError, match=told):
        links_task(shop, file, TaskOptions())


def test_kinds_without_a_column_of_kinds_and_a_file_that_is_not_there(shop, tmp_path):
    with pytest.raises(TruthError, match="no column that tells the kind"):
        links_task(shop, csv_of(tmp_path, [("t", "7")], "a,b"), TaskOptions(kinds=("up",)))
    with pytest.raises(TruthError, match="there is no such file"):
        links_task(shop, tmp_path / "nothing.csv", TaskOptions())
