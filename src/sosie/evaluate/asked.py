"""What judgements ask: words, pictures and products, from a file of questions or from the keys themselves."""

from collections.abc import Mapping, Sequence

import numpy as np

from sosie.catalog.names import compact
from sosie.errors import TruthError
from sosie.evaluate.reading import TruthFile
from sosie.evaluate.words import some
from sosie.store import Snapshot
from sosie.types import Query, Rows

PARTS = ("words", "picture", "like")  # fields of a file that a question is made of
WORDED = ("query", "question", "words", "text", "search", "keyword", "查询")  # keys that so begin may be words


def read_questions(snapshot: Snapshot, table: TruthFile) -> tuple[dict[str, Query], tuple[str, ...]]:
    """The question of each key of a file, its first where it has several, and notes on those that can't be asked.

    Pictures are paths from the file's folder. Raises TruthError where no column tells what is asked.
    """
    parts = [part for part in PARTS if table.has(part)]
    if not parts:
        raise TruthError(
            f"{table.file}: has no column that tells what is asked, such as query, text, image or product, "
            f"beside the key '{table.names.get('query', 'query')}'."
        )
    frame = table.frame.select("query", *parts).unique(maintain_order=True)
    asked: dict[str, Query] = {}
    faults: dict[str, list[str]] = {}
    for row in frame.iter_rows(named=True):
        words, like = row.get("words", ""), row.get("like", "").removeprefix("'")
        picture = table.file.parent / row["picture"] if row.get("picture") else None
        if row["query"] in asked:
            faults.setdefault("ask several things, the first counts", []).append(row["query"])
        elif picture is not None and not picture.is_file():
            faults.setdefault("name pictures that are not there", []).append(str(picture))
        elif like and snapshot.row(like) is None:
            faults.setdefault("name products that are not in the store", []).append(like)
        elif words or picture or like:
            asked[row["query"]] = Query(text=words, image=picture, like=(like,) if like else ())
        else:
            faults.setdefault("ask nothing", []).append(row["query"])
    notes = tuple(f"{table.file}: {len(them):,} questions {fault} ({some(them)})." for fault, them in faults.items())
    return asked, notes


def questions_of_keys(snapshot: Snapshot, truth: TruthFile, keys: Sequence[str]) -> dict[str, Query]:
    """What the keys themselves ask: most of them are products, pictures beside the file, or words by their column.

    Raises TruthError where they are none of these.
    """
    known = snapshot.rows([key.removeprefix("'") for key in keys]) >= 0
    if 2 * known.sum() > len(keys):
        return {key: Query(like=(key.removeprefix("'"),)) for key, there in zip(keys, known, strict=True) if there}
    folder = truth.file.parent
    pictures = {key: Query(image=folder / key) for key in keys if (folder / key).is_file()}
    if 2 * len(pictures) > len(keys):
        return pictures
    column = compact(truth.names.get("query", ""))
    if column.startswith(WORDED) and not column.endswith(("id", "key", "number")):
        return {key: Query(text=key) for key in keys}
    raise TruthError(
        f"{truth.file}: its questions ({some(keys)}) are neither products of the store nor pictures beside the file; "
        "give their words with --queries FILE (query_id, query)."
    )


def products_asked(snapshot: Snapshot, queries: Sequence[Query]) -> Rows:
    """The row of the product that each question names, (queries,); -1 where it names none."""
    rows = [snapshot.row(query.like[0]) if query.like else None for query in queries]
    return np.array([-1 if row is None else row for row in rows], np.int64)


def only_products(queries: Sequence[Query]) -> bool:
    """Whether every question is one product and nothing else."""
    return all(query.like and not query.text and query.image is None for query in queries)


def asked_at_all(truth: TruthFile, asked: Mapping[str, Query], share: float, told: Sequence[str]) -> TruthFile:
    """The judgements whose questions can be asked. Raises TruthError where more than a share of these can't be."""
    keys = truth.frame["query"].unique(maintain_order=True)
    missing = keys.filter(~keys.is_in(list(asked))).to_list()
    if not missing:
        return truth
    if len(missing) > share * len(keys):
        what = f"{len(missing):,} of {len(keys):,} questions can't be asked ({some(missing)})"
        raise TruthError(" ".join([f"{truth.file}: {what}, more than {share:.0%}.", *told]))
    which = f"are of {len(missing):,} questions that can't be asked ({some(missing)})"
    return truth.without(truth.frame["query"].is_in(missing), which)
