"""How quick is a build beside its picture encoder alone, and how quick is the second one?

    SOSIE_DATA=... .venv/bin/python benchmarks/bench_build.py [rounds]

1. myntra, 9,583 products with pictures: products/s of the whole build (reading, decoding, all signals, index, writing)
   beside the picture encoder alone on pictures that are already decoded; interleaved rounds, medians.
2. The same store after 40 products changed; and a store of 200,000 products (titles, prices, categories) likewise:
   wall seconds of a fresh process, and how many products were encoded.
"""

import csv
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sosie.config import Config
from sosie.encoders import make_encoders
from sosie.engine.build import BuildOptions, build_store

DATA = Path(os.environ["SOSIE_DATA"]) / "myntra"
IGNORE = ["split", "group"]


def pictures_alone() -> float:
    """Pictures per second of the picture encoder on decoded pictures."""
    image = make_encoders(Config(), "en", ["image"])["image"]
    pictures = np.random.default_rng(0).integers(0, 256, (2_048, 224, 224, 3), dtype=np.uint8)
    image.encode_decoded(pictures[:64])  # type: ignore[attr-defined]
    start = time.perf_counter()
    image.encode_decoded(pictures)  # type: ignore[attr-defined]
    return len(pictures) / (time.perf_counter() - start)


def change(file: Path, count: int) -> None:
    """Another title for some rows, spread over the file."""
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        rows, names = list(reader), reader.fieldnames or []
    for row in rows[:: len(rows) // count][:count]:
        row["title"] += f" edition {random.randrange(10**6)}"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(rows)


def rebuild(file: Path, store: Path, *options: str) -> tuple[float, str]:
    """Wall seconds of `sosie build` in a process of its own, and what it says it encoded."""
    command = [Path(sys.executable).parent / "sosie", "build", file, "--store", store, *options]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout.strip().splitlines()[-1].strip()


def large(folder: Path, rows: int = 200_000) -> Path:
    """A catalogue of many products without pictures, its words drawn from real titles."""
    with (DATA / "products.csv").open(encoding="utf-8") as stream:
        real = list(csv.DictReader(stream))
    draw = random.Random(0)
    file = folder / "large.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "title", "category", "price", "color"])
        for at in range(rows):
            one, other = draw.choice(real), draw.choice(real)
            title = f"{one['title']} {other['title'].split()[-1]} {at}"
            category = f"{one['masterCategory']} > {one['articleType']}"
            writer.writerow([f"p{at}", title, category, f"{draw.lognormvariate(3, 1):.2f}", one["baseColour"]])
    return file


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "myntra.csv"
        shutil.copy(DATA / "products.csv", file)
        whole, alone = [], []
        for _ in range(rounds):
            alone.append(pictures_alone())
            shutil.rmtree(folder / "store", ignore_errors=True)
            report = build_store(file, folder / "store", BuildOptions(images=DATA, ignore=IGNORE))
            whole.append(report.products / report.seconds)
        ratio = statistics.median(a / b for a, b in zip(whole, alone, strict=True))
        print(
            f"build of {report.products:,}: {statistics.median(whole):.0f} products/s; picture encoder alone ", end=""
        )
        print(f"{statistics.median(alone):.0f}/s; ratio {ratio:.2f}")
        seconds = []
        for _ in range(rounds):
            change(file, 40)
            taken, said = rebuild(file, folder / "store")
            seconds.append(taken)
        print(f"rebuild, 40 of {report.products:,} changed: {statistics.median(seconds):.2f} s; {said}")
        file = large(folder)
        report = build_store(file, folder / "large.store", BuildOptions())
        print(f"build of {report.products:,} without pictures: {report.seconds:.0f} s")
        seconds = []
        for _ in range(rounds):
            change(file, 40)
            taken, said = rebuild(file, folder / "large.store")
            seconds.append(taken)
        print(f"rebuild, 40 of {report.products:,} changed: {statistics.median(seconds):.2f} s; {said}")


if __name__ == "__main__":
    main()
