"""`sosie pin`, `block` and `rules`: exit status, stdout, stderr, and what an answer shows."""

import json

import pytest
from test_cli_health import OFF, sosie

from sosie.engine.rules import read_rules


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sosie.toml").write_text(OFF.replace("[signals.words]\nenabled = false\n", ""))
    rows = "\n".join(f"p{at},red thing number {at}" for at in range(12))
    (tmp_path / "catalogue.csv").write_text(f"id,title\n{rows}\n")
    done = sosie("build", "catalogue.csv", "--config", "sosie.toml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def hits(folder, id):
    return json.loads(sosie("similar", id, "--json", folder=folder).stdout)["hits"]


def test_a_pin_is_told_shown_listed_and_taken_back(folder):
    last = hits(folder, "p0")[-1]["id"]
    done = sosie("pin", "p0", last, "p3", folder=folder)
    assert (done.returncode, done.stdout) == (0, f"p0: {last}, p3 pinned\n")
    assert [(hit["id"], hit.get("pinned")) for hit in hits(folder, "p0")[:2]] == [(last, True), ("p3", True)]
    assert "pinned" not in hits(folder, "p0")[2]
    assert sosie("similar", "p0", folder=folder).stdout.count("pinned") == 2
    assert f"{last}, p3" in sosie("rules", folder=folder).stdout
    assert sosie("pin", "p0", last, "--remove", folder=folder).stdout == "p0: p3 pinned\n"
    assert sosie("pin", "p0", "--remove", folder=folder).stdout == "p0: nothing is pinned any more\n"
    assert sosie("rules", folder=folder).stdout == "nothing is pinned or blocked\n"


def test_a_block_here_and_anywhere(folder):
    first = hits(folder, "p0")[0]["id"]
    assert sosie("block", "p0", first, folder=folder).stdout == f"p0: {first} blocked\n"
    done = sosie("block", "p5", "--anywhere", "--json", folder=folder)
    assert json.loads(done.stdout) == {"pins": {}, "blocks": {"p0": [first], "*": ["p5"]}}
    assert {hit["id"] for hit in hits(folder, "p0")}.isdisjoint({first, "p5"})
    assert "every product" in sosie("rules", folder=folder).stdout
    assert json.loads(sosie("rules", "--json", folder=folder).stdout) == read_rules(folder / "sosie.store").as_json()
    assert sosie("block", "p5", "--anywhere", "--remove", folder=folder).stdout.endswith(
        "nothing is blocked any more\n"
    )


def test_a_product_that_is_gone_is_named_so(folder):
    sosie("pin", "p0", "p3", folder=folder)
    rows = (folder / "catalogue.csv").read_text().splitlines()
    (folder / "catalogue.csv").write_text("\n".join(row for row in rows if not row.startswith("p3,")) + "\n")
    assert sosie("build", "catalogue.csv", folder=folder).returncode == 0
    assert "p3 (gone)" in sosie("rules", folder=folder).stdout


def test_wrong_use(folder):
    assert sosie("pin", "p0", folder=folder).returncode == 2
    assert sosie("block", "p0", folder=folder).returncode == 2
    done = sosie("pin", "p0", "p33", folder=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no product 'p33'" in done.stderr
    sosie("block", "p3", "--anywhere", folder=folder)
    assert "blocked beside every product" in sosie("pin", "p0", "p3", folder=folder).stderr
