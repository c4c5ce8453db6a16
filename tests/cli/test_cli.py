"""The command line as a shell sees it: exit status, stdout, stderr."""

import json
import subprocess
import sys

import pytest

ROWS = """id,title,price,category
a,red cotton shirt,10 EUR,Clothes > Shirts
b,blue cotton shirt,12 EUR,Clothes > Shirts
c,steel water bottle,20 EUR,Kitchen > Bottles
d,glass water bottle,18 EUR,Kitchen > Bottles
"""
CONFIG = "[signals.text]\nenabled = false\n"  # no network has to be opened for a test of the command line


def sosie(*arguments, folder):
    done = subprocess.run(
        [sys.executable, "-c", "from sosie.cli import main; main()", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "catalogue.csv").write_text(ROWS)
    (folder / "sosie.toml").write_text(CONFIG)
    done = sosie("build", "catalogue.csv", "--config", "sosie.toml", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changes"] == {"added": 4, "changed": 0, "removed": 0, "unchanged": 0}
    assert "title → title" in done.stderr
    return folder


def test_similar_answers_as_the_contract_says(shop):
    done = sosie("similar", "c", "--limit", "2", "--json", folder=shop)
    answer = json.loads(done.stdout)
    assert answer["hits"][0]["id"] == "d"
    assert answer["took_ms"] > 0
    for hit in answer["hits"]:
        assert {"id", "title", "score", "rank", "parts", "missing"} <= hit.keys()
        assert sum(round(part * 10_000) for part in hit["parts"].values()) == round(hit["score"] * 10_000)


def test_the_table_names_signals_and_titles(shop):
    done = sosie("similar", "a", folder=shop)
    assert "blue cotton shirt" in done.stdout
    assert "category" in done.stdout


def test_filters_speak_of_the_product_asked_about(shop):
    done = sosie("similar", "d", "--where", "price > query.price", "--json", folder=shop)
    assert [hit["id"] for hit in json.loads(done.stdout)["hits"]] == ["c"]


def test_words_find_products_with_a_typo(shop):
    done = sosie("search", "--text", "steel botle", "--limit", "1", "--json", folder=shop)
    assert json.loads(done.stdout)["hits"][0]["id"] == "c"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["similar", "aa"], 1, "no product 'aa'"),
        (["similar", "a", "--where", "prize < 3"], 1, "price"),
        (["similar", "a", "--where", "price <"], 1, "price <"),
        (["similar", "a", "--weights", "look=2"], 1, "look"),
        (["similar", "a", "--weights", "words=many"], 1, "SIGNAL=NUMBER"),
        (["search"], 1, "nothing is asked"),
        (["search", "--image", "nowhere.jpg"], 1, "nowhere.jpg"),
        (["build", "nowhere.csv"], 1, "nowhere.csv"),
        (["build", "catalogue.csv", "--map", "titel=title"], 1, "title"),
        (["build", "catalogue.csv", "--max-rejects", "many"], 2, "many"),
        (["similar", "a", "--store", "elsewhere"], 1, "sosie build"),
        (["similar"], 2, "ID"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(shop, arguments, status, says):
    done = sosie(*arguments, folder=shop)
    assert done.returncode == status, done.stderr
    assert says in done.stderr
    assert done.stdout == ""


def test_neighbours_and_matrix_are_written(shop):
    import numpy as np
    import polars as pl

    assert sosie("neighbours", "--k", "2", "--out", "nn.parquet", folder=shop).returncode == 0
    table = pl.read_parquet(shop / "nn.parquet")
    assert table.columns[:4] == ["id", "neighbour", "rank", "score"]
    assert table.filter((pl.col("id") == "a") & (pl.col("rank") == 1))["neighbour"].to_list() == ["b"]
    assert sosie("matrix", "--out", "sim.npz", folder=shop).returncode == 0
    with np.load(shop / "sim.npz", allow_pickle=False) as archive:
        assert archive.files


def test_check_tells_what_is_wrong(shop, tmp_path):
    (tmp_path / "bad.csv").write_text(ROWS + "e,red cotton shirt,10 EUR,Clothes > Shirts\na,again,1 EUR,Clothes\n")
    done = sosie("check", tmp_path / "bad.csv", "--json", "--html", tmp_path / "report.html", folder=shop)
    assert done.returncode == 0, done.stderr
    kinds = {finding["kind"]: finding["count"] for finding in json.loads(done.stdout)["findings"]}
    assert sum(kinds.values()) > 0
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_info_tells_what_the_store_holds(shop):
    facts = json.loads(sosie("info", "--json", folder=shop).stdout)
    assert facts["products"] == 4
    assert "words" in facts["signals"]


def test_rollback_goes_back_one_generation(shop, tmp_path):
    (tmp_path / "catalogue.csv").write_text(ROWS)
    (tmp_path / "sosie.toml").write_text(CONFIG)
    assert sosie("build", "catalogue.csv", "--config", "sosie.toml", folder=tmp_path).returncode == 0
    alone = sosie("rollback", folder=tmp_path)
    assert alone.returncode == 1
    assert sosie("build", "catalogue.csv", "--refit", folder=tmp_path).returncode == 0
    done = sosie("rollback", "--json", folder=tmp_path)
    assert json.loads(done.stdout) == {"generation": 1}
    assert json.loads(sosie("info", "--json", folder=tmp_path).stdout)["version"].startswith("1.")


def test_nothing_acts_in_a_terminal(shop, tmp_path):
    (tmp_path / "evil.csv").write_text("id,title\na,\x1b[31mred[bold] shirt\nb,red shirt [/]\n", encoding="utf-8")
    (tmp_path / "sosie.toml").write_text(CONFIG)
    assert sosie("build", "evil.csv", "--config", "sosie.toml", folder=tmp_path).returncode == 0
    done = sosie("similar", "b", folder=tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "red[bold] shirt" in done.stdout
