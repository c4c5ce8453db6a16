"""The quality of answers on every data set: `make bench-quality`, or `python benchmarks/quality [NAME …]`.

Each script of this folder is one data set. The table is kept in benchmarks/results/quality.md with the commit, all
figures and the commands in quality.json. Named data sets are measured again, the others stay as they were.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path

from bench import HEAD, Bench, line

NAMES = ("magento", "grocery", "clothing", "myntra", "chinese", "matching", "interactions", "demo")
RESULTS = Path(__file__).parents[1] / "results"


def main(names: list[str]) -> None:
    """Measure, and write the table after each data set."""
    file = RESULTS / "quality.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for name in names or NAMES:
        bench = Bench(name)
        importlib.import_module(name).measure(bench)
        kept[name] = {"commit": commit(), "rows": bench.rows}
        file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (RESULTS / "quality.md").write_text(page(kept), encoding="utf-8")


def page(kept: dict[str, dict]) -> str:
    """The table of all data sets."""
    commits = {kept[name]["commit"] for name in kept}
    rows = [line(row) for name in NAMES if name in kept for row in kept[name]["rows"]]
    told = "  \n".join(
        (
            f"Made by `make bench-quality` at {', '.join(sorted(commits))}; commands and all figures: quality.json.",
            "Fused: the store's answer at default weights unless the question says otherwise, with its 95% interval.",
            "Not beaten: what the fused answer is not better than by more than chance (permutation test, Holm).",
        )
    )
    return "\n".join(
        ["# Quality of answers", "", told, "", f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *rows, ""]
    )


def commit() -> str:
    """The commit that is measured, marked where files differ from it."""
    here = Path(__file__).parent
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=True
    )
    return told.stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
