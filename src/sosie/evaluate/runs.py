"""TREC run files, in and out, and judgements out: so that other tools can check ours, and ours theirs."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from sosie.catalog.encoding import recognise_encoding, sample, utf8_blocks
from sosie.errors import CatalogueError, TruthError
from sosie.evaluate.task import Ranked, Task

FIELDS = ("query", "q0", "product", "rank", "score", "run")
SIX = "have not the six fields: question Q0 product rank score run"
SHOWN = 60  # characters of a line that a message shows
BLOCK = 256  # questions whose judgements are written together


@dataclass(frozen=True, eq=False)
class Run:
    """The answers of a run file: query, product and score; each question's best first, equal scores by id descending.

    Scores are taken in double precision, ranks are not read.
    """

    file: Path
    frame: pl.DataFrame
    notes: tuple[str, ...] = ()


def read_run(file: Path) -> Run:
    """Read a run: six fields a line, split by tabs where there are five of them, else by any blanks.

    A product that a question names twice counts once, by its best score. Raises TruthError where the file can't be
    read, a line has not six fields, or a score is no finite number.
    """
    try:
        head = sample(file)
        text = b"".join(utf8_blocks(file, recognise_encoding(file, head))).decode("utf-8").lstrip("\ufeff")
    except CatalogueError as error:
        raise TruthError(str(error)) from error
    lines = pl.DataFrame({"line": text.split("\n")}).with_row_index("number", 1)
    lines = lines.filter(pl.col("line").str.strip_chars() != "")
    line = pl.col("line")
    blanks = line.str.strip_chars().str.replace_all(r"\s+", "\t")
    cells = pl.when(line.str.count_matches("\t") == len(FIELDS) - 1).then(line).otherwise(blanks).str.split("\t")
    lines = lines.with_columns(cells=cells)
    _refuse(file, lines, pl.col("cells").list.len() != len(FIELDS), SIX)
    cell = {name: pl.col("cells").list.get(at).str.strip_chars() for at, name in enumerate(FIELDS)}
    score = cell["score"].cast(pl.Float64, strict=False)
    frame = lines.select("number", "line", query=cell["query"], product=cell["product"], score=score)
    _refuse(file, frame, ~pl.col("score").is_finite().fill_null(False), "have a score that is no finite number")
    frame = frame.sort(["query", "score", "product"], descending=[False, True, True])
    once = frame.unique(["query", "product"], keep="first", maintain_order=True)
    again = frame.height - once.height
    told = f"{file}: {again:,} answers come more than once; each counts once, by its best score."
    return Run(file, once.select("query", "product", "score"), (told,) if again else ())


def _refuse(file: Path, lines: pl.DataFrame, bad: pl.Expr, why: str) -> None:
    wrong = lines.filter(bad)
    if wrong.height:
        number, line = wrong.select("number", "line").row(0)
        shown = line if len(line) <= SHOWN else line[:SHOWN] + "…"
        raise TruthError(f"{file}: {wrong.height:,} of {lines.height:,} lines {why} (line {number:,}: '{shown}').")


def write_run(file: Path, task: Task, ranked: Iterable[Ranked]) -> None:
    """Write answers as a TREC run, its fields split by tabs. Raises TruthError where that can't be done."""
    with beside(file) as partial, partial.open("w", encoding="utf-8") as out:
        for block in ranked:
            for at, question in enumerate(block.questions.tolist()):
                key = _field(task.keys[question])
                for rank in np.flatnonzero(block.places[at] >= 0).tolist():
                    title = _field(task.titles[block.places[at, rank]])
                    out.write(f"{key}\tQ0\t{title}\t{rank + 1}\t{block.scores[at, rank]:.9g}\tsosie\n")


def write_qrels(file: Path, task: Task) -> None:
    """Write what is relevant as TREC judgements, their fields split by tabs.

    Raises TruthError where that can't be done: TREC's grades are whole numbers.
    """
    with beside(file) as partial, partial.open("w", encoding="utf-8") as out:
        for start in range(0, task.size, BLOCK):
            questions = np.arange(start, min(start + BLOCK, task.size))
            places = np.broadcast_to(np.arange(len(task.titles)), (len(questions), len(task.titles)))
            grades = task.relevance.grades(questions, places)
            if (grades % 1).any():
                raise TruthError(f"{file}: {task.name} has grades between whole numbers; TREC's files can't hold them.")
            for at, place in np.argwhere(grades > 0).tolist():
                key, title = _field(task.keys[start + at]), _field(task.titles[place])
                out.write(f"{key}\t0\t{title}\t{grades[at, place]:.0f}\n")


def _field(name: str) -> str:
    """A name as one field. Raises TruthError for one that no reader would find again."""
    if not name.strip() or any(ch in name for ch in "\t\n\r"):
        raise TruthError(f"'{name}': holds a tab or a line break, or is empty; it can't stand in a TREC file.")
    return name


def check_place(file: Path) -> None:
    """Raise TruthError where a file can't be written: better at once than after all the work."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TruthError(f"{file}: can't be written ({error.strerror}).") from error
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        raise TruthError(f"{file}: can't be written ({'it is a folder' if file.is_dir() else 'its folder is closed'}).")


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """A path beside a file, which is put in its place when all is written. Raises TruthError where that can't be."""
    partial = file.with_name(file.name + ".partial")
    try:
        yield partial
        partial.replace(file)
    except OSError as error:
        raise TruthError(f"{file}: can't be written ({error.strerror}).") from error
    finally:
        partial.unlink(missing_ok=True)
