"""Judgements as a truth: how well products answer questions in words, by a picture, or by a product."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from sosie.catalog.encoding import recognise_encoding, sample, utf8_blocks
from sosie.catalog.frames import ROW
from sosie.errors import CatalogueError, TruthError
from sosie.evaluate.asked import asked_at_all, only_products, products_asked, questions_of_keys, read_questions
from sosie.evaluate.places import Gallery
from sosie.evaluate.reading import TruthFile, find_rows, grades_of, read_truth, rows_of
from sosie.evaluate.relevance import Listed, answerable
from sosie.evaluate.splits import Splits, find_splits
from sosie.evaluate.task import Task, TaskOptions
from sosie.evaluate.words import some
from sosie.store import Snapshot
from sosie.types import Mask, Query, Rows


def qrels_task(snapshot: Snapshot, file: Path, queries: Path | None, options: TaskOptions) -> Task:
    """Questions of a file and the grades that products were given; TREC's four columns, or a table with a header.

    Questions are words, pictures (paths beside the file) or products: in the file `queries`, in columns of the
    judgements, or in the keys themselves. A repeated judgement counts once, by its highest grade. The gallery is
    `options.gallery_split` of the column `options.split`; unless it is named, the split that holds all the judged
    products, or everything. Raises TruthError for files and splits that can't be used.
    """
    if options.query_split:
        raise TruthError(f"{file}: judgements name their questions; a query split can't choose among them.")
    truth = _read(file)
    truth = truth.without(truth.frame["query"] == "", "lack the question")
    truth = find_rows(snapshot, truth, ("product",), options.unknown_share)
    if not truth.has("grade"):
        truth = replace(truth, frame=truth.frame.with_columns(grade=pl.lit("1")))
    truth = _once(grades_of(truth))
    asked, notes = _asked(snapshot, truth, queries)
    truth = asked_at_all(truth, asked, options.unknown_share, notes)
    keys = truth.frame["query"].unique(maintain_order=True).to_list()
    questions = tuple(asked[key] for key in keys)
    products = products_asked(snapshot, questions)
    answering, told = _gallery(snapshot, rows_of(truth, "product"), options)
    gallery = Gallery.of(snapshot, np.flatnonzero(answering), options.variants)
    outside = gallery.place(rows_of(truth, "product")) < 0
    truth = truth.without(pl.Series(outside), "judge products that are not in the gallery")
    number = truth.frame["query"].replace_strict(keys, np.arange(len(keys)), return_dtype=pl.Int64).to_numpy()
    places, own = gallery.place(rows_of(truth, "product")), gallery.place(products)
    itself = places == own[number]
    truth = truth.without(pl.Series(itself), "judge a product as an answer to itself")
    task = Task(
        name=f"qrels {file.name}{told}",
        keys=tuple(keys),
        asked=products if only_products(questions) else questions,
        gallery=gallery.rows,
        places=gallery.places,
        titles=gallery.titles,
        relevance=Listed.of_pairs(len(keys), number[~itself], places[~itself], truth.frame["grade"].to_numpy()),
        barred=gallery.own(products),
        notes=(*truth.notes, *notes),
        unknown=truth.unknown,
    )
    return answerable(task)


def _asked(snapshot: Snapshot, truth: TruthFile, queries: Path | None) -> tuple[dict[str, Query], tuple[str, ...]]:
    """The question of each key, and notes."""
    if queries is not None:
        table = read_truth(queries, "queries", ("query",))
        asked, notes = read_questions(snapshot, table)
        return asked, (*table.notes, *notes)
    if truth.has("words") or truth.has("picture"):
        return read_questions(snapshot, truth)
    return questions_of_keys(snapshot, truth, truth.frame["query"].unique(maintain_order=True).to_list()), ()


def _read(file: Path) -> TruthFile:
    """A file of judgements, whichever way it is written."""
    try:
        if not file.is_file():
            raise TruthError(f"{file}: there is no such file.")
        head = sample(file)
        encoding = recognise_encoding(file, head)
        first = next(utf8_blocks(file, encoding)).decode("utf-8").lstrip("\ufeff").lstrip().split("\n", 1)[0].split()
        if not (len(first) == 4 and first[3].lstrip("-").isdigit() and "," not in "".join(first[:2])):
            return read_truth(file, "qrels", ("query", "product"))
        text = b"".join(utf8_blocks(file, encoding)).decode("utf-8").lstrip("\ufeff")
    except CatalogueError as error:
        raise TruthError(str(error)) from error
    lines = (
        pl.DataFrame({"line": text.split("\n")}).with_row_index(ROW, 1).filter(pl.col("line").str.strip_chars() != "")
    )
    cells = pl.col("line").str.strip_chars().str.replace_all(r"\s+", " ").str.split(" ")
    truth = TruthFile(file, lines.select(ROW, cells.alias("cells")))
    truth = truth.without(truth.frame["cells"].list.len() != 4, "have not the four fields of TREC's judgements")
    fields = {"query": 0, "product": 2, "grade": 3}
    return replace(
        truth,
        frame=truth.frame.select(ROW, *(pl.col("cells").list.get(at).alias(name) for name, at in fields.items())),
    )


def _once(truth: TruthFile) -> TruthFile:
    """Each judgement once, with the highest grade it was given."""
    pair = ("query", "product")
    frame = truth.frame.with_columns(
        times=pl.len().over(pair),
        grades=pl.col("grade").n_unique().over(pair),
        grade=pl.col("grade").max().over(pair),
        number=pl.int_range(pl.len()).over(pair),
    )
    kept = frame.filter(pl.col("number") == 0)
    notes = list(truth.notes)
    again = kept.filter(pl.col("times") > 1)
    for what, some_of, counts in (
        ("judgements come more than once", again.filter(pl.col("grades") == 1), "each counts once"),
        ("judgements come with different grades", again.filter(pl.col("grades") > 1), "the highest counts"),
    ):
        if some_of.height:
            names = [f"{product} for {query}" for query, product in some_of.select(pair).iter_rows()]
            notes.append(f"{truth.file}: {some_of.height:,} {what} ({some(names)}); {counts}.")
    return replace(truth, frame=kept, notes=tuple(notes))


def _gallery(snapshot: Snapshot, judged: Rows, options: TaskOptions) -> tuple[Mask, str]:
    """Which rows may answer, and how the task's name tells it."""
    if not options.split:
        if options.gallery_split:
            raise TruthError("a gallery split is named, but no column that tells it: give --split COLUMN too.")
        return snapshot.alive, ""
    splits = Splits.of(snapshot, options.split)
    among = find_splits(options.gallery_split, splits.there, splits.where)
    if not among:
        codes = np.unique(splits.words.codes[judged])
        if len(codes) > 1 or codes[0] < 0:
            return snapshot.alive, ""
        among = (splits.words.words[codes[0]],)
    return splits.rows(among), f", gallery {'+'.join(among)}"
