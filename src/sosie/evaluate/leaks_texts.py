"""Texts that give the answer away: a title shared with the answer, the label's own words."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from sosie.evaluate.leaks_read import Told, outside, reading
from sosie.evaluate.leaks_twins import SHOWN, twins
from sosie.evaluate.task import Task
from sosie.evaluate.words import words_of
from sosie.reports import Leak
from sosie.store import Snapshot
from sosie.text import folded, product_text, tokens
from sosie.types import Rows

SAMPLE = 20_000  # questions whose texts are looked at
SLIGHT = 0.01  # share of the questions beyond chance, below which a label is not said to stand in the texts
MUCH = 0.05  # share beyond chance that can move a figure
SURE = 3.0  # standard deviations beyond chance
_HAN = re.compile("[\u3400-\u9fff]")


def text_leaks(
    snapshot: Snapshot, task: Task, asked: Sequence[Told], gallery: Sequence[Told], signals: Collection[str]
) -> Iterator[Leak | None]:
    """Identical titles, and labels that texts name.

    A shop's customers meet products of one title, too: grave is what crosses a split, where texts are compared. Of a
    label that stands in the texts, figures say only that texts were read: grave where texts are compared.
    """
    texts, apart = reading("texts", signals), outside(task)
    yield twins(task, [one.titles for one in asked], [one.titles for one in gallery]).leak(
        "same-title",
        "have answers of the very same title",
        "Keep products of one title on one side of the split.",
        lambda right: bool(texts) and not isinstance(task.asked, tuple) and bool((right & apart).any()),
    )
    if not isinstance(task.asked, tuple):
        for label in task.labels:
            yield _named(snapshot, task, task.asked, label, texts)


def _named(snapshot: Snapshot, task: Task, asked: Rows, label: str, texts: Sequence[str]) -> Leak | None:
    """Questions whose text holds the words of their own label, against what another product's label would give."""
    words = words_of(snapshot, label)
    chosen = np.flatnonzero(words.codes[asked] >= 0)
    if len(chosen) > SAMPLE:
        chosen = chosen[np.linspace(0, len(chosen) - 1, SAMPLE).astype(np.int64)]
    codes = words.codes[asked[chosen]]
    read = [product_text(product) for product in snapshot.products(asked[chosen])]
    total = max(len(read), 1)
    holding = _Holding(read)
    own, expected = np.zeros(total, np.bool_), 0.0
    for code in np.unique(codes).tolist():
        of_label = np.flatnonzero(codes == code)
        found = holding.label(words.words[code])
        own[np.intersect1d(of_label, found)] = True
        expected += len(of_label) * len(found) / total
    count, chance = int(own.sum()), expected / total
    beyond = count / total - chance
    if beyond < SLIGHT or beyond < SURE * np.sqrt(chance * (1 - chance) / total):
        return None
    examples = [(task.keys[chosen[at]], words.words[codes[at]]) for at in np.flatnonzero(own)[:SHOWN].tolist()]
    return Leak(
        "label-in-text",
        count,
        total,
        bool(texts) and beyond >= MUCH,
        f"The texts of {count:,} of {total:,} questions name their own {label}; "
        f"that of another product they would name in {chance:.1%}.",
        "Judge by a label that they don't tell"
        + (f", or without what reads them (--weights {','.join(f'{name}=0' for name in texts)})." if texts else "."),
        tuple(examples),
    )


class _Holding:
    """Which of some texts hold all words of a label."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._folded = [folded(text) if _HAN.search(text) else "" for text in texts]
        postings: defaultdict[str, list[int]] = defaultdict(list)
        for at, text in enumerate(texts):
            for word in {_singular(token) for token in tokens(text)}:
                postings[word].append(at)
        self._postings = {word: np.array(rows, np.int64) for word, rows in postings.items()}

    def label(self, label: str) -> Rows:
        """Numbers of the texts, ascending; of a path its last level counts, of several paths any."""
        found = [np.empty(0, np.int64)]
        for path in label.split(" | "):
            leaf = path.split(" > ")[-1]
            lists = [self._postings.get(_singular(token), found[0]) for token in dict.fromkeys(tokens(leaf))]
            if lists:
                rows = lists[0]
                for other in lists[1:]:
                    rows = np.intersect1d(rows, other)
                found.append(rows)
            if _HAN.search(leaf):
                whole = folded(leaf)
                found.append(np.array([at for at, text in enumerate(self._folded) if whole in text], np.int64))
        return np.unique(np.concatenate(found))


def _singular(word: str) -> str:
    """An English noun without its plural's ending ("watches", "dresses", "shirts"; Harman's s-stemmer, 1991)."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us")) else word
