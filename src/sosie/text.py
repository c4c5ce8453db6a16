"""Texts made comparable: which language, which tokens, and what of a product is read or searched."""

import html
import os
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from sosie.types import Product

_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3041-\u30ff\u31f0-\u31ff"

# An unclosed comment, script or style runs to the end of the text, as in a browser; that also keeps matching linear.
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_INLINE = re.compile(r"</?(?:a|b|i|u|s|em|strong|span|font|sup|sub|small|big|mark|wbr)(?:\s[^<>]*+)?/?>", re.IGNORECASE)
_TAG = re.compile(r"""<[a-z/!?](?:[^<>"']|"[^"<]*+"|'[^'<]*+'|["'])*+>""", re.IGNORECASE)
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_MARKS = re.compile(r"[\u0300-\u036f]+")
_PIECE = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+(?:[-_.'’,‐‑][^\W_{_HAN}]+)*")
_JOINT = re.compile(r"[-_.'’,‐‑]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)+")
_IS_HAN = re.compile(f"[{_HAN}]")
_IS_KANA = re.compile(f"[{_KANA}]")
_WORD = re.compile(rf"[^\W\d_{_HAN}{_KANA}]+")

# Function words seen in product texts, without those that two of the languages share.
_ENGLISH_WORDS = "the and for with of from this that your you is are it by on to or be our has can will"
_FOREIGN_WORDS = """
der das und mit für von aus ist ein eine den dem auf bei zum zur oder nicht
les des et avec pour une sur dans est aux ou du
los las para por una del sin
il gli della di per che nel con
os em um uma da com não
het een van voor met en zijn ook
och för till med som är av på
z na dla jest się
ve ile bir için bu
"""
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_FOREIGN = frozenset(_FOREIGN_WORDS.split())


class _Segmenter(Protocol):
    def lcut_for_search(self, sentence: str, HMM: bool = ...) -> list[str]: ...  # noqa: N803 (jieba's own name)


def plain(text: str) -> str:
    """Text as a person reads it: no HTML, no entities, no control characters, single spaces, NFC."""
    if "&" in text:
        text = html.unescape(text)  # before the tags: feeds often escape their HTML once more
    if "<" in text:
        text = _TAG.sub(" ", _INLINE.sub("", _HIDDEN.sub(" ", text)))
    if "&" in text:
        text = html.unescape(text)
    text = _CONTROL.sub(" ", text)
    if not text.isascii():
        text = unicodedata.normalize("NFC", _INVISIBLE.sub("", text))
    return " ".join(text.split())


def language(text: str) -> str:
    """Language of one text: "en", "zh", "mixed" (Chinese beside words of another), "other", or "" without letters.

    By script, and among Latin words by function words and accents; a Chinese character weighs as much as a word.
    """
    han = len(_IS_HAN.findall(text))
    words = _WORD.findall(text.casefold())
    if not han and not words:
        return "other" if _IS_KANA.search(text) else ""
    if len(_IS_KANA.findall(text)) > 0.1 * (han + len(words)):
        return "other"
    share = han / (han + len(words))
    if share > 0.6:
        return "zh"
    if share > 0.1:
        return "mixed"
    return "en" if _reads_english(words) else "other"


def catalogue_language(texts: Iterable[str]) -> str:
    """Language of most of the texts; "mixed" when a twentieth is Chinese, or a fifth another language."""
    counts = Counter(language(text) for text in texts)
    del counts[""]
    total = counts.total()
    if not total:
        return ""
    if counts["zh"] >= 0.8 * total:
        return "zh"
    if counts["zh"] + counts["mixed"] >= 0.05 * total:
        return "mixed"
    if counts["other"] >= 0.8 * total:
        return "other"
    return "mixed" if counts["other"] >= 0.2 * total else "en"


def tokens(text: str) -> list[str]:
    """Tokens in reading order, repeats kept: casefolded, NFKC, accents folded.

    A word with joints gives itself, itself without them and its parts: "WH-1000XM4" → "wh-1000xm4", "wh1000xm4",
    "wh", "1000xm4"; a decimal stays whole. Chinese is segmented by jieba in search mode (long words and their parts).
    """
    found: list[str] = []
    for piece in _PIECE.findall(folded(text)):
        if _IS_HAN.match(piece):
            found += _segmenter().lcut_for_search(piece)
        elif _NUMBER.fullmatch(piece) or not _JOINT.search(piece):
            found.append(piece)
        else:
            found += _joined(piece)
    return found


def folded(text: str) -> str:
    """Casefolded, NFKC, accents folded: what two spellings of the same word have in common."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFKC", _MARKS.sub("", decomposed))


def product_text(product: Product) -> str:
    """Title and description, what an encoder of meaning reads."""
    if not product.text or product.title.startswith(product.text):
        return product.title
    if not product.title or product.text.startswith(product.title):
        return product.text
    joint = " " if product.title[-1] in ".!?。！？…" else ". "
    return f"{product.title}{joint}{product.text}"


def searchable(product: Product) -> str:
    """Every word that a shopper could type to find the product, one field a line; `other` is never searched."""
    fields = (
        product.title,
        product.brand,
        *product.category,
        *product.attributes.values(),
        *product.identifiers.values(),
        product.text,
    )
    return "\n".join(field for field in fields if field)


def _reads_english(words: list[str]) -> bool:
    latin = sum(word[0] < "\u0250" for word in words)
    if latin < 0.5 * len(words):
        return False
    english = sum(word in _ENGLISH for word in words)
    foreign = sum(2 if word in _FOREIGN else not word.isascii() for word in words)
    return foreign < 2 or foreign <= 2 * english


def _joined(piece: str) -> list[str]:
    parts = _JOINT.split(piece)
    whole = piece.replace("’", "'").replace("‐", "-").replace("‑", "-")
    kept = [part for part in parts if len(part) > 1 or part.isdigit()]
    return kept if "," in piece else [whole, "".join(parts), *kept]


@cache
def _segmenter() -> _Segmenter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's sources hold escapes that newer Pythons warn about
        import jieba
    jieba.setLogLevel("CRITICAL")  # a cache that can't be written is no error
    # Its own place for the cache is the shared /tmp, from where anyone's file would be unmarshalled.
    folder = Path(os.environ.get("SOSIE_CACHE") or Path.home() / ".cache" / "sosie")
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    segmenter = jieba.Tokenizer()
    segmenter.tmp_dir = str(folder)
    made: _Segmenter = segmenter
    return made
