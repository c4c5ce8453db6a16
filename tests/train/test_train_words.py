import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosie.train.words import drop_words, mask_spans, shuffle_attributes

TITLE = "Blue cotton shirt with long sleeves and a button-down collar for men"
WAYS: dict[str, Callable[[list[str], np.random.Generator], list[str]]] = {
    "drop": lambda texts, generator: drop_words(texts, 0.3, generator),
    "shuffle": lambda texts, generator: shuffle_attributes([text.split(",") for text in texts], 0.3, generator),
    "mask": lambda texts, generator: mask_spans(texts, 0.3, generator),
}
anything = st.text(st.sampled_from("ab c\t红裙子のé,."), max_size=40)


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([seed, 7])


def test_dropping_keeps_order_and_about_the_share() -> None:
    words = TITLE.split()
    left = [text.split() for text in drop_words([TITLE] * 500, 0.25, seeded())]
    for one in left:
        rest = iter(words)
        assert all(word in rest for word in one)  # a subsequence
    assert np.mean([len(one) for one in left]) == pytest.approx(0.75 * len(words), rel=0.03)
    assert drop_words([TITLE], 0.0, seeded()) == [TITLE]


def test_one_word_is_left_of_a_text_whatever_is_dropped() -> None:
    left = drop_words([TITLE] * 200, 1.0, seeded())
    assert {len(text.split()) for text in left} == {1}
    assert set(left) == set(TITLE.split())
    assert drop_words(["", "  "], 1.0, seeded()) == ["", ""]


def test_chinese_is_dropped_by_characters_and_words_beside_it_stay_whole() -> None:
    left = drop_words(["红色连衣裙 iPhone 手机壳"] * 300, 0.5, seeded())
    assert len(set(left)) > 100
    assert all(re.fullmatch("红?色?连?衣?裙? ?(iPhone ?)?手?机?壳?", text) for text in left)


def test_attributes_change_places_and_the_title_stays_first() -> None:
    parts = ["Shirt", "colour: blue", "", "cut: slim!", "size: M"]
    orders = set(shuffle_attributes([parts] * 300, 0.0, seeded()))
    assert len(orders) == 6
    assert "Shirt. size: M. colour: blue. cut: slim!" in orders
    assert "Shirt. cut: slim! size: M. colour: blue" in orders
    fewer = [text.count(":") for text in shuffle_attributes([parts] * 900, 0.5, seeded())]
    assert np.mean(fewer) == pytest.approx(1.5, abs=0.1)
    assert shuffle_attributes([["Shirt"], [], [""]], 1.0, seeded()) == ["Shirt", "", ""]


def test_spans_hide_the_share_and_leave_the_rest_in_place() -> None:
    words = [f"w{at}" for at in range(20)]
    seen = set()
    for text in mask_spans([" ".join(words)] * 400, 0.3, seeded()):
        pattern = "".join("(?: (.+))?" if part == "[MASK]" else f" {part}" for part in text.split())
        assert re.fullmatch(pattern, " " + " ".join(words)), text
        kept = [word for word in text.split() if word != "[MASK]"]
        assert len(kept) == 14
        assert text.split().count("[MASK]") == 2
        assert "[MASK] [MASK]" not in text
        seen.update(set(words) - set(kept))
    assert seen == set(words)


def test_a_text_too_short_to_hide_anything_stays() -> None:
    assert mask_spans(["lamp", "", " "], 0.5, seeded()) == ["lamp", "", ""]
    assert mask_spans([TITLE], 0.0, seeded()) == [TITLE]
    assert set(mask_spans(["red lamp"] * 50, 0.9, seeded(), "_")) == {"_ lamp", "red _"}


@pytest.mark.parametrize("way", WAYS)
@given(texts=st.lists(anything, max_size=6), cut=st.integers(0, 6))
def test_a_batch_in_parts_gives_the_same_texts(way: str, texts: list[str], cut: int) -> None:
    whole = WAYS[way](texts, seeded(3))
    generator = seeded(3)
    assert WAYS[way](texts[:cut], generator) + WAYS[way](texts[cut:], generator) == whole
    for text, out in zip(texts, whole, strict=True):
        assert bool(out) == bool(text.strip()) or way == "shuffle"
        assert set(out) <= set(text) | set(" .[MASK]")
