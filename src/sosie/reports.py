"""What was measured, as records: `evaluate` makes them, `pages` and the command line show them, JSON holds them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["fused", "signal", "baseline", "run"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over questions (or pairs) with its 95% bootstrap interval; `n` is how many there are."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One way to answer, and its figures by the standard names of measures (hit@1, ndcg@10, …)."""

    name: str  # "fused", a signal's name, "random", "pixels", …
    kind: Kind
    metrics: Mapping[str, Figure]
    difference: Figure | None = None  # fused less this one, question by question, of the main measure
    p: float | None = None  # paired permutation test of that difference, two-sided


@dataclass(frozen=True, slots=True)
class Slice:
    """The questions that have one thing in common, beside all others, by the report's main measure."""

    by: str  # category, price, pictures, text, language, popularity, cold
    value: str
    figure: Figure
    rest: float
    p: float  # that the difference is chance; Holm-corrected over the slices of the report
    verdict: Literal["worse", "better", ""]  # "" = no more than chance


@dataclass(frozen=True, slots=True)
class Leak:
    """One way in which the truth may have reached the answers."""

    kind: str  # own-variants, same-picture, near-picture, same-title, label-in-text, label-in-signal, …
    count: int  # of the things concerned: questions, products or users, as `what` says
    total: int
    grave: bool  # grave ones inflate figures, and `--strict` refuses them; the others are told
    what: str  # one sentence, with the count
    advice: str
    examples: tuple[tuple[str, str], ...] = ()  # ids, or an id and what was found there


@dataclass(frozen=True, slots=True)
class Answered:
    """One product in an answer that was judged."""

    id: str
    title: str
    picture: str  # reference of its first picture, "" for none
    score: float
    grade: float  # 0 = not relevant


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its first answers, for people to look at."""

    query: str  # its key: a product's id, or the key in the file
    title: str  # a product's title, or the words asked
    picture: str
    value: float  # of the report's main measure
    relevant: int
    hits: tuple[Answered, ...]
    missed: tuple[Answered, ...] = ()  # relevant products that are not among the hits, a few; score 0


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a reliability plot: pairs whose stated probability lies between `low` and `high`."""

    low: float
    high: float
    stated: float  # mean of what was stated
    found: float  # share that are alike
    n: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good the answers are by one truth."""

    store: str
    version: str
    truth: str  # "label class_id, queries test, gallery train+val"
    measure: str  # the main one: slices, cases and differences are by it
    queries: int
    without_relevant: int  # questions that nothing in the gallery answers: left out of the figures
    gallery: int
    metrics: Mapping[str, Figure]  # of the fused answer
    baselines: tuple[Measured, ...]  # each signal alone, and what a user would otherwise have
    beaten_by: tuple[str, ...]  # those of them that the fused answer does not beat by more than chance
    slices: tuple[Slice, ...]
    leaks: tuple[Leak, ...]
    worst: tuple[Case, ...]
    best: tuple[Case, ...]
    notes: tuple[str, ...]
    reproduce: Mapping[str, str]  # command, data, sosie, numpy …
    seconds: float
    reliability: tuple[Bin, ...] = ()  # for pairs
    lists: Mapping[str, float] = field(default_factory=dict)  # facts of these lists: coverage@10, gini@10 …
    labels: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)  # each alone, where there are several

    def as_json(self) -> dict[str, Any]:
        """The report as plain values; metrics and baselines by name."""
        plain = _plain(self)
        plain["baselines"] = {one.pop("name"): one for one in plain["baselines"]}
        return plain


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two ways to answer the same questions."""

    measure: str
    a: float
    b: float
    difference: Figure  # b less a, question by question
    p: float  # paired permutation test, two-sided
    p_holm: float  # corrected over all measures and slices of the comparison
    win: int  # questions in which b is better
    tie: int
    loss: int
    where: str = ""  # "" = all questions, or the slice: "category=Shoes"


@dataclass(frozen=True, slots=True)
class Changed:
    """A question whose answers changed much, side by side."""

    a: Case
    b: Case
    overlap: float  # rank-biased overlap of the two lists


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways to answer the same questions, A and B."""

    a: str
    b: str
    truth: str  # "" = there is none: only the overlap of neighbours is known
    measure: str
    queries: int
    differences: tuple[Difference, ...]
    overlap: Figure  # rank-biased overlap of the two lists of neighbours, 1 = the same
    overlap_by: Mapping[str, Figure]  # of the largest categories
    verdict: str  # one sentence
    changed: tuple[Changed, ...]
    notes: tuple[str, ...]
    reproduce: Mapping[str, str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The comparison as plain values."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Trade:
    """One way to set up the store: how good its answers are, and what they cost."""

    name: str  # "now", "tuned weights", "image.dim = 128", "without reviews"
    settings: Mapping[str, Any]  # setting -> value, what differs from the store's own
    quality: Figure  # of the main measure
    ms: float  # to score every product for one question, one at a time
    bytes: int  # of vectors, a product
    difference: Figure | None = None  # quality less that of the store with tuned weights
    p_holm: float | None = None
    front: bool = False  # nothing is both better and cheaper (Pareto)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was tried to make the answers better, by a truth, and what came of it."""

    store: str
    truth: str
    measure: str
    queries: int
    before: Mapping[str, float]  # weights
    after: Mapping[str, float]
    difference: Figure  # of questions that the weights were not chosen on, after less before
    p: float
    adopted: Mapping[str, Any]  # settings that are better by more than chance, as written
    trades: tuple[Trade, ...]
    test: Mapping[str, Figure]  # before, after, difference; read once; empty where there is no test split
    verdict: str
    written: str  # the file of settings, "" where nothing was gained
    notes: tuple[str, ...]
    reproduce: Mapping[str, str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What the scores of a store stand for, learnt from a truth and kept with the store."""

    store: str
    version: str
    truth: str
    holds_for: str  # of which pairs what is stated holds, one sentence
    questions: int  # 0 where the truth names pairs
    pairs: int
    alike: float  # share of them
    method: str  # platt, beta or isotonic
    losses: Mapping[str, float]  # method -> log loss on held-out pairs, by which it was chosen
    ece: Figure  # of what was stated of held-out pairs
    brier: Figure
    base: float  # Brier score where the share of all is stated of every pair
    reliability: tuple[Bin, ...]
    marks: Mapping[str, float]  # "8 of 10" -> the least score of which it is stated
    verdict: str
    notes: tuple[str, ...]
    reproduce: Mapping[str, str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Shown:
    """A product that a figure is about, for people to look at."""

    id: str
    title: str
    picture: str  # reference of its first picture, "" for none
    value: float  # in how many lists a hub is; how many products have this very vector; how strange a new one is


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to look at in a signal, and what to do about it."""

    kind: str  # collapsed, narrow, hubs, duplicates, lengths, missing, repeats, drift
    what: str  # one sentence, with the figure
    advice: str


@dataclass(frozen=True, slots=True)
class SignalHealth:
    """What the vectors of a signal, or of all of them as the fused score weighs them, tell without any truth.

    Figures of neighbours are of distinct vectors of different products: variants and equal vectors count once. They are
    None where too few are left, and for price, category and attributes, of which many are equally near.
    """

    name: str  # of the signal, or "fused"
    kind: Kind  # "signal" or "fused"
    weight: float  # in the score; of "fused" the sum
    dim: int
    products: int  # that have it
    missing: float  # share of all products that lack it
    sample: int  # distinct vectors that the figures of neighbours are of
    spectrum: tuple[float, ...]  # share of the variance along each main direction, descending, the first 64
    directions: float  # that are really used: participation ratio of the variances
    dead: float  # share of the dimensions that hardly vary
    common: float  # share of the raw vectors that all products have in common, and centring takes away
    mean_cosine: float  # of random pairs, after that
    intrinsic: float | None  # dimension of the surface that products lie on (TwoNN)
    lengths: tuple[float, ...]  # of the vectors: 0, 5, 25, 50, 75, 95 and 100 of 100
    hub_skew: float | None  # of how often each is among the first ten of another; 0 = evenly
    hub_share: float | None  # of all places in lists that the most frequent 1 of 100 take
    unseen: float | None  # share of products that are in nobody's list
    occurrences: Mapping[str, int]  # "0", "1–2", "3–5" … lists -> how many are in so many; empty where unknown
    hubs: tuple[Shown, ...]  # value: in how many lists; ten would be even
    duplicates: int  # products whose very vector another product has, too, variants of it not counted
    duplicate_sets: int
    largest: tuple[Shown, ...]  # one product of each of the largest sets; value: how many products
    remarks: tuple[Remark, ...]  # empty = nothing to look at


@dataclass(frozen=True, slots=True)
class Repetition:
    """Two signals, and how far one says what the other says."""

    a: str
    b: str
    products: int  # of which both are known, that were looked at
    correlation: float  # of the cosines of random pairs, rank by rank (Spearman)
    cka: float  # centred kernel alignment: 1 = the same up to rotation
    overlap: float  # share of the first ten neighbours in common
    repeats: bool


@dataclass(frozen=True, slots=True)
class Shift:
    """A statistic of the old and the new ones, and what it is of random splits of the old ones, of the same sizes."""

    value: float
    low: float  # 95% of the splits lie between
    high: float
    p: float  # share of the splits that differ as much, the observed one counted among them
    size: float  # how large the difference is, whatever the sizes: 0 = none, 1 = nothing in common


@dataclass(frozen=True, slots=True)
class SignalDrift:
    """One signal in an older and a newer build."""

    name: str
    comparable: bool  # its vectors are of one encoder and one scale
    kept: int  # products of both builds that were looked at
    fresh: int  # products of the newer build alone
    cosine: Figure | None  # of the vectors of one product in the two builds; None where not comparable
    overlap: Figure | None  # share of the first ten neighbours that a product has in both builds
    cka: float | None  # alignment of the products of both builds: 1 = the same up to rotation
    moved: Shift | None  # products of both builds, as they were and as they are; None where not comparable
    new: Shift | None  # new products beside those of both builds, in the newer build
    strange: tuple[Shown, ...]  # new products least like any that were there; value: cosine to the nearest of them
    verdict: Literal["drift", "slight", ""]  # "" = no more than chance
    what: str  # one sentence


@dataclass(frozen=True, slots=True)
class FactDrift:
    """One fact of products (category, price, brand …) in an older and a newer build, by population stability index."""

    name: str
    shift: Shift
    bins: tuple[tuple[str, float, float], ...]  # value, share in the older, share in the newer build
    verdict: Literal["drift", "slight", ""]
    what: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What changed between two builds of a shop; p values are Holm-corrected over all of it."""

    old: str
    old_version: str
    new: str
    new_version: str
    kept: int  # products in both, by id; variants count once
    fresh: int  # in the newer one alone
    gone: int  # in the older one alone
    signals: tuple[SignalDrift, ...]
    facts: tuple[FactDrift, ...]
    remarks: tuple[Remark, ...]
    verdict: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What can be told of a store's vectors without any truth."""

    store: str
    version: str
    products: int  # variants count once
    sampled: int  # of them, that were looked at
    signals: tuple[SignalHealth, ...]  # the fused one first
    repetitions: tuple[Repetition, ...]  # of every two signals, those most alike first
    drift: DriftReport | None  # against another build
    remarks: tuple[Remark, ...]  # that are of no one signal
    verdict: str
    notes: tuple[str, ...]
    reproduce: Mapping[str, str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The report as plain values; signals by name."""
        plain = _plain(self)
        plain["signals"] = {one.pop("name"): one for one in plain["signals"]}
        return plain


def _plain(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any of these records
    """A record as plain values, with None for what is no number: JSON has no NaN."""
    return {name: _finite(value) for name, value in asdict(record).items()}


def _finite(value: Any) -> Any:  # noqa: ANN401 - a tree of plain values
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
