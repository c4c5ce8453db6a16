"""`sosie health` and `sosie calibrate`: exit status, stdout, stderr, what is written."""

import json
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import numpy as np
import pytest

from sosie.cli import main

OFF = "".join(
    f"[signals.{name}]\nenabled = false\n"
    for name in ("image", "colour", "text", "words", "price", "category", "attributes")
)
SIZE, KINDS = 240, 12


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def sosie(*arguments, folder):
    """A verb as a shell would run it, without starting a process."""
    out, err, before = StringIO(), StringIO(), sys.argv
    sys.argv = ["sosie", *map(str, arguments)]
    status = 0
    try:
        with chdir(folder), redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = before
    return Done(status, out.getvalue(), err.getvalue())


def build(folder, rows, vectors, store):
    (folder / "catalogue.csv").write_text("\n".join(["id,title,kind,one", *rows]) + "\n")
    np.save(folder / "look.npy", vectors)
    options = ("--vectors", "look=look.npy", "--ignore", "kind", "--ignore", "one", "--config", "sosie.toml")
    done = sosie("build", "catalogue.csv", "--store", store, *options, folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Kinds that overlap, sixty products of the very same vector; a newer build has forty unlike products more."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "sosie.toml").write_text(OFF)
    generator = np.random.default_rng(0)
    kinds = np.arange(SIZE) % KINDS
    look = 1.2 * generator.standard_normal((KINDS, 16))[kinds] + generator.standard_normal((SIZE, 16))
    look[:60:KINDS] = look[0]
    rows = [f"p{at:03},thing {at},kind {kinds[at]},all" for at in range(SIZE)]
    build(folder, rows, look, "old.store")
    new = np.vstack([look, generator.standard_normal((40, 16)) + 3])
    build(folder, [*rows, *(f"p{at},other {at},kind x,all" for at in range(SIZE, SIZE + 40))], new, "new.store")
    (folder / "one.csv").write_text("a,b,similar\n" + "".join(f"p{at:03},p{at + 1:03},1\n" for at in range(50)))
    (folder / "few.csv").write_text("a,b,similar\np000,p012,1\np000,p001,0\n")
    unknown = "".join(f"x{at},p{at + 1:03},{at % 2}\n" for at in range(50))
    (folder / "unknown.csv").write_text("a,b,similar\n" + unknown)
    (folder / "links.csv").write_text(
        "a,b\n"
        + "".join(f"p{at:03},p{other:03}\n" for at in range(100) for other in range(at % KINDS, SIZE, KINDS * 2))
    )
    return folder


def test_health_tells_what_was_planted(shop):
    done = sosie("health", "--store", "old.store", folder=shop)
    assert done.returncode == 0, done.stderr
    first = done.stdout.splitlines()[0]
    assert first == "Look at: equal vectors (the fused answer, look)."
    assert "5 products have the very same look as another one, in 1 sets" in done.stdout
    assert "most often among the first ten" in done.stdout
    assert "thing 0" in done.stdout
    plain = json.loads(sosie("health", "--store", "old.store", "--json", folder=shop).stdout)
    assert plain["products"] == SIZE
    assert plain["signals"]["look"]["duplicates"] == 5
    assert plain["drift"] is None
    assert plain["reproduce"]["command"] == "sosie health --store old.store --json"


def test_health_against_an_older_store_tells_of_drift(shop):
    done = sosie("health", "--store", "new.store", "--against", "old.store", "--html", "health.html", folder=shop)
    assert done.returncode == 0, done.stderr
    assert "240 products in both, 40 new, 0 gone" in done.stdout
    assert "by their neighbours only" in done.stdout  # the two were built apart, with a scale each
    assert "New products are unlike those that were there: look." in done.stdout
    assert "<html" in (shop / "health.html").read_text(encoding="utf-8")
    plain = json.loads(sosie("health", "--store", "old.store", "--against", "old.store", "--json", folder=shop).stdout)
    assert plain["drift"]["verdict"].startswith("No drift")


def test_a_store_is_calibrated_and_hits_tell_it_until_it_is_forgotten(shop):
    def likely():
        done = sosie("similar", "p001", "--store", "old.store", "--limit", "3", "--json", folder=shop)
        return [hit.get("likely") for hit in json.loads(done.stdout)["hits"]]

    assert likely() == [None, None, None]
    done = sosie("calibrate", "--store", "old.store", "--label", "kind", "--html", "calibration.html", folder=shop)
    assert done.returncode == 0, done.stderr
    assert "label kind; 4,800 pairs of 240 products asked about" in done.stdout
    assert "expected calibration error" in done.stdout
    assert "of 10 alike" in done.stdout
    assert "<html" in (shop / "calibration.html").read_text(encoding="utf-8")
    stated = likely()
    assert all(0 < share < 1 for share in stated)
    assert stated == sorted(stated, reverse=True)
    assert "of 10" in sosie("similar", "p001", "--store", "old.store", folder=shop).stdout
    plain = json.loads(sosie("calibrate", "--store", "old.store", "--links", "links.csv", "--json", folder=shop).stdout)
    assert plain["truth"] == "links links.csv"
    assert sum(one["n"] for one in plain["reliability"]) == plain["pairs"]
    assert likely() != stated
    done = sosie("calibrate", "--store", "old.store", "--remove", "--json", folder=shop)
    assert json.loads(done.stdout) == {"removed": True}
    assert likely() == [None, None, None]
    done = sosie("calibrate", "--store", "old.store", "--remove", folder=shop)
    assert (done.returncode, done.stdout) == (0, "There was no calibration.\n")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["calibrate"], 1, "give a truth that tells which products are alike"),
        (["calibrate", "--label", "kinds"], 1, "did you mean kind"),
        (["calibrate", "--label", "one"], 1, "0 of the 4,800 pairs are unlike; at least 20 are needed"),
        (["calibrate", "--pairs", "one.csv"], 1, "alike and unlike ones are needed"),
        (["calibrate", "--pairs", "few.csv"], 1, "1 of the 2 pairs are alike; at least 20 are needed"),
        (["calibrate", "--pairs", "unknown.csv"], 1, "x0"),
        (["calibrate", "--pairs", "nowhere.csv"], 1, "nowhere.csv"),
        (["calibrate", "--label", "kind", "--pairs", "few.csv"], 1, "one truth at a time"),
        (["calibrate", "--label", "kind", "--split", "part"], 1, "no column 'part'"),
        (["calibrate", "--label", "kind", "--least", "-1"], 2, "--least"),
        (["calibrate", "--label", "kind", "--remove"], 1, "leave out the truth"),
        (["calibrate", "--events", "few.csv"], 2, "--events"),
        (["health", "--against", "nowhere"], 1, "nowhere"),
        (["health", "--against", "few.csv"], 1, "few.csv"),
        (["health", "--label", "kind"], 2, "--label"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_sentence(shop, arguments, status, says):
    done = sosie(*arguments, "--store", "old.store", folder=shop)
    assert done.returncode == status, done.stderr
    assert says in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert not (shop / "old.store" / "calibration.json").exists()
