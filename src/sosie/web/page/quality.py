"""The view of quality: one question answered two ways side by side, and reports of how good the answers are.

A way is a state of the store, the newest or one before it (another model, say), and weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sosie.engine.questions import Answer
from sosie.errors import QuestionError
from sosie.evaluate import Truth, evaluate
from sosie.evaluate.front import reproduce
from sosie.evaluate.health import health
from sosie.pages import evaluation_page, health_page
from sosie.pages.wording import headline
from sosie.store import LocalStore, Snapshot
from sosie.store.files import write_atomic
from sosie.types import Product, Progress, Query
from sosie.web.jobs import Job
from sosie.web.page.address import WEIGHT, Asked, read_address
from sosie.web.page.cards import Card, Tell, Told, card
from sosie.web.page.judgements import FOLDER, HEADS, read_judgements
from sosie.web.page.search import Slider, rows_of, sliders, weights_of
from sosie.web.page.words import Words
from sosie.web.problems import Problem
from sosie.web.replies import told_hit
from sosie.web.shop import Shop

SIDES = ("a", "b")
STATE = "state"  # in addresses, after the name of a side
HITS = 10
REPORTS = "reports"  # the folder of the store in which they are kept, beside the jobs that made them
KINDS = ("own", *HEADS, "label", "health")  # judged by what needs no truth, thumbs, a column; or the vectors as such


@dataclass(frozen=True, slots=True)
class Placed:
    """An answer on one side, and where it stands on the other: 0 = nowhere."""

    told: Told
    elsewhere: int


@dataclass(frozen=True, slots=True)
class State:
    """A state of the store that can be asked: a generation, and the signals that are others in the newest one."""

    number: int
    differs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Side:
    """One way to answer, and its answers. `there` is whether the product asked about is in its state of the store."""

    name: str
    state: int
    there: bool
    sliders: Sequence[Slider]
    weights: Mapping[str, float]
    hits: Sequence[Placed]
    zero: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class QualityView:
    """Everything that the view shows."""

    text: str
    like: Card | None
    states: Sequence[State]  # the newest first
    sides: Sequence[Side]
    both: int  # answers that stand on both sides
    reports: Sequence[Job]
    judged: Mapping[str, int]  # judgements by kind
    columns: Sequence[str]

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "sides": {
                side.name: {
                    "state": side.state,
                    "weights": dict(side.weights),
                    "hits": [told_hit(hit) for hit in side.answer.hits],
                }
                for side in self.sides
            },
            "states": [{"generation": one.number, "differs": list(one.differs)} for one in self.states],
            "both": self.both,
            "judgements": dict(self.judged),
            "reports": [job.told() for job in self.reports],
        }


async def quality_view(shop: Shop, pairs: Sequence[tuple[str, str]], words: Words) -> QualityView:
    """Both sides of a question, where one is asked. Raises QuestionError."""
    snapshot, local = shop.store.snapshot, shop.store.local
    numbers = (snapshot.generation.number, *local.earlier())
    states = {name: _state_of(pairs, name, numbers) for name in SIDES}
    snapshots = {number: await shop.run(partial(local.at, number)) for number in {*states.values()}}
    sides = {name: snapshots[states[name]] for name in SIDES}
    asked = {name: read_address(_of_side(pairs, name), weights_of(sides[name])) for name in SIDES}
    text, like = asked["a"].text, asked["a"].like[:1]
    product = snapshot.products(rows_of(snapshot, like))[0] if like else None
    answers = {name: Answer((), 0.0) for name in SIDES}
    there = {name: all(sides[name].row(id) is not None for id in like) for name in SIDES}
    for name in SIDES:
        if (text or like) and there[name]:
            query = Query(text=text, like=like, weights=asked[name].weights or None, limit=HITS, where=asked["a"].where)
            answers[name] = await shop.ask(query, sides[name])
    store = shop.store.folder
    return QualityView(
        text=text,
        like=card(product, words) if product is not None else None,
        states=await shop.run(partial(_states, local, numbers)),
        sides=[_side(name, sides[name], asked, answers, product, words, there=there[name]) for name in SIDES],
        both=len(_ids(answers["a"]) & _ids(answers["b"])),
        reports=[job for job in shop.jobs.all() if job.kind == "evaluate"][:8],
        judged={kind: len(read_judgements(store, kind)) for kind in HEADS},
        columns=[name for name in snapshot.columns if snapshot.columns[name].vocabulary][:40],
    )


def start_report(shop: Shop, kind: str, label: str) -> Job:
    """Begin to judge the store's answers. Raises Problem: 409 where that is being done; QuestionError."""
    if kind not in KINDS or (kind == "label" and label not in shop.store.snapshot.columns):
        raise QuestionError(f"a report judges by one of {', '.join(KINDS)}; a label is the name of a column.")
    if running := shop.jobs.running("evaluate"):
        raise Problem(409, f"a report is being made since {running.started}; wait until it is done.")
    store = shop.store.folder

    def work(progress: Progress) -> dict[str, Any]:
        made = _healthy(shop, progress) if kind == "health" else _judged(shop, kind, label, progress)
        content = made.page.encode(errors="replace")
        name = blake2b(content, digest_size=8).hexdigest()
        (store / REPORTS).mkdir(exist_ok=True)
        write_atomic(store / REPORTS / f"{name}.html", content)
        return {"file": name, "verdict": made.verdict, "figures": dict(made.figures)}

    return shop.jobs.start("evaluate", work)


@dataclass(frozen=True, slots=True)
class _Made:
    """A report, and what is told of it beside."""

    page: str
    verdict: str
    figures: Mapping[str, float]


def _judged(shop: Shop, kind: str, label: str, progress: Progress) -> _Made:
    truth = Truth()
    if kind == "pairs":
        truth = Truth(pairs=shop.store.folder / FOLDER / "pairs.csv")
    elif kind in HEADS:
        truth = Truth(qrels=shop.store.folder / FOLDER / f"{kind}.csv")
    elif kind == "label":
        truth = Truth(labels=(label,))
    report = evaluate(shop.store, truth, progress=progress)
    main = report.metrics.get(report.measure)
    verdict = "".join(headline(report.measure, main)) if main is not None and report.truth else ""
    return _Made(evaluation_page(report), verdict, {name: one.value for name, one in list(report.metrics.items())[:4]})


def _healthy(shop: Shop, progress: Progress) -> _Made:
    """The vectors as such, and what drifted since the generation before, where there is one."""
    local, snapshot = shop.store.local, shop.store.snapshot
    earlier = local.earlier()
    older = local.at(earlier[0]) if earlier else None
    report = health(snapshot, older, reproduce(snapshot, Truth(), ""), progress)
    return _Made(health_page(report), report.verdict, {})


def report_file(store: Path, name: str) -> Path:
    """A report that was made. Raises Problem: 404."""
    file = store / REPORTS / f"{name}.html"
    if not (name.isascii() and name.isalnum() and file.is_file()):
        raise Problem(404, "there is no such report; make one.")
    return file


def _state_of(pairs: Sequence[tuple[str, str]], side: str, numbers: Sequence[int]) -> int:
    """The generation that an address asks on one side; the newest where it names none. Raises QuestionError."""
    named = dict(pairs).get(f"{side}.{STATE}", "") or str(numbers[0])
    if named not in map(str, numbers):
        raise QuestionError(
            f"{side}.{STATE}: there is no generation {named}; there are {', '.join(map(str, numbers))}."
        )
    return int(named)


def _states(local: LocalStore, numbers: Sequence[int]) -> list[State]:
    now = local.at(numbers[0]).manifest.signals
    found = []
    for number in numbers:
        then = local.at(number).manifest.signals
        found.append(State(number, [name for name in {**now, **then} if now.get(name) != then.get(name)]))
    return found


def _of_side(pairs: Sequence[tuple[str, str]], side: str) -> list[tuple[str, str]]:
    """What an address says of one side: weights under its name, all else of both."""
    own = f"{side}.{WEIGHT}"
    found = [(name.removeprefix(f"{side}."), value) for name, value in pairs if name.startswith(own)]
    return found + [(name, value) for name, value in pairs if name in ("text", "like", "where")]


def _side(
    name: str,
    snapshot: Snapshot,
    asked: Mapping[str, Asked],
    answers: Mapping[str, Answer],
    product: Product | None,
    words: Words,
    *,
    there: bool,
) -> Side:
    hits = answers[name].hits
    other = {hit.product.id: hit.rank for hit in answers["b" if name == "a" else "a"].hits}
    tell = Tell.of(hits, words)
    return Side(
        name=name,
        state=snapshot.generation.number,
        there=there,
        sliders=sliders(snapshot, asked[name], hits, words),
        weights=asked[name].weights,
        hits=[Placed(tell(hit, product), other.get(hit.product.id, 0)) for hit in hits],
        zero=tell.zero,
        answer=answers[name],
    )


def _ids(answer: Answer) -> set[str]:
    return {hit.product.id for hit in answer.hits}
