"""The verbs that measure as a shell sees them: figures on stdout, every bad input one message, no traceback."""

import json
import subprocess
import sys

import polars as pl
import pytest

from sosie.cli import main
from sosie.config import read_config

SIZE = 120
THINGS = ("shirt", "bottle", "lamp", "boot")
CONFIG = "[signals.text]\nenabled = false\n"  # no network has to be opened for a test of the command line


@pytest.fixture
def sosie(monkeypatch, capsys):
    """Run a verb in a folder, as the program would: (exit status, stdout, stderr)."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["sosie", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ending:
            status = ending.code or 0
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return status, printed.out, printed.err

    return run


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    rows = [
        f"p{at:03},{('red', 'blue', 'green')[at % 3]} {THINGS[at % 4]} number {at},{10 + at},"
        f"{THINGS[at % 4]},{('train', 'val', 'test')[at % 5 % 3]}"
        for at in range(SIZE)
    ]
    (folder / "catalogue.csv").write_text("\n".join(["id,title,price,kind,part", *rows]) + "\n")
    (folder / "sosie.toml").write_text(CONFIG)
    command = ["build", "catalogue.csv", "--config", "sosie.toml", "--ignore", "kind", "--ignore", "part", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", "from sosie.cli import main; main()", *command],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    write(folder / "links.csv", "a,b,kind", [(f"p{at:03}", f"p{(at + 4) % SIZE:03}", "up") for at in range(60)])
    pairs = [
        (f"p{at:03}", f"p{(at + 4 - at % 2) % SIZE:03}", 1 - at % 2, ("val", "test")[at // 2 % 2]) for at in range(SIZE)
    ]
    write(folder / "pairs.csv", "a,b,similar,split", pairs)
    queries = [(f"q{at}", f"p{other:03}", 1) for at in range(4) for other in range(at, SIZE, 4)]
    write(folder / "qrels.csv", "query_id,product,grade", queries)
    write(folder / "queries.csv", "query_id,query", [(f"q{at}", THINGS[at]) for at in range(4)])
    events = [(f"u{user}", f"p{(user + 4 * step) % SIZE:03}", step) for user in range(30) for step in range(4)]
    write(folder / "events.csv", "user,product,time", events)
    return folder


def write(file, head, rows):
    file.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return file


TRUTHS = {
    "label": (["--label", "kind"], "hit@1"),
    "split": (["--label", "kind", "--split", "part", "--gallery-split", "train,val"], "hit@1"),
    "links": (["--links", "links.csv", "--kind", "up"], "recall@10"),
    "pairs": (["--pairs", "pairs.csv"], "f1"),
    "qrels": (["--qrels", "qrels.csv", "--queries", "queries.csv"], "ndcg@10"),
    "events": (["--events", "events.csv"], "ndcg@10"),
    "time": (["--events", "events.csv", "--at", "75%", "--repeats"], "ndcg@10"),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_each_truth_gives_a_report_as_the_contract_says(shop, tmp_path, sosie, name):
    truth, measure = TRUTHS[name]
    status, out, _ = sosie(shop, "evaluate", *truth, "--json", "--per-query", tmp_path / "v.parquet")
    assert status == 0
    report = json.loads(out)
    assert report["measure"] == measure
    assert {"value", "low", "high", "n"} == report["metrics"][measure].keys()
    assert {"random", "words", "exact" if name == "qrels" else "price"} <= report["baselines"].keys()
    assert report["baselines"]["words"]["metrics"][measure]["n"] == report["metrics"][measure]["n"]
    assert {"slices", "leaks", "worst", "best", "notes", "reproduce", "without_relevant"} <= report.keys()
    assert report["reproduce"]["command"].startswith(f"sosie evaluate {truth[0]}")
    values = pl.read_parquet(tmp_path / "v.parquet")
    assert values.height == report["queries"]
    if name != "pairs":
        assert values[measure].drop_nulls().mean() == pytest.approx(report["metrics"][measure]["value"])


def test_a_report_is_printed_and_written_as_a_page(shop, tmp_path, sosie):
    status, out, err = sosie(
        shop, "evaluate", "--label", "kind", "--measure", "map@r", "--html", tmp_path / "page.html"
    )
    assert status == 0
    assert "map@r" in out
    assert "random" in out
    assert "note" in err
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_without_a_truth_nothing_is_called_quality(shop, sosie):
    status, out, err = sosie(shop, "evaluate")
    assert status == 0
    assert "No truth was given" in out
    assert "half of the title" in out
    assert "not how good the answers are" in err


def test_runs_go_out_and_in(shop, tmp_path, sosie):
    run, qrels = tmp_path / "a.run", tmp_path / "a.qrels"
    label = ("--label", "kind", "--alone", "--json")
    status, out, _ = sosie(shop, "evaluate", *label, "--write-run", run, "--write-qrels", qrels)
    assert status == 0
    written = json.loads(out)["metrics"]
    read = json.loads(sosie(shop, "evaluate", *label, "--run", run)[1])["metrics"]
    assert all(read[name] == written[name] for name in read)
    same = json.loads(sosie(shop, "evaluate", "--qrels", qrels, "--alone", "--measure", "hit@1", "--json")[1])[
        "metrics"
    ]
    assert same["hit@1"] == written["hit@1"]


def test_compare_tells_which_is_better(shop, tmp_path, sosie):
    page = tmp_path / "page.html"
    status, out, _ = sosie(shop, "compare", "default", "words=0", "--label", "kind", "--html", page)
    assert status == 0
    assert "default is better than words=0" in out
    assert "<html" in page.read_text(encoding="utf-8")
    status, out, _ = sosie(shop, "compare", "default", "sosie.store", "--label", "kind", "--json")
    report = json.loads(out)
    assert {one["difference"]["value"] for one in report["differences"]} == {0.0}
    assert report["overlap"]["value"] == pytest.approx(1)
    status, out, _ = sosie(shop, "compare", "default", "words=0")
    assert status == 0
    assert "No truth was given" in out


def test_tune_writes_settings_where_something_is_gained(shop, tmp_path, sosie):
    out_file = tmp_path / "tuned.toml"
    out_file.write_text("# ours\n" + CONFIG)
    command = ("tune", "--label", "kind", "--split", "part", "--measure", "map@r", "--trials", "20", "--weights-only")
    status, out, _ = sosie(shop, *command, "--out", out_file, "--json")
    assert status == 0
    report = json.loads(out)
    assert report["written"] == str(out_file)
    assert report["after"]["words"] > report["after"]["price"]
    assert report["test"]["difference"]["value"] > 0
    assert out_file.read_text().startswith("# ours\n")
    assert read_config(out_file).signals.words.weight == report["after"]["words"]


TREC = "\tQ0\t"
FILES = {
    "empty": b"",
    "blank": b"\n \n",
    "binary": bytes(range(256)) * 9,
    "archive": b"PK\x03\x04" + bytes(99),
    "nan.run": b"p001 Q0 p005 1 nan x\n",
    "other.run": b"x1 Q0 x2 1 1 x\n",
    "short.run": b"p001 p005 1\n",
    "strangers.csv": b"a,b\n" + b"".join(b"x%d,p001\n" % at for at in range(9)),
    "contrary.csv": b"a,b,similar\np001,p002,1\np002,p001,0\np003,p004,1\n",
    "alike.csv": b"a,b,similar\np001,p002,1\np003,p004,1\n",
    "few.csv": b"a,b,similar\np001,p002,1\np003,p004,0\n",
    "zero.csv": b"query,product,grade\np001,p002,0\n",
    "words.csv": b"query_id,product,grade\nred shirt,p002,1\n",
    "one-user.csv": b"user,product,time\nu,p001,1\nu,p002,2\n",
    "no-columns.csv": b"this,that\np001,p002\n",
    "bad.toml": b"[signals\n",
}
BAD = [
    (["--label", "kid"], "no column 'kid'; did you mean kind?"),
    (["--label", "kind", "--measure", "hit@0"], "unknown measure 'hit@0'"),
    (["--label", "kind", "--measure", "recal@5"], "did you mean recall@5?"),
    (["--label", "kind", "--weights", "look=1"], "unknown signal 'look'"),
    (["--label", "kind", "--weights", "words"], "is not SIGNAL=NUMBER"),
    (["--label", "kind", "--weights", "words=nan"], "words=nan is not usable"),
    (["--label", "kind", "--weights", "words=0,price=0,exact=0"], "every signal is switched off"),
    (["--label", "kind", "--split", "prt"], "no column 'prt'; did you mean part"),
    (
        ["--label", "kind", "--split", "part", "--query-split", "dev2"],
        "there is no split 'dev2'; it says test, train, val",
    ),
    (["--label", "kind", "--split", "part", "--gallery-split", "old"], "there is no split 'old'"),
    (["--label", "kind", "--query-split", "test"], "give --split COLUMN"),
    (["--label", "kind", "--links", "links.csv"], "labels and links were given; judge by one truth at a time"),
    (["--pairs", "pairs.csv", "--qrels", "qrels.csv"], "pairs and qrels were given"),
    (["--label", "kind", "--kind", "up"], "only links and events have kinds"),
    (["--label", "kind", "--queries", "queries.csv"], "questions go with judgements"),
    (["--label", "kind", "--at", "80%"], "only events are parted by time"),
    (["--label", "kind", "--store", "nowhere"], "sosie build"),
    (["--label", "kind", "--run", "nowhere.run"], "nowhere.run"),
    (["--label", "kind", "--run", "empty"], "is empty"),
    (["--label", "kind", "--run", "binary"], "six fields"),
    (["--label", "kind", "--run", "nan.run"], "no finite number"),
    (["--label", "kind", "--run", "other.run"], "Is it of another store?"),
    (["--label", "kind", "--run", "short.run"], "have not the six fields"),
    (["--label", "kind", "--run", "other.run", "--weights", "words=1"], "no weights"),
    (["--label", "kind", "--per-query", "catalogue.csv/v.parquet"], "can't be written"),
    (["--label", "kind", "--write-run", "/"], "can't be written"),
    (["--label", "kind", "--html", "/"], "can't be written"),
    (["--run", "other.run"], "without a truth a run can't be judged"),
    (["--measure", "map@r"], "without a truth, map@r can't be measured"),
    (["--links", "nowhere.csv"], "nowhere.csv"),
    (["--links", "links.csv", "--kind", "down"], "has nothing of the kind 'down'"),
    (["--links", "strangers.csv"], "9 of 10 ids are not in the store (x0"),
    (["--links", "no-columns.csv"], "has no column that tells the product"),
    (["--pairs", "contrary.csv"], "1 of 2 pairs are judged both ways (p001 and p002)"),
    (["--pairs", "alike.csv"], "alike and unlike ones are needed"),
    (["--pairs", "few.csv"], "too few"),
    (["--pairs", "pairs.csv", "--measure", "ndcg@10"], "pairs are not judged by 'ndcg@10'"),
    (["--pairs", "pairs.csv", "--write-run", "a.run"], "there are no runs"),
    (["--pairs", "pairs.csv", "--query-split", "val"], "no other split is read"),
    (["--qrels", "zero.csv"], "no question has anything relevant"),
    (["--qrels", "words.csv"], "--queries FILE"),
    (["--events", "one-user.csv"], "are of one user (u)"),
    (["--events", "events.csv", "--at", "yesterday"], "'yesterday' is no time"),
    (["--events", "events.csv", "--at", "120%"], "no share of the events"),
    *((["--" + truth, file], file) for truth in ("links", "pairs", "qrels", "events") for file in list(FILES)[:4]),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_what_can_not_be_judged_is_said_in_a_sentence(shop, sosie, arguments, says):
    for name, content in FILES.items():
        (shop / name).write_bytes(content)
    status, out, err = sosie(shop, "evaluate", *arguments)
    assert status == 1, err
    assert err.startswith("sosie: ")
    assert says in err
    assert out == ""


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["compare", "default"], 2, "B"),
        (["compare", "default", "nowhere", "--label", "kind"], 1, "is no folder of a store, no run file"),
        (["compare", "default", "links.csv"], 1, "a run is compared by a truth only"),
        (["compare", "default", "links.csv", "--label", "kind"], 1, "six fields"),
        (["compare", "default", "look=1"], 1, "unknown signal 'look'"),
        (["compare", "default", "words=0", "--label", "kind", "--measure", "x"], 1, "unknown measure 'x'"),
        (["tune"], 1, "give a truth"),
        (["tune", "--label", "kind", "--measure", "x"], 1, "unknown measure 'x'"),
        (["tune", "--label", "kind", "--trials", "0"], 2, "trials"),
        (["tune", "--qrels", "qrels.csv", "--queries", "queries.csv"], 1, "4 questions can be answered; at least 20"),
        (["tune", "--label", "kind", "--out", "bad.toml"], 1, "bad.toml: is not valid TOML"),
        (["tune", "--label", "kind", "--out", "catalogue.csv/x.toml"], 1, "can't be written"),
        (["evaluate", "--label"], 2, "label"),
        (["evaluate", "--strickt"], 2, "strickt"),
    ],
)
def test_what_can_not_be_compared_or_tuned_is_said_too(shop, sosie, arguments, status, says):
    (shop / "bad.toml").write_bytes(FILES["bad.toml"])
    found, out, err = sosie(shop, *arguments)
    assert found == status, err
    assert says in err
    assert out == ""


def test_what_has_no_value_is_null_in_json(tmp_path, sosie):
    """A gallery of one product: lists of one answer have no diversity."""
    write(tmp_path / "c.csv", "id,title,kind,part", [("a", "red", "x", "test"), ("b", "red", "x", "train")])
    (tmp_path / "sosie.toml").write_text(CONFIG)
    assert sosie(tmp_path, "build", "c.csv", "--config", "sosie.toml", "--ignore", "kind", "--ignore", "part")[0] == 0
    status, out, _ = sosie(tmp_path, "evaluate", "--label", "kind", "--split", "part", "--json")
    assert status == 0
    report = json.loads(out, parse_constant=pytest.fail)
    assert report["metrics"]["diversity@10"] == {"value": None, "low": None, "high": None, "n": 0}
    assert report["metrics"]["hit@1"]["value"] == 1


def test_what_is_mended_is_told_on_stderr(shop, tmp_path, sosie):
    qrels = tmp_path / "dup.qrels"
    lines = [f"p{at:03} 0 p{at + 4:03} 1\n" for at in range(40)]
    qrels.write_text("".join([*lines, *lines[:3], "p001 0 x9 1\n"]))
    status, _, err = sosie(shop, "evaluate", "--qrels", qrels, "--alone")
    assert status == 0
    assert "3 judgements come more than once" in err
    assert "1 of 41 ids are not in the store (x9)" in err
    status, _, err = sosie(shop, "evaluate", "--label", "kind", "--alone", "--measure", "recall@500")
    assert status == 0
    assert "recall@500: look deeper than the gallery's 120 products" in err
    events = tmp_path / "events.csv"
    write(
        events,
        "user,product,time",
        [(f"u{user}", f"p{user + step:03}", 9 - step) for user in range(9) for step in range(3)],
    )
    status, _, err = sosie(shop, "evaluate", "--events", events, "--alone")
    assert status == 0
    assert "18 of 27 events stand behind later ones; sorted by time" in err


def test_grave_leaks_are_refused_where_that_is_wanted(shop, sosie):
    status, out, err = sosie(shop, "evaluate", "--label", "kind", "--strict")
    assert status == 1  # the title holds the label
    assert out == ""
    assert "refused, since figures would be inflated" in err


def test_an_interruption_ends_cleanly(shop, tmp_path):
    """Ctrl-C while answers are ranked: status 130, one line, no file left half written."""
    code = (
        "import sys, os, signal\n"
        "from sosie.evaluate import values, front\n"
        "real = values.rank\n"
        "def rank(*some, **more):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    yield from real(*some, **more)\n"
        "values.rank = front.rank = rank\n"
        "from sosie.cli import main\n"
        "main()\n"
    )
    run = tmp_path / "a.run"
    command = [sys.executable, "-c", code, "evaluate", "--label", "kind", "--alone", "--write-run", str(run)]
    done = subprocess.run(command, cwd=shop, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stdout == ""
    assert done.stderr.startswith("sosie: interrupted")
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
