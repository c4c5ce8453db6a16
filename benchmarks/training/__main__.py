"""What training comes to on every data set: `make bench-train`, or `python benchmarks/training [NAME …]`.

Each script of this folder is one data set. Trainings that were measured already, with the same commands, are not run
again, and one that was cut off goes on where it stood: stop it whenever you like. All figures, commands and commits are
kept in benchmarks/results/learn.json, the table in learn.md. `--again` measures what is named anew; `--one` takes the
first seed alone.
"""

import importlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bench import WORK, Bench
from filelock import FileLock
from table import page

NAMES = ("grocery", "clothing", "fashion_mnist", "myntra", "texts", "distilled", "transfer", "clusters")
RESULTS = Path(__file__).parents[1] / "results"
FILE = RESULTS / "learn.json"


def main(words: list[str]) -> None:
    """Measure, and write figures and table after each training."""
    again = "--again" in words
    names = [word for word in words if not word.startswith("-")] or list(NAMES)
    for name in names:
        rows = {} if again else read().get(name, {})
        bench = Bench(name, rows, partial(keep, name, rows), again, "--one" in words)
        importlib.import_module(name).measure(bench)


def read() -> dict[str, Any]:
    """What was measured, by data set."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}


def keep(name: str, rows: dict[str, Any]) -> None:
    """Write the figures of a data set beside those of others, which may be measured at the same time."""
    WORK.mkdir(parents=True, exist_ok=True)
    with FileLock(WORK / "results.lock"):
        kept = read() | {name: rows}
        FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (RESULTS / "learn.md").write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
