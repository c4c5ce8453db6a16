"""Are the trivial baselines in the data's README found again, and which leaks are there on real data?

    SOSIE_DATA=... .venv/bin/python benchmarks/bench_baselines.py [--only NAME,NAME] [--out F]

The README tells figures, not recipes. Each row: what was published, what the baseline of `sosie evaluate` finds on the
same task, and where they differ by more than .005, why. The stores compare words and colours only: no network is run,
and leaks are looked for in exactly what would be read.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from sosie.config import parse_config
from sosie.engine.build import BuildOptions, build_store
from sosie.evaluate.baselines import baselines
from sosie.evaluate.front import Truth, task_of
from sosie.evaluate.leaks import find_leaks
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.values import values_of
from sosie.store import LocalStore, Snapshot

DATA = Path(os.environ["SOSIE_DATA"])
RESULTS = Path(__file__).parent / "results" / "baselines.json"
CLOSE = 0.005
SIZES = ("w", "h", "orig_w", "orig_h")
PIXELS, COLOURS, WORDS, CHARACTERS = "pixels", "colour histogram", "tfidf words", "tfidf characters"
HELD = TaskOptions(split="split")
TRAIN = TaskOptions(split="split", gallery_split=("train",))
TIES = "126 questions have several best answers: in the order of the file .651 of them, by id (descending) .645"

Row = dict[str, object]


class Bench:
    """Stores in a folder of their own, and the rows of the table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        self.leaks: list[Row] = []

    def store(self, name: str, catalogue: Path, ignore: Iterable[str] = (), images: Path | None = None) -> Snapshot:
        """A store that compares words, colours and attributes."""
        off = {signal: {"enabled": False} for signal in ("text", "image", "price", "category", "reviews")}
        options = BuildOptions(config=parse_config({"signals": off}, name), ignore=tuple(ignore), images=images)
        build_store(catalogue, self.folder / name, options)
        return LocalStore.open(self.folder / name).snapshot()

    def table(self, name: str, rows: Sequence[Mapping[str, str]]) -> Path:
        """A part of a catalogue as a file of its own."""
        file = self.folder / f"{name}.csv"
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return file

    def figures(
        self,
        snapshot: Snapshot,
        truth: Truth,
        measure: str,
        published: Mapping[str, float],
        why: str = "",
        every: bool = False,
    ) -> None:
        """The baselines that figures were published of; with `every`, what nothing answers counts as wrong."""
        task = task_of(snapshot, truth)
        for system in baselines(snapshot, task):
            if system.name in published:
                values = values_of(system, task, (measure,))[0][measure]
                values = np.nan_to_num(values) if every else values
                ours, theirs = float(np.nanmean(values)), published[system.name]
                close = abs(ours - theirs) <= CLOSE + 5e-4  # what was published is rounded
                row: Row = {
                    "data": snapshot.store.name,
                    "truth": task.name,
                    "baseline": system.name,
                    "measure": measure,
                    "published": theirs,
                    "ours": round(ours, 4),
                    "n": int((~np.isnan(values)).sum()),
                    "reproduced": close,
                }
                self.rows.append(row if close else row | {"why": why})
                print(json.dumps(self.rows[-1], ensure_ascii=False), flush=True)

    def found(self, snapshot: Snapshot, truth: Truth) -> None:
        """The leaks of a task."""
        task = task_of(snapshot, truth)
        start = time.perf_counter()
        leaks = find_leaks(snapshot, task)
        row: Row = {"data": snapshot.store.name, "truth": task.name, "leaks": [asdict(leak) for leak in leaks]}
        self.leaks.append(row | {"seconds": round(time.perf_counter() - start, 1)})
        print(snapshot.store.name, task.name, [f"{leak.kind} {leak.count}" for leak in leaks], flush=True)


def read(path: str) -> list[dict[str, str]]:
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def grocery(bench: Bench) -> None:
    labels = ("class_id", "coarse_id")
    snapshot = bench.store("grocery", DATA / "grocery" / "images.csv", (*labels, "source_path", "split", *SIZES))
    for label, pixels, colours in zip(labels, (0.096, 0.176), (0.355, 0.515), strict=True):
        truth = Truth(labels=(label,), options=HELD)
        bench.figures(snapshot, truth, "hit@1", {PIXELS: pixels, COLOURS: colours})
        bench.found(snapshot, truth)


def clothing(bench: Bench) -> None:
    ignore = ("label", "sender_id", "kids", "split", *SIZES)
    snapshot = bench.store("clothing-small", DATA / "clothing-small" / "images.csv", ignore)
    truth = Truth(labels=("label",), options=TRAIN)
    bench.figures(snapshot, truth, "hit@1", {PIXELS: 0.387, COLOURS: 0.156})
    bench.found(snapshot, Truth(labels=("label",), options=HELD))


def myntra(bench: Bench) -> None:
    folder = DATA / "myntra"
    labels = ("gender", "masterCategory", "subCategory", "articleType", "baseColour", "season", "year", "usage")
    snapshot = bench.store("myntra", folder / "products.csv", (*labels, "split", "group", *SIZES))
    for label, pixels, colours in (("articleType", 0.756, 0.405), ("baseColour", 0.311, 0.545)):
        bench.figures(snapshot, Truth(labels=(label,), options=TRAIN), "hit@1", {PIXELS: pixels, COLOURS: colours})
        bench.found(snapshot, Truth(labels=(label,), options=HELD))
    truth = Truth(qrels=folder / "qrels.csv", queries=folder / "queries.csv", options=HELD)
    bench.figures(snapshot, truth, "ndcg_burges@10", {WORDS: 0.669})
    whole = bench.store("myntra-attributes", folder / "products.csv", ("split", "group", *SIZES))
    bench.found(whole, Truth(labels=("baseColour",), options=HELD))


def magento(bench: Bench) -> None:
    products = read("magento/products.csv")
    first: dict[str, dict[str, str]] = {}
    for row in products:
        if row["kind"] == "variant" and row["image"]:
            own = {"id": row["sku"], "image": row["image"], "design": row["parent_sku"]}
            first.setdefault(row["image"], own)
    table = bench.table("magento-designs", list(first.values()))
    designs = bench.store("magento-designs", table, ("design",), DATA / "magento")
    bench.figures(designs, Truth(labels=("design",)), "hit@1", {PIXELS: 0.76, COLOURS: 0.07}, every=True)
    fields = ("sku", "name", "description")
    single = [{name: row[name] for name in fields} for row in products if row["kind"] != "variant"]
    texts = bench.store("magento-products", bench.table("magento-products", single))
    for kind, published in (("upsell", 0.47), ("related", 0.07), ("crosssell", 0.04)):
        truth = Truth(links=DATA / "magento" / "links.csv", options=TaskOptions(kinds=(kind,), unknown_share=1.0))
        bench.figures(texts, truth, "recall@10", {WORDS: published})


def chinese(bench: Bench) -> None:
    products = read("chinese/products.csv")
    shops = {name: [row for row in products if row["source"] == name] for name in ("litemall-yanxuan", "newbee-mall")}
    goods = [
        {"id": row["product_id"], "title": row["title"], "description": row["brief"]}
        | {name: row[name] for name in ("category1", "category2")}
        for row in shops["litemall-yanxuan"]
    ]
    snapshot = bench.store("yanxuan", bench.table("yanxuan", goods), ("category1", "category2"))
    for label, published in (("category1", 0.962), ("category2", 0.812)):
        bench.figures(snapshot, Truth(labels=(label,)), "hit@1", {CHARACTERS: published})
        bench.found(snapshot, Truth(labels=(label,)))
    models = [{"id": row["product_id"], "title": row["brief"], "model": row["title"]} for row in shops["newbee-mall"]]
    snapshot = bench.store("newbee", bench.table("newbee", models), ("model",))
    bench.figures(snapshot, Truth(labels=("model",)), "hit@1", {CHARACTERS: 0.651}, TIES)


SETS = {"grocery": grocery, "clothing": clothing, "myntra": myntra, "magento": magento, "chinese": chinese}


def commit() -> str:
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file (JSON)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for name in options.only.split(","):
            SETS[name](bench)
    told = {
        "commit": commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "recipes": {
            PIXELS: "32 x 32 pixels (bilinear), less their mean, cosine",
            COLOURS: "HSV histogram of 16 x 3 x 3 bins of the whole picture, roots of the shares, cosine",
            WORDS: "scikit-learn's TF-IDF of words, English stop words left out, cosine; title and description",
            CHARACTERS: "scikit-learn's TF-IDF of 1 to 3 characters, sublinear, cosine; title and description",
        },
        "baselines": bench.rows,
        "leaks": bench.leaks,
    }
    options.out.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
