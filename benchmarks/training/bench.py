"""What the scripts of this folder share: stores, trainings on copies of them, questions of the split test.

A store, a training and a figure are each one call of the command line, so that anyone can make the same by hand.
Settings are chosen by what a training tells of the split val; test is read once a seed.
"""

import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sosie.engine.shop import Store

HERE = Path(__file__).parent
DATA = Path(os.environ.get("SOSIE_DATA", HERE.parents[2] / "shared" / "data"))
WORK = Path(os.environ.get("SOSIE_BENCH", Path(tempfile.gettempdir()) / "sosie-bench-training"))
SOSIE = Path(sys.executable).with_name("sosie")
MODEL = "model"


@dataclass(frozen=True)
class Question:
    """What a trained encoder is asked on the split test, and what it has to reach."""

    what: str
    options: str  # of `sosie evaluate`
    bar: float = 0.0  # 0 = none
    above: tuple[str, ...] = ()  # the bar is that much above the best of these signals and baselines
    published: str = ""
    share: float = 1.0  # of the best of `above` that is to be reached


@dataclass(frozen=True)
class Bench:
    """Trainings of one data set, as its script asks for them."""

    name: str
    rows: dict[str, Any]  # what was measured, by training
    keep: Callable[[], None]
    again: bool
    one: bool  # seed is enough

    def store(self, name: str, catalogue: Path, options: str = "") -> Path:
        """A store that trainings begin from, built or brought up to date."""
        folder = WORK / name
        sosie(f"build {catalogue} --store {folder} --json {options}")
        return folder

    def with_frozen(self, name: str, catalogue: Path, options: str) -> Path:
        """The same with the vectors of pictures, as they are before anything is learnt, as a signal `frozen`."""
        snapshot = Store(self.store(name, catalogue, options)).snapshot
        file = WORK / f"{name}-frozen.npy"
        np.save(file, snapshot.vectors("image", np.flatnonzero(snapshot.alive)))
        return self.store(name, catalogue, f"{options} --vectors frozen={file}")

    def begun(self, name: str, store: Path, options: str) -> Path:
        """A copy of a store that uses an encoder trained on it: what another training goes on from."""
        folder = WORK / name
        if not (folder / "models" / name / "report.json").is_file():
            copied(store, folder)
            sosie(f"train --store {folder} --name {name} --json {options}")
        return folder

    def train(
        self, row: str, store: Path, options: str, questions: Sequence[Question], seeds: Sequence[int] = (0, 1, 2)
    ) -> None:
        """Train with each seed on a copy of a store, unless that was done, and ask the questions.

        SEED in options stands for the seed.
        """
        asked = {question.what: question.options for question in questions}
        told = {"options": placeless(options), "asked": {what: placeless(one) for what, one in asked.items()}}
        known = self.rows.get(row, {})
        if {name: known.get(name) for name in told} != told:
            known = {**told, "seeds": {}}
        known["bars"] = {
            q.what: {"bar": q.bar, "above": q.above, "share": q.share, "published": q.published} for q in questions
        }
        self.rows[row] = known
        for seed in map(str, seeds[:1] if self.one else seeds):
            if seed not in known["seeds"]:
                known["seeds"][seed] = self._seed(row, store, options, asked, seed)
            self.keep()
            print(f"{self.name}, {row}, seed {seed}: {in_a_line(known['seeds'][seed])}", flush=True)

    def _seed(self, row: str, store: Path, options: str, asked: Mapping[str, str], seed: str) -> dict[str, Any]:
        copy = WORK / f"{self.name}-{row}-{seed}"
        if self.again:
            shutil.rmtree(copy, ignore_errors=True)
        copied(store, copy)
        report = copy / "models" / MODEL / "report.json"
        command = f"train --store {copy} --name {MODEL} --json --set seed={seed} {options.replace('SEED', seed)}"
        started = time.perf_counter()
        if not report.is_file():
            sosie(command)
        learnt = json.loads(report.read_text(encoding="utf-8"))
        figures = {
            what: _figure(learnt["signal"], f"--store {copy} {judged.replace('SEED', seed)}")
            for what, judged in asked.items()
        }
        shutil.rmtree(copy)
        return {
            "commit": commit(),
            "command": f"sosie {placeless(command)}",
            "val": {one["truth"]: one["trained"]["value"] for one in learnt["figures"]},
            "before": {one["truth"]: one["before"]["value"] for one in learnt["figures"]},
            "test": figures,
            "parameters": learnt["parameters"],
            "epochs": len(learnt["epochs"]),
            "train_seconds": round(learnt["seconds"], 1),
            "seconds": round(time.perf_counter() - started, 1),
        }


def copied(store: Path, copy: Path) -> None:
    """Copy a store, unless that was done: a training that was cut off lies there."""
    if not copy.is_dir():
        partial = copy.with_name(f"{copy.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(store, partial)
        partial.rename(copy)


def _figure(signal: str, options: str) -> dict[str, Any]:
    """The trained signal alone, beside the other signals and baselines."""
    report = json.loads(sosie(f"evaluate --json {options}"))
    systems = {
        name: one["metrics"].get(report["measure"], {}).get("value") for name, one in report["baselines"].items()
    }
    figure = report["baselines"][signal]["metrics"][report["measure"]]
    return {
        "measure": report["measure"],
        **{key: figure[key] for key in ("value", "low", "high", "n")},
        "others": {name: value for name, value in systems.items() if name != signal and value is not None},
        "command": f"sosie evaluate --json {placeless(options)}",
    }


def in_a_line(seed: Mapping[str, Any]) -> str:
    """One seed in a line."""
    val = ", ".join(f"val {value:.3f}" for value in seed["val"].values())
    test = ", ".join(f"{what} {one['value']:.3f}" for what, one in seed["test"].items())
    return f"{val}; test: {test}; {seed['seconds'] / 60:.1f} minutes"


def table(name: str, rows: Iterable[Mapping[str, object]]) -> Path:
    """Write a table in the work folder, for data that has to be put another way first; untouched where it is equal."""
    listed = list(rows)
    file = WORK / name
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.partial")
    with beside.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    if not file.is_file() or file.read_bytes() != beside.read_bytes():
        beside.replace(file)
    return file


def read(path: str) -> list[dict[str, str]]:
    """The rows of a CSV file among the data."""
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sosie(options: str) -> str:
    """What a call of the command line says on stdout. Its progress is shown."""
    WORK.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([SOSIE, *shlex.split(options)], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sosie {options}: exit status {done.returncode}")
    return done.stdout


def placeless(text: str) -> str:
    """The same, with the variables that name folders in place of these."""
    return " ".join(text.replace(str(WORK), "$SOSIE_BENCH").replace(str(DATA), "$SOSIE_DATA").split())


def commit() -> str:
    """The commit that is measured, marked where code differs from it."""
    root = HERE.parents[1]
    named = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True
    )
    changed = subprocess.run(
        ["git", "diff", "--quiet", "HEAD", "--", "src", "benchmarks/training"], cwd=root, check=False
    )
    return named.stdout.strip() + ("-dirty" if changed.returncode else "")
