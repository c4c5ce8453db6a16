"""Both languages say the same things, and the reader's language is found."""

import re

import pytest

from sosie.pages.reasons import ASPECTS, PHRASES, Reason
from sosie.pages.signals import GLOSSES
from sosie.web.page.words import LANGUAGES, words_for, words_of

NAMES = re.compile(r"{(\w+)}")


def test_every_language_has_every_sentence_with_the_same_names():
    english = words_of("en").sentences
    for code in LANGUAGES:
        others = words_of(code).sentences
        assert others.keys() == english.keys()
        assert {key: set(NAMES.findall(text)) for key, text in others.items()} == {
            key: set(NAMES.findall(text)) for key, text in english.items()
        }
        assert all(text.strip() for text in others.values())


def test_reasons_and_signals_have_words():
    words = words_of("zh")
    assert {f"reason.{kind}" for kind in PHRASES} <= words.sentences.keys()
    assert {f"aspect.{name}" for name in ASPECTS} <= words.sentences.keys()
    assert {f"signal.{name}" for name in GLOSSES} <= words.sentences.keys()


@pytest.mark.parametrize(
    ("asked", "accepted", "code"),
    [
        ("", "", "en"),
        ("zh", "en", "zh"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "en-GB,zh;q=0.2", "en"),
        ("", "zh;q=0.2,en;q=0.7", "en"),
        ("", "de, fr;q=0.8, zh;q=0.1", "zh"),
        ("", "zh;q=0", "en"),
        ("", "zh;q=much", "en"),
        ("../../secret", "fr", "en"),
    ],
)
def test_the_language_of_the_reader(asked, accepted, code):
    assert words_for(asked, accepted).code == code


def test_a_language_that_the_address_names_is_kept_in_links():
    assert words_for("zh", "").asked == "zh"
    assert words_for("", "zh").asked == ""


def test_reasons_in_both_languages():
    reasons = [Reason("same_category"), Reason("both_in", ("image",)), Reason("very_alike", ("image", "text", "own"))]
    assert words_of("en").why(reasons) == "same category, both in image, very alike in look, description and own"
    assert words_of("zh").why(reasons) == "同一类别、同属image、外观、描述和own非常相似"


def test_chances_are_never_certain():
    assert [words_of(code).likely(1.0) for code in LANGUAGES] == ["99 of 100", "99/100"]
    assert words_of("en").likely(0.8) == "8 of 10"
