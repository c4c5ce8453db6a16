"""What the scripts of this folder share: where the data lie, stores, tables made of the data, figures collected.

A store and a figure are each one call of the command line, so that anyone can make the same by hand: the calls are
kept with the figures.
"""

import csv
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATA = Path(os.environ.get("SOSIE_DATA", Path(__file__).parents[3] / "shared" / "data"))
WORK = Path(os.environ.get("SOSIE_BENCH", Path(tempfile.gettempdir()) / "sosie-bench-quality"))
SOSIE = Path(sys.executable).with_name("sosie")


@dataclass
class Bench:
    """Figures of one data set, as its script asks for them."""

    name: str
    rows: list[dict[str, Any]] = field(default_factory=list)

    def build(self, store: str, catalogue: Path, options: str = "") -> None:
        """Build a store, or bring it up to date."""
        _sosie(f"build {catalogue} --store {WORK / store} --json {options}")

    def evaluate(self, store: str, what: str, options: str = "") -> None:
        """One figure by its main measure, beside each signal and the baselines of the same run."""
        command, report = _sosie(f"evaluate --store {WORK / store} --json {options}")
        measure = report["measure"]
        best = {
            kind: _best(report, measure, [n for n, one in report["baselines"].items() if one["kind"] == kind])
            for kind in ("signal", "baseline")
        }
        row = {
            "data": self.name,
            "what": what,
            "measure": measure,
            "figure": report["metrics"][measure],
            "best": best,
            "not_beaten": report["beaten_by"],
            "leaks": {leak["kind"]: leak["count"] for leak in report["leaks"]},
            "metrics": {name: one["value"] for name, one in report["metrics"].items()},
            "others": {n: one["metrics"].get(measure, {}).get("value") for n, one in report["baselines"].items()},
            "p": {name: one["p"] for name, one in report["baselines"].items()},
            "notes": [placeless(note) for note in report["notes"]],
            "seconds": round(report["seconds"], 1),
            "command": placeless(command),
        }
        self.rows.append(row)
        print(line(row), flush=True)


def table(name: str, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write a table in the work folder, for data that has to be put another way first."""
    listed = list(rows)
    file = WORK / name
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return file


def read(path: str) -> list[dict[str, str]]:
    """The rows of a CSV file among the data."""
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def placeless(text: str) -> str:
    """The same, with the variables that name folders in place of these."""
    return text.replace(str(WORK), "$SOSIE_BENCH").replace(str(DATA), "$SOSIE_DATA")


def line(row: Mapping[str, Any]) -> str:
    """One figure as a line of the table."""
    figure = row["figure"]
    cells = [
        row["data"],
        row["what"],
        row["measure"],
        f"**{figure['value']:.3f}** [{figure['low']:.3f}, {figure['high']:.3f}]",
        f"{figure['n']:,}",
        *(f"{name} {value:.3f}" if name else "" for name, value in row["best"].values()),
        ", ".join(row["not_beaten"]),
        ", ".join(f"{kind} {count:,}" for kind, count in row["leaks"].items()),
        f"{row['seconds']:.0f} s",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = ("data", "question", "measure", "fused", "n", "best signal", "best baseline", "not beaten", "leaks told", "time")


def _best(report: Mapping[str, Any], measure: str, names: Iterable[str]) -> tuple[str, float]:
    there = {name: report["baselines"][name]["metrics"].get(measure, {}).get("value") for name in names}
    values = [(value, name) for name, value in there.items() if value is not None]
    return (max(values)[1], max(values)[0]) if values else ("", 0.0)


def _sosie(options: str) -> tuple[str, Any]:
    WORK.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([SOSIE, *shlex.split(options)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sosie {options}\n{done.stderr}")
    return f"sosie {' '.join(options.split())}", json.loads(done.stdout)
