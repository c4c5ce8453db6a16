"""How quick is the encoder of pictures, on its default path, beside plain torch fp32 with the same network?

    SOSIE_DATA=... .venv/bin/python benchmarks/bench_pictures.py [rounds] [pictures]

Both start from the same decoded pictures (myntra, 224 x 224 bytes) and end with features. torch: fp32, evaluation and
inference mode, its default layout and threads; turning bytes into its normalised floats is not counted against it.
The ratio is told for every batch size of torch; `ratio` is that at 32, which is what scripts use. Interleaved rounds,
medians; the smallest cosine between the two answers; and what both encoders of pictures do from files.
"""

import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from sosie.encoders.colour import Colour
from sosie.encoders.image import Image, middle_square, weights_file
from sosie.encoders.networks.efficientnet_lite import efficientnet_lite0
from sosie.media import open_picture
from sosie.types import Product

DATA = Path(os.environ["SOSIE_DATA"]) / "myntra"
RESULTS = Path(__file__).parent / "results" / "pictures.json"
BATCHES = (1, 8, 32, 64)


def files(count: int) -> list[str]:
    with (DATA / "products.csv").open(encoding="utf-8", newline="") as stream:
        return [str(DATA / row["image"]) for row in csv.DictReader(stream)][:count]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 256
    refs = files(4 * count)
    pixels = np.stack([middle_square(open_picture(ref), 224) for ref in refs[:count]])
    normalised = ((torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128).contiguous()
    network = efficientnet_lite0(weights_file())

    def plain(size: int, given: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            return torch.cat([network(part) for part in given.split(size)]).numpy()

    ours = {precision: Image(precision=precision) for precision in ("auto", "fp32")}
    few = normalised[:64]
    products = [Product(id=ref, images=(ref,)) for ref in refs]
    expected = plain(32, normalised)
    cosines = {name: least_cosine(encoder.encode_decoded(pixels), expected) for name, encoder in ours.items()}
    speeds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, encoder in ours.items():
            took = seconds(lambda: encoder.encode_decoded(pixels))  # noqa: B023
            speeds.setdefault(f"sosie {name}", []).append(count / took)
        for size in BATCHES:
            took = seconds(lambda: plain(size, few))  # noqa: B023
            speeds.setdefault(f"torch batch {size}", []).append(len(few) / took)
        speeds.setdefault("sosie from files", []).append(len(refs) / seconds(lambda: ours["auto"].encode(products)))
        speeds.setdefault("colour from files", []).append(len(refs) / seconds(lambda: Colour().encode(products)))
    medians = {name: round(statistics.median(values), 1) for name, values in speeds.items()}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    result = {
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "engine": f"{ours['auto'].engine}",
        "rounds": rounds,
        "pictures/s": medians,
        "ratio": round(medians["sosie auto"] / medians["torch batch 32"], 2),
        "ratio by batch of torch": {
            size: round(medians["sosie auto"] / medians[f"torch batch {size}"], 2) for size in BATCHES
        },
        "least cosine": {name: round(value, 6) for name, value in cosines.items()},
    }
    print(json.dumps(result, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
