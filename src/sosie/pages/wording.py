"""Figures in words: the same sentences on a page and in a terminal."""

import math
import re
from collections.abc import Mapping, Sequence

from sosie.reports import Comparison, Difference, Evaluation, Figure, Kind, Measured

FUSED = "fused"
KINDS: Mapping[Kind, str] = {
    "fused": "the fused answer",
    "run": "runs",
    "signal": "each signal alone",
    "baseline": "baselines",
}
LEVEL = 0.05  # of p, below which a difference is told as one
LEAST_P = 0.001  # smaller ones are told as such

# "{k}" is the depth of the measure, "{n} of {of}" the figure as a share
SENTENCES: Mapping[str, str] = {
    "hit": "In {n} of {of} questions, one of the first {k} answers is right",
    "recall": "The first {k} answers hold {n} of {of} relevant products, averaged over questions",
    "precision": "Of the first {k} answers, {n} of {of} are right",
    "rprecision": "Of as many answers as there are relevant products, {n} of {of} are right",
    "rprec": "Of as many answers as there are relevant products, {n} of {of} are right",
    "ndcg": "The first {k} answers earn {n} of {of} points of a perfect order (NDCG)",
    "mrr": "The first right answer earns {n} of {of} points for standing early (MRR)",
    "map": "The lists earn {n} of {of} points of a perfect order (MAP)",
    "ap": "Average precision is {n} of {of}",
    "auc": "An alike pair scores higher than an unlike one {n} times of {of}",
    "f1": "Pairs are told alike or not with an F1 of {n} points of {of}",
    "rocauc": "An alike pair scores higher than an unlike one {n} times of {of}",
}
GLOSSES: Mapping[str, str] = {
    "hit": "share of questions with a relevant product among the first k answers; papers on labels call it R@k",
    "recall": "share of a question’s relevant products that is among the first k answers",
    "precision": "share of the first k answers that is relevant",
    "rprecision": "precision among as many answers as there are relevant products",
    "rprec": "precision among as many answers as there are relevant products",
    "map": "precision at each relevant answer, averaged; at R: among as many answers as there are relevant products",
    "ap": "precision at each relevant answer, averaged",
    "mrr": "one over the rank of the first relevant answer, averaged",
    "ndcg": "grades of the first k answers, discounted by rank, as a share of the best possible order",
    "auc": "chance that an alike pair scores higher than an unlike one; 0.5 is guessing",
    "rocauc": "chance that an alike pair scores higher than an unlike one; 0.5 is guessing",
    "f1": "harmonic mean of precision and recall of the pairs called alike",
    "ece": "mean distance between the stated probability and the share found; less is better",
    "brier": "mean squared error of the stated probability; less is better",
    "diversity": "mean distance of the answers of a list from each other",
    "novelty": "how seldom the answers are taken, in bits",
    "coverage": "share of the products that may answer which stand among the first k answers of some question",
    "gini": "how unevenly answers are spread over the products; 0 = every one as often, near 1 = always the same few",
    "popularitybias": "popularity of answers beside that of all products; far above 1, popular ones crowd out others",
}
PAIRS: Mapping[str, str] = {
    "precision": "share of the pairs called alike that are alike",
    "recall": "share of the alike pairs that are called alike",
    "ap": "precision down the pairs in order of score, averaged over the alike ones",
}


def number(value: float) -> str:
    """Three decimals; a dash where there is no figure."""
    return f"{value:.3f}".replace("-", "−") if math.isfinite(value) else "–"


def signed(value: float) -> str:
    """Three decimals with the sign of a difference."""
    return f"{value:+.3f}".replace("-", "−") if math.isfinite(value) else "–"


def amount(value: float) -> str:
    """A time, a size or a weight: three digits that count, whole from 100 on."""
    if not math.isfinite(value):
        return "–"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def percent(share: float | None) -> str:
    """A share as "12.5%"; a dash where it isn't known."""
    return "–" if share is None or not math.isfinite(share) else f"{100 * share:.1f}%".replace("-", "−")


def bounds(figure: Figure, *, sign: bool = False) -> str:
    """The interval, as "[0.812, 0.871]"."""
    shown = signed if sign else number
    return f"[{shown(figure.low)}, {shown(figure.high)}]"


def chance(p: float | None) -> str:
    """A p value; "" where there was no test."""
    if p is None or not math.isfinite(p):
        return ""
    return f"<{LEAST_P}" if p < LEAST_P else f"{p:.3f}"


def spoken(figure: Figure) -> str:
    """A figure for those who hear it."""
    return f"{number(figure.value)}, 95% interval {number(figure.low)} to {number(figure.high)}, n {figure.n:,}"


def listed(names: Sequence[str], *, most: int = 4) -> str:
    """Names as a sentence has them: "a, b and c"; many are cut short."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 leak", "2 leaks"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def gloss(measure: str, *, pairs: bool = False) -> str:
    """What a measure of lists, or of pairs, says, in one line; "" for one that isn't known."""
    said = PAIRS.get(measure) if pairs else None
    return said or GLOSSES.get(_family(measure), "")


def headline(measure: str, figure: Figure) -> tuple[str, str]:
    """The main figure as a plain sentence without its full stop, and its interval, as "81 to 87"."""
    if not math.isfinite(figure.value):
        return f"{measure} can’t be told: nothing was asked that has an answer", ""
    of = 1000 if any(0 < x < 0.005 or 0.995 <= x < 1 for x in (figure.value, figure.low, figure.high)) else 100
    low, value, high = (round(of * x) for x in (figure.low, figure.value, figure.high))
    depth = measure.partition("@")[2]
    sentence = SENTENCES.get(_family(measure), "{measure} is {value}")
    if sentence is SENTENCES["hit"] and depth == "1":
        sentence = "In {n} of {of} questions, the first answer is right"
    if "{n}" not in sentence:
        return sentence.format(
            measure=measure, value=number(figure.value)
        ), f"{number(figure.low)} to {number(figure.high)}"
    return sentence.format(n=value, of=f"{of:,}", k=depth, measure=measure), f"{low} to {high}"


def rivals(report: Evaluation) -> str:
    """Whether the fused answer beats what it was set beside, in one honest sentence or two; "" without any."""
    if not report.baselines:
        return ""
    unbeaten = [one for one in report.baselines if one.name in report.beaten_by]
    better = [one for one in unbeaten if is_better(one)]
    level = [one for one in unbeaten if not is_better(one)]
    beaten = len(report.baselines) - len(unbeaten)
    if not unbeaten:
        return f"The fused answer is better than {_all_of(report.baselines)}, by more than chance."
    told = []
    if better:
        verb = "is" if len(better) == 1 else "are"
        told.append(f"{listed([named(one) for one in better])} {verb} better than the fused answer.")
    if level:
        told.append(f"The fused answer does not beat {listed([named(one) for one in level])} by more than chance.")
    if beaten:
        told.append(f"It beats the other {beaten:,}." if beaten > 1 else "It beats the other one.")
    text = " ".join(told)
    return text[:1].upper() + text[1:]


def is_better(one: Measured) -> bool:
    """Whether a way to answer beats the fused answer by more than chance, not only stays unbeaten."""
    return one.difference is not None and one.difference.high < 0


def better_of(one: Difference) -> str:
    """Which of the two a measure finds better: "A", "B", or "" where that is no more than chance."""
    if not one.p_holm < LEVEL:
        return ""
    return "B" if one.difference.value > 0 else "A"


def also(report: Comparison) -> str:
    """Which of the two the other measures find better, over all questions; "" where none tells more than chance."""
    told = []
    for side in ("A", "B"):
        others = [
            one.measure
            for one in report.differences
            if not one.where and one.measure != report.measure and better_of(one) == side
        ]
        if others:
            told.append(f"{side} is better by {listed(others)}")
    return f"Other measures: {'; '.join(told)}." if told else ""


def named(one: Measured) -> str:
    """A way to answer as a sentence has it."""
    return f"{one.name} alone" if one.kind == "signal" else one.name


def _all_of(others: Sequence[Measured]) -> str:
    kinds: Mapping[Kind, tuple[str, str]] = {
        "signal": ("its one signal", "each of its {} signals alone"),
        "baseline": ("the one baseline", "all {} baselines"),
        "run": ("the other run", "all {} runs"),
        "fused": ("the other weighting", "all {} weightings"),
    }
    told = []
    for kind, (one, many) in kinds.items():
        if count := sum(other.kind == kind for other in others):
            told.append(one if count == 1 else many.format(count))
    return listed(told)


def _family(measure: str) -> str:
    return re.sub(r"[^a-z0-9]", "", measure.partition("@")[0].casefold())
