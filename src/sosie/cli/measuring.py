"""The verbs that measure: evaluate, compare, tune."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sosie.cli.options import DEFAULT, Html, Json, StoreOption, Weights

if TYPE_CHECKING:
    from sosie.evaluate.front import Truth

Labels = Annotated[
    list[str],
    typer.Option("--label", metavar="COLUMN", help="Products of the same label are relevant; several: graded."),
]
Pairs = Annotated[
    Path | None, typer.Option("--pairs", metavar="FILE", help="Pairs of products: a, b, similar (0 or 1, or a grade).")
]
Qrels = Annotated[
    Path | None, typer.Option("--qrels", metavar="FILE", help="Judgements, TREC or CSV: query, product, grade.")
]
Queries = Annotated[
    Path | None,
    typer.Option("--queries", metavar="FILE", help="The questions of --qrels: query, and words or a picture."),
]
Links = Annotated[Path | None, typer.Option("--links", metavar="FILE", help="Products put beside others: a, b, kind.")]
Kinds = Annotated[list[str], typer.Option("--kind", metavar="KIND", help="Only links of this kind.")]
Events = Annotated[
    Path | None, typer.Option("--events", metavar="FILE", help="What users took: user, product, time, kind.")
]
At = Annotated[
    str,
    typer.Option(
        "--at", help="Events to be found: the last of each user, or those from a time or a share (80%) of them on."
    ),
]
Repeats = Annotated[bool, typer.Option("--repeats", help="What a user has taken already may be found again.")]
Split = Annotated[str, typer.Option("--split", metavar="COLUMN", help="Column that tells train, val and test.")]
QuerySplit = Annotated[str, typer.Option("--query-split", help="Which products ask; test unless told.")]
GallerySplit = Annotated[str, typer.Option("--gallery-split", help="Which may answer, such as train,val; all others.")]
Variants = Annotated[bool, typer.Option("--variants", help="Variants are answers of their own.")]
Measure = Annotated[
    str, typer.Option("--measure", help="The main measure, such as hit@1, recall@10, map@r, ndcg@10, mrr.")
]


def truth_of(
    label: list[str],
    pairs: Path | None,
    qrels: Path | None,
    queries: Path | None,
    links: Path | None,
    kind: list[str],
    events: Path | None,
    at: str,
    repeats: bool,
    split: str,
    query_split: str,
    gallery_split: str,
    variants: bool,
) -> "Truth":
    """The options that name a truth, as one."""
    from sosie.evaluate.front import Truth
    from sosie.evaluate.truth import TaskOptions

    options = TaskOptions(
        split=split,
        query_split=query_split,
        gallery_split=tuple(filter(None, (part.strip() for part in gallery_split.split(",")))),
        kinds=tuple(kind),
        variants=variants,
        at=at,
        repeats=repeats,
    )
    return Truth(tuple(label), pairs, qrels, queries, links, events, options)


def command_line() -> str:
    """What was typed, as it can be typed again."""
    return shlex.join(["sosie", *sys.argv[1:]])


def _writable(file: Path | None) -> None:
    """Raise TruthError where a page can't be written: better at once than after all the work."""
    from sosie.evaluate.runs import check_place

    if file is not None:
        check_place(file)


def evaluate(
    store: StoreOption = DEFAULT,
    label: Labels = [],  # noqa: B006 - typer wants the default itself
    pairs: Pairs = None,
    qrels: Qrels = None,
    queries: Queries = None,
    links: Links = None,
    kind: Kinds = [],  # noqa: B006
    events: Events = None,
    at: At = "last",
    repeats: Repeats = False,
    split: Split = "",
    query_split: QuerySplit = "",
    gallery_split: GallerySplit = "",
    variants: Variants = False,
    weights: Weights = "",
    measure: Measure = "",
    strict: Annotated[bool, typer.Option("--strict", help="Refuse where a leak would inflate the figures.")] = False,
    beside: Annotated[
        bool, typer.Option("--beside/--alone", help="Also each signal alone, and what a user would otherwise have.")
    ] = True,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="FILE", help="Judge the answers in this TREC run, not the store's.")
    ] = None,
    write_run: Annotated[
        Path | None, typer.Option("--write-run", metavar="FILE", help="Write the store's answers as a TREC run.")
    ] = None,
    write_qrels: Annotated[
        Path | None, typer.Option("--write-qrels", metavar="FILE", help="Write what is relevant as TREC judgements.")
    ] = None,
    per_query: Annotated[
        Path | None,
        typer.Option("--per-query", metavar="FILE", help="Write the values of each question, or pair, as Parquet."),
    ] = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """How good the answers are: figures with intervals beside baselines, leaks, the worst answers.

    Without a truth (a label, pairs, judgements, links, events): what can be said without one.
    """
    from sosie.cli import show
    from sosie.cli.figures import print_evaluation
    from sosie.engine.shop import Store
    from sosie.evaluate.front import evaluate as judged
    from sosie.evaluate.judge import Options
    from sosie.scoring import read_weights

    truth = truth_of(
        label, pairs, qrels, queries, links, kind, events, at, repeats, split, query_split, gallery_split, variants
    )  # fmt: skip
    options = Options(measure=measure or truth.measure, weights=read_weights(weights), strict=strict, beside=beside)
    _writable(html)
    with show.progress() as progress:
        report = judged(
            Store(store),
            truth,
            options=options,
            run=run,
            write_run_to=write_run,
            write_qrels_to=write_qrels,
            per_query=per_query,
            command=command_line(),
            progress=progress,
        )
    if html:
        from sosie.pages import evaluation_page

        show.write_page(html, evaluation_page(report))
    if as_json:
        show.print_json(report.as_json())
    else:
        print_evaluation(report)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A store, a TREC run, 'default', or weights: image=2,text=1.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other.")],
    store: StoreOption = DEFAULT,
    label: Labels = [],  # noqa: B006
    qrels: Qrels = None,
    queries: Queries = None,
    links: Links = None,
    kind: Kinds = [],  # noqa: B006
    events: Events = None,
    at: At = "last",
    repeats: Repeats = False,
    split: Split = "",
    query_split: QuerySplit = "",
    gallery_split: GallerySplit = "",
    variants: Variants = False,
    measure: Measure = "",
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Which of two is better, question by question, and how much their answers differ.

    A and B are stores, runs or weightings; runs and weightings are those of --store. Without a truth, only how much
    the neighbours differ is told.
    """
    from sosie.cli import show
    from sosie.cli.figures import print_comparison
    from sosie.evaluate.sides import compare_sides

    truth = truth_of(
        label, None, qrels, queries, links, kind, events, at, repeats, split, query_split, gallery_split, variants
    )  # fmt: skip
    _writable(html)
    with show.progress() as progress:
        report = compare_sides(a, b, store, truth, measure or truth.measure, command_line(), progress)
    if html:
        from sosie.pages import comparison_page

        show.write_page(html, comparison_page(report))
    if as_json:
        show.print_json(report.as_json())
    else:
        print_comparison(report)


def tune(
    store: StoreOption = DEFAULT,
    label: Labels = [],  # noqa: B006
    qrels: Qrels = None,
    queries: Queries = None,
    links: Links = None,
    kind: Kinds = [],  # noqa: B006
    events: Events = None,
    at: At = "last",
    repeats: Repeats = False,
    split: Split = "",
    query_split: QuerySplit = "",
    gallery_split: GallerySplit = "",
    variants: Variants = False,
    measure: Measure = "",
    trials: Annotated[int, typer.Option("--trials", min=1, help="Weightings tried in each of five searches.")] = 120,
    minutes: Annotated[float, typer.Option("--minutes", help="After which nothing new is tried.")] = 15.0,
    settings: Annotated[
        bool, typer.Option("--settings/--weights-only", help="Also other settings of the signals.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where settings are written: sosie.toml, recipe.toml of --train."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Search rate, loss and size of a training instead; a recipe is written.")
    ] = False,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME|FILE", help="Of --train; chosen by the data if left out.")
    ] = "",
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Choose weights and settings by a truth; write them where they are better by more than chance.

    With --split, they are chosen on val, answered from train, and test is read once at the end. They count
    once the store is built with the file as its settings.
    """
    from sosie.cli import show
    from sosie.cli.figures import print_tuning
    from sosie.engine.shop import Store
    from sosie.evaluate.tune import Effort
    from sosie.evaluate.tune import tune as tuned

    truth = truth_of(
        label, None, qrels, queries, links, kind, events, at, repeats, split, query_split, gallery_split, variants
    )  # fmt: skip
    if train:
        from sosie.cli.training import search

        search(Store(store), truth, recipe, out or Path("recipe.toml"), minutes, as_json)
        return
    effort = Effort(trials, minutes, settings)
    _writable(html)
    with show.progress() as progress:
        file = out or Path("sosie.toml")
        report = tuned(Store(store), truth, measure or truth.measure, file, effort, command_line(), progress)
    if html:
        from sosie.pages import tuning_page

        show.write_page(html, tuning_page(report))
    if as_json:
        show.print_json(report.as_json())
    else:
        print_tuning(report)
