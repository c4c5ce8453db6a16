"""Kinds of fashion found without any label: how far clusters and kinds of the split test tell the same."""

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from bench import DATA, MODEL, WORK, Bench, commit, in_a_line, placeless, read, sosie
from sklearn.metrics import normalized_mutual_info_score

from sosie.engine.shop import Store
from sosie.train.clustering import k_means, nearest

LABEL = "articleType"
HIDDEN = "gender masterCategory subCategory articleType baseColour season year usage w h orig_w orig_h group split"
WHAT = f"NMI with {LABEL}"
SIGNALS = {"pictures and titles": ("image", "words"), "pictures": ("image",)}


def measure(bench: Bench) -> None:
    """As many clusters as there are kinds, learnt from train; beside k-means on the frozen vectors of train."""
    rows = {row["id"]: row for row in read("myntra/products.csv")}
    count = len({row[LABEL] for row in rows.values()})
    ignored = " ".join(f"--ignore {name}" for name in HIDDEN.split())
    store = bench.store("unlabelled", DATA / "myntra" / "products.csv", ignored)
    for name, signals in SIGNALS.items():
        options = f"--label {LABEL} --split split --set clusters.count={count} --set signals='{json.dumps(signals)}'"
        known = bench.rows.get(name, {})
        if known.get("options") != options:
            known = {"options": options, "asked": {WHAT: LABEL}, "seeds": {}}
        known["bars"] = {WHAT: {"bar": 0.05, "above": ["k-means"], "share": 1.0, "published": ""}}
        bench.rows[name] = known
        for seed in ("0", "1", "2"):
            if seed not in known["seeds"]:
                known["seeds"][seed] = found(store, rows, signals, count, options, seed)
            bench.keep()
            print(f"{bench.name}, {name}, seed {seed}: {in_a_line(known['seeds'][seed])}", flush=True)


def found(
    store: Path, rows: Mapping[str, Mapping[str, str]], signals: Sequence[str], count: int, options: str, seed: str
) -> dict[str, Any]:
    """Clusters of one seed."""
    copy = WORK / f"clusters-{len(signals)}-{seed}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(store, copy)
    started = time.perf_counter()
    command = f"train --store {copy} --name {MODEL} --json --no-activate --recipe clusters --set seed={seed} {options}"
    learnt = json.loads(sosie(command))
    snapshot = Store(copy).snapshot
    table = pl.read_parquet(copy / "models" / MODEL / "clusters.parquet")
    split, kinds = (np.array([rows[id][column] for id in table["id"]]) for column in ("split", LABEL))
    places = np.array([snapshot.row(id) for id in table["id"]])
    frozen = np.concatenate([snapshot.vectors(signal, places) for signal in signals], axis=1)
    plain = nearest(k_means(frozen[split == "train"], count, int(seed)), frozen)
    test = split == "test"
    figure, before = (
        float(normalized_mutual_info_score(kinds[test], clusters[test]))
        for clusters in (table["cluster"].to_numpy(), plain)
    )
    shutil.rmtree(copy)
    return {
        "commit": commit(),
        "command": f"sosie {placeless(command)}",
        "val": {LABEL: learnt["clusters"]["nmi"]},
        "before": {LABEL: learnt["clusters"]["nmi_before"]},
        "test": {WHAT: {"measure": "nmi", "value": figure, "n": int(test.sum()), "others": {"k-means": before}}},
        "parameters": learnt["parameters"],
        "epochs": len(learnt["epochs"]),
        "train_seconds": round(learnt["seconds"], 1),
        "seconds": round(time.perf_counter() - started, 1),
    }
