"""What does comparing the first hundred candidates patch by patch gain, and cost?

    SOSIE_DATA=... .venv/bin/python benchmarks/bench_patches.py [NAME ...] [--test]

Three catalogues of pictures, image alone with the frozen encoder. Weights are compared on the validation splits; with
`--test`, the default weight is judged on the test splits, too: to be read once. Before is the same store, patches off.
Costs: milliseconds of one core to compare 100 candidates, encoding beside the image encoder's in turns, and bytes a
product.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import sosie
from sosie.config import Config, parse_config
from sosie.encoders.image import Image
from sosie.encoders.patches import Patches
from sosie.engine.patches import FIRST, PATCHES, compare
from sosie.evaluate.answers import Asked, ask, fused
from sosie.evaluate.front import Truth, task_of
from sosie.evaluate.truth import TaskOptions
from sosie.evaluate.values import values_of
from sosie.metrics.intervals import interval, paired

DATA = Path(os.environ["SOSIE_DATA"])
WORK = Path(os.environ.get("SOSIE_BENCH", Path(tempfile.gettempdir()) / "sosie-bench-patches"))
RESULTS = Path(__file__).parent / "results" / "patches.json"
# name -> file, label, columns that are ignored, name of the validation split
CATALOGUES = {
    "grocery": ("grocery/images.csv", "class_id", "coarse_id source_path w h orig_w orig_h", "val"),
    "clothing-small": ("clothing-small/images.csv", "label", "sender_id kids w h orig_w orig_h", "validation"),
    "myntra": (
        "myntra/products.csv",
        "articleType",
        "id title gender masterCategory subCategory baseColour season year usage w h orig_w orig_h group",
        "val",
    ),
}
WEIGHTS = (0.5, 1.0, 1.5, 2.0, 3.0)
SIGNALS = ("colour", "text", "words", "price", "category", "attributes")
MEASURE, ROUNDS = "hit@1", 15


def store_of(name: str) -> sosie.Store:
    """The store of a catalogue with the signals image and patches, built where it isn't there."""
    if (WORK / name / "manifest.json").exists():
        return sosie.open(WORK / name)
    file, label, ignored, _ = CATALOGUES[name]
    signals: dict[str, object] = {signal: {"enabled": False} for signal in SIGNALS}
    config = parse_config({"signals": signals | {PATCHES: {"enabled": True}}}, "benchmark")
    ignore = [label, "split", *(column for column in ignored.split() if column != "id")]
    return sosie.build(DATA / file, WORK / name, ignore=ignore, config=config)


def asked_of(store: sosie.Store, label: str, asking: str, answering: tuple[str, ...]) -> Asked:
    options = TaskOptions(split="split", query_split=asking, gallery_split=answering)
    task = task_of(store.snapshot, Truth(labels=(label,), options=options))
    return ask(store.snapshot, task, store.encoder)


def values(asked: Asked, weight: float) -> np.ndarray:
    weights = dict.fromkeys(asked.snapshot.weights, 0.0) | {"image": asked.snapshot.weights["image"], PATCHES: weight}
    return values_of(fused(asked, weights), asked.task, (MEASURE,))[0][MEASURE]


def gains(asked: Asked, weights: tuple[float, ...]) -> dict[str, Any]:
    """Before, and with each weight: after, the paired difference with its interval, p."""
    before = values(asked, 0)
    told: dict[str, Any] = {"before": asdict(interval(before, asked.task.clusters))}
    for weight in weights:
        after = values(asked, weight)
        difference, p = paired(before, after, asked.task.clusters)
        after_is = asdict(interval(after, asked.task.clusters))
        told[f"weight {weight:g}"] = {"after": after_is, "difference": asdict(difference), "p": p}
    return told


def costs(store: sosie.Store) -> dict[str, float]:
    """In processor time where one thread works; in turns where two encoders are compared."""
    snapshot = store.snapshot
    draw = np.random.default_rng(0)
    taken = []
    with threadpool_limits(1):
        for row in draw.integers(0, snapshot.size, 200).tolist():
            rows = draw.choice(snapshot.size, FIRST, replace=False)
            start = time.thread_time()
            compare(snapshot, snapshot.vectors(PATCHES, [row])[0], rows)
            taken.append(1000 * (time.thread_time() - start))
    image, patches = store.encoder("image"), store.encoder(PATCHES)
    assert isinstance(image, Image)
    assert isinstance(patches, Patches)
    products = snapshot.products(range(64))
    pairs = []
    for _ in range(ROUNDS):
        times = []
        for encoder in (image, patches):
            start = time.perf_counter()
            encoder.encode(products)
            times.append(time.perf_counter() - start)
        pairs.append(times)
    return {
        "ms to compare 100 candidates, median": round(statistics.median(taken), 2),
        "encoding beside the image's, ratio of medians": round(
            statistics.median(two for _, two in pairs) / statistics.median(one for one, _ in pairs), 2
        ),
        "bytes a product": snapshot.manifest.signals[PATCHES].dim,
    }


def main() -> None:
    """Validation, test where asked for, costs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", choices=[*CATALOGUES, []], help="catalogues; all of them unless told")
    parser.add_argument("--test", action="store_true", help="judge the default weight on the test splits, too")
    options = parser.parse_args()
    default = Config().signals.patches.weight
    told: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    told["commit"] = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    for name in options.names or CATALOGUES:
        _, label, _, validation = CATALOGUES[name]
        store = store_of(name)
        one = told.setdefault(name, {"measure": MEASURE, "label": label})
        one["validation"] = gains(asked_of(store, label, validation, ("train",)), WEIGHTS)
        if options.test:
            one["test"] = gains(asked_of(store, label, "test", ("train", validation)), (default,))
        if name == "grocery":
            told["costs"] = costs(store)
        print(name, json.dumps(one, indent=1), flush=True)
        RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told.get("costs"), indent=1))


if __name__ == "__main__":
    main()
