"""`sosie merge`, `backup`, `restore` and `gc`: exit status, stdout and stderr on a real store."""

import json

import pytest
from test_cli_health import OFF, sosie

import sosie as product_sosie
from sosie.engine.live import Live
from sosie.types import Product


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sosie.toml").write_text(OFF.replace("[signals.words]\nenabled = false\n", ""))
    rows = "\n".join(f"p{at},red thing number {at}" for at in range(12))
    (tmp_path / "catalogue.csv").write_text(f"id,title\n{rows}\n")
    done = sosie("build", "catalogue.csv", "--config", "sosie.toml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    Live(product_sosie.open(tmp_path / "sosie.store")).put([Product("live", title="velvet lamp")])
    return tmp_path


def hits(folder, store="sosie.store"):
    done = sosie("search", "--text", "velvet lamp", "--limit", "1", "--store", store, "--json", folder=folder)
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def test_a_store_is_merged(folder):
    assert sosie("merge", folder=folder).stdout == "sosie.store: version 2.0\n"
    assert json.loads(sosie("merge", "--json", folder=folder).stdout) == {"version": "2.0"}
    assert hits(folder) == ["live"]


def test_there_and_back(folder):
    done = sosie("backup", "b.tar", folder=folder)
    assert (done.returncode, done.stdout.startswith("b.tar: version 1.1 of sosie.store, ")) == (0, True)
    assert json.loads(sosie("restore", "b.tar", "--store", "new", "--json", folder=folder).stdout)["version"] == "1.1"
    assert hits(folder, "new") == ["live"]
    refused = sosie("restore", "b.tar", folder=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--force" in refused.stderr
    Live(product_sosie.open(folder / "sosie.store")).remove(["live"])
    assert sosie("restore", "b.tar", "--force", folder=folder).stdout.startswith("sosie.store: version 2.1, ")
    assert hits(folder) == ["live"]
    assert sosie("rollback", folder=folder).returncode == 0
    assert hits(folder) != ["live"]


def test_what_is_no_back_up(folder):
    done = sosie("restore", "catalogue.csv", "--store", "new", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "catalogue.csv: is no back-up of a store" in done.stderr
    assert sosie("backup", "b.tar", "--store", "nowhere", folder=folder).returncode == 1


def test_what_is_freed_is_told(folder):
    assert sosie("gc", folder=folder).stdout == "sosie.store: freed nothing: there was nothing to free\n"
    (folder / "sosie.store" / "staged.partial").mkdir()
    (folder / "sosie.store" / "staged.partial" / "ids.bin").write_bytes(b"x" * 2_500)
    assert sosie("gc", folder=folder).stdout == "sosie.store: freed 2.5 kB of unfinished work\n"
    assert json.loads(sosie("gc", "--cache", "0", "--json", folder=folder).stdout)["unfinished"] == 0
