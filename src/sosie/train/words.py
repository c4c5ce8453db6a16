"""Augmentation of texts: words left out, attributes in another order, spans hidden; pure functions of a generator.

Texts are met in order, so a batch in two parts, with one generator, gives the same texts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from sosie.config import Settings, Share

MASK = "[MASK]"  # as BERT-like vocabularies write it
SPAN = 3.0  # words that a hidden span has on average

# A Chinese or Japanese character is a word of its own: no spaces tell how they belong together.
_WORD = re.compile(
    "[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]\\s*"
    "|[^\\s\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]+\\s*"
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|(?<=[。！？；])|\n+")


class WordChanges(Settings):
    """How texts are drawn anew while they are learnt from, in this order."""

    shuffle: bool = False  # sentences after the title in any order
    leave: Share = 0.0  # of these that are left out
    mask: Share = 0.0  # of words that are hidden, in spans
    drop: Share = 0.0  # of words that are left out


@dataclass(frozen=True, slots=True)
class Text:
    """What is read of a product: whole, as its encoder reads it, and in parts, the title and then sentences."""

    whole: str
    parts: tuple[str, ...]


def text_of(title: str, whole: str) -> Text:
    """A text in its parts; `whole` begins with the title, where there is one."""
    rest = whole[len(title) :].lstrip(" .!?。！？…") if whole.startswith(title) else whole
    sentences = [part.strip() for part in _SENTENCE.split(rest)]
    return Text(whole, tuple(part for part in (title, *sentences) if part))


def changed(texts: Sequence[Text], changes: WordChanges, generator: Generator) -> list[str]:
    """Texts drawn anew."""
    found = [text.whole for text in texts]
    if changes.shuffle or changes.leave:
        found = shuffle_attributes([text.parts for text in texts], changes.leave, generator)
    if changes.mask:
        found = mask_spans(found, changes.mask, generator)
    return drop_words(found, changes.drop, generator) if changes.drop else found


def drop_words(texts: Sequence[str], share: float, generator: Generator) -> list[str]:
    """Each word left out with the probability `share`, one kept at least (Iyyer et al., "Deep averaging", 2015)."""
    return [_dropped(_WORD.findall(text), share, generator) for text in texts]


def shuffle_attributes(texts: Sequence[Sequence[str]], share: float, generator: Generator) -> list[str]:
    """Texts of parts (a title, then attributes): the title first, the others in any order.

    Each of the others is left out with the probability `share`. Parts are joined as sentences; empty ones are no parts.
    """
    return [_shuffled([part for part in parts if part], share, generator) for parts in texts]


def mask_spans(texts: Sequence[str], share: float, generator: Generator, mask: str = MASK) -> list[str]:
    """About `share` of each text's words hidden, in spans of SPAN words on average, each of which becomes one `mask`.

    For denoising, the text itself being what is wanted: Raffel et al., "T5", 2020. At least one word is hidden and one
    is kept; a text of one word stays.
    """
    return [_masked(_WORD.findall(text), share, generator, mask) for text in texts]


def _dropped(words: list[str], share: float, generator: Generator) -> str:
    drawn = generator.random(len(words))
    kept = [word for word, chance in zip(words, drawn, strict=True) if chance >= share]
    if words and not kept:
        kept = [words[int(drawn.argmax())]]
    return "".join(kept).strip()


def _shuffled(parts: list[str], share: float, generator: Generator) -> str:
    drawn = generator.random((2, len(parts)))
    others = [at for at in drawn[0, 1:].argsort() + 1 if drawn[1, at] >= share]
    return _joined([*parts[:1], *(parts[at] for at in others)])


def _joined(parts: Sequence[str]) -> str:
    ended = [part if part[-1] in ".!?。！？…" else f"{part}." for part in parts[:-1]]
    return " ".join([*ended, *parts[-1:]])


def _masked(words: list[str], share: float, generator: Generator, mask: str) -> str:
    hidden = min(max(round(share * len(words)), 1), len(words) - 1)
    if hidden < 1 or share <= 0:
        return "".join(words).strip()
    spans = min(max(round(hidden / SPAN), 1), len(words) - hidden)
    lengths = _cut(hidden, spans, generator)
    gaps = _cut(len(words) - hidden + 2, spans + 1, generator)  # the outer ones may be empty
    gaps[0] -= 1
    gaps[-1] -= 1
    out, at = "", 0
    for gap, length in zip(gaps, [*lengths, 0], strict=True):
        out += "".join(words[at : at + gap])
        at += gap
        if length:
            at += length
            last = words[at - 1]
            out += mask + last[len(last.rstrip()) :]
    return out.strip()


def _cut(total: int, parts: int, generator: Generator) -> list[int]:
    """A whole number as a sum of `parts` positive ones, every sum as likely."""
    cuts = np.sort(generator.choice(total - 1, parts - 1, replace=False)) + 1
    pieces: list[int] = np.diff([0, *cuts, total]).tolist()
    return pieces
