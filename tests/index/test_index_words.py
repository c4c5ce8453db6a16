from pathlib import Path

import numpy as np
import pytest

from sosie.errors import StoreError
from sosie.index import words
from sosie.index.words import BEGINNING, BODY, TYPO, LaterWords, Postings, build_postings, document
from sosie.types import Product

DOCUMENTS = [
    (["red", "shoe"], ["red", "shoe", "leather"]),
    (["blue", "shoe"], ["blue", "shoe", "cotton"]),
    (["headphones", "wh-1000xm4"], ["headphones", "wh-1000xm4", "red"]),
    ([], []),
    (["红", "鞋"], ["红", "鞋", "皮"]),
]


@pytest.fixture
def postings(tmp_path: Path) -> Postings:
    build_postings(tmp_path, DOCUMENTS)
    return Postings.open(tmp_path)


def found(postings: Postings, asked: list[str]) -> np.ndarray:
    return postings.scores(postings.meant(asked))


def weight(frequency: int) -> float:
    return float(np.log1p(len(DOCUMENTS) / frequency))


def test_every_word_in_the_title_is_one(postings: Postings) -> None:
    assert np.allclose(found(postings, ["blue", "shoe"])[1], 1)
    assert np.allclose(found(postings, ["红", "鞋"]), [0, 0, 0, 0, 1])


def test_a_score_is_the_share_of_rare_words_weight(postings: Postings) -> None:
    red, shoe = weight(2), weight(2)
    scores = found(postings, ["red", "shoe"])
    assert np.allclose(scores, [1, shoe / (red + shoe), BODY * red / (red + shoe), 0, 0])


def test_words_said_twice_count_once(postings: Postings) -> None:
    assert np.array_equal(found(postings, ["red", "red", "shoe"]), found(postings, ["red", "shoe"]))


def test_unknown_words_weigh_and_find_nothing(postings: Postings) -> None:
    scores = found(postings, ["shoe", "zzzz"])
    assert np.allclose(scores[0], weight(2) / (weight(2) + np.log1p(len(DOCUMENTS))))
    assert not found(postings, ["zzzz"]).any()
    assert not found(postings, []).any()


@pytest.mark.parametrize(
    ("typed", "row", "counts"),
    [
        ("headphnes", 2, TYPO[1]),
        ("haedphones", 2, TYPO[1]),
        ("hedphons", 2, TYPO[2]),
        ("leathr", 0, TYPO[1] * BODY),
        ("wh-1000", 2, BEGINNING),
        ("wh-1000xn4", 2, TYPO[1]),
        ("wh-2000xm4", 2, 0),
        ("sho", 0, 0),
        ("1000", 2, 0),
    ],
)
def test_typos_and_beginnings(postings: Postings, typed: str, row: int, counts: float) -> None:
    assert found(postings, [typed])[row] == pytest.approx(counts)


def test_a_document_outside_is_scored_as_one_inside(postings: Postings) -> None:
    later = LaterWords()
    for one in DOCUMENTS:
        later.add(one)
    for asked in (["red", "shoe"], ["leathr", "cotton"], ["wh-1000", "zzzz"], ["红"]):
        inside = found(postings, asked)
        np.testing.assert_allclose(later.scores(postings.meant(asked), postings, len(DOCUMENTS)), inside, atol=1e-6)
        np.testing.assert_allclose(later.scores(postings.meant(asked), postings, 2), inside[:2], atol=1e-6)


def test_many_small_chunks_make_the_same_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    drawn = [[f"w{n}" for n in generator.zipf(1.5, 12) if n < 500] for _ in range(300)]
    documents = [(row[:3], row) for row in drawn]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    build_postings(tmp_path / "a", iter(documents))
    monkeypatch.setattr(words, "CHUNK", 16)
    build_postings(tmp_path / "b", iter(documents))
    a, b = Postings.open(tmp_path / "a"), Postings.open(tmp_path / "b")
    assert a.words == b.words
    assert np.array_equal(a.postings, b.postings)
    for at, word in enumerate(a.words):
        rows = a.postings[a.starts[at] : a.starts[at + 1]] >> 1
        assert rows.tolist() == [row for row, one in enumerate(drawn) if word in one]


def test_products_words() -> None:
    head, everything = document(
        Product("1", title="Red Shoe", brand="Acme", text="soft leather", identifiers={"mpn": "AB-12"})
    )
    assert {"red", "shoe", "acme", "ab-12"} <= set(head)
    assert "leather" not in head
    assert {"leather", "red"} <= set(everything)


def test_no_documents(tmp_path: Path) -> None:
    build_postings(tmp_path, [])
    assert found(Postings.open(tmp_path), ["red"]).shape == (0,)


@pytest.mark.parametrize("name", ["words.json", "words.txt", "words-starts.npy", "words-postings.npy"])
def test_damage_is_told(tmp_path: Path, name: str) -> None:
    build_postings(tmp_path, DOCUMENTS)
    whole = (tmp_path / name).read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(StoreError, match="build the store again"):
            Postings.open(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(StoreError, match="build the store again"):
        Postings.open(tmp_path)
