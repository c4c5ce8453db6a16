"""The table of what was learnt."""

from collections.abc import Mapping
from statistics import fmean, stdev
from typing import Any

HEAD = ("data", "training", "question on test", "measure", "learnt", "val", "best other", "bar", "published", "minutes")


def page(kept: Mapping[str, Any]) -> str:
    """The table of all data sets."""
    rows = [line(name, row, kept[name][row]) for name in kept for row in kept[name] if kept[name][row]["seeds"]]
    lines = [cells for row in rows for cells in row]
    head = [
        "# What training comes to",
        "",
        "Made by `make bench-train`; commands, commits and all figures: learn.json.  ",
        "Learnt: the trained signal alone on the split test, mean of the seeds ± their standard deviation. "
        "Val: the same on the questions by which the best epoch was chosen.",
        "",
        f"| {' | '.join(HEAD)} |",
        "|---" * len(HEAD) + "|",
    ]
    return "\n".join([*head, *(f"| {' | '.join(cells)} |" for cells in lines), ""])


def line(name: str, row: str, training: Mapping[str, Any]) -> list[list[str]]:
    """A line a question."""
    seeds = list(training["seeds"].values())
    minutes = fmean(seed["train_seconds"] for seed in seeds) / 60
    val = fmean(fmean(seed["val"].values()) for seed in seeds) if seeds[0]["val"] else None
    lines = []
    for what in training["asked"]:
        figures = [seed["test"][what] for seed in seeds]
        values = [figure["value"] for figure in figures]
        others = {name: fmean(figure["others"][name] for figure in figures) for name in figures[0]["others"]}
        best = max(others, key=others.__getitem__)
        spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
        lines.append(
            [
                name,
                row,
                what,
                figures[0]["measure"],
                f"**{fmean(values):.3f}**{spread}",
                "" if val is None else f"{val:.3f}",
                f"{best} {others[best]:.3f}",
                bar(training["bars"][what], others, fmean(values)),
                training["bars"][what]["published"],
                f"{minutes:.1f}",
            ]
        )
    return lines


def bar(wanted: Mapping[str, Any], others: Mapping[str, float], value: float) -> str:
    """What had to be reached, and whether it was."""
    if not (wanted["bar"] or wanted["above"]):
        return ""
    share = wanted.get("share", 1.0)
    least = wanted["bar"] + share * max((others[name] for name in wanted["above"]), default=0.0)
    times = f"{share:g} × " if share != 1 else ""
    above = f" ({times}{' and '.join(wanted['above'])} + {wanted['bar']:g})" if wanted["above"] else ""
    return f"{least:.3f}{above}: {'reached' if value >= least else 'missed'}"
