"""What training comes to on every data set: `make bench-train`, or `python benchmarks/training [NAME …]`.

Each script of this folder is one data set. Trainings that were measured already, with the same commands, are not run
again, and one that was cut off goes on where it stood: stop it whenever you like. All figures, commands and commits are
kept in benchmarks/results/learn.json, the table in learn.md. `--again` measures what is named anew.
"""

import importlib
import json
import sys
from pathlib import Path

from bench import Bench
from table import page

NAMES = ("grocery", "clothing", "fashion_mnist", "texts", "distilled", "transfer")
RESULTS = Path(__file__).parents[1] / "results"


def main(words: list[str]) -> None:
    """Measure, and write figures and table after each training."""
    again = "--again" in words
    names = [word for word in words if not word.startswith("-")] or list(NAMES)
    file = RESULTS / "learn.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def keep() -> None:
        file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (RESULTS / "learn.md").write_text(page(kept), encoding="utf-8")

    for name in names:
        rows = {} if again else kept.get(name, {})
        kept[name] = rows
        importlib.import_module(name).measure(Bench(name, rows, keep, again))
        keep()


if __name__ == "__main__":
    main(sys.argv[1:])
