"""One suite over every encoder: what `sosie.types.Encoder` promises."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from brought_models import keras_pictures, onnx_pictures, onnx_texts, sentence_folder
from learned_folders import pictures_folder, products_folder, recipes_folder, texts_folder
from PIL import Image, ImageDraw

from sosie.config import Config, parse_config
from sosie.encoders import load_encoder, make_encoders
from sosie.encoders.brought import Wanted, bring
from sosie.encoders.colour import Colour
from sosie.encoders.function import function_encoder
from sosie.encoders.learned import LearnedPictures, LearnedTexts
from sosie.errors import EncoderError
from sosie.types import Encoder, Product, Query, Review

Change = Callable[[Product], Product]

ENGLISH = [
    ("Red running shoes", "Light shoes for long distances, with a soft sole.", "Shoes > Running", "Acme", "red"),
    ("Blue running shoes", "Light shoes for short distances.", "Shoes > Running", "Acme", "blue"),
    ("Leather boots", "Warm boots for the winter.", "Shoes > Boots", "Bolt", "brown"),
    ("Cotton shirt", "A shirt for every day, WH-1000XM4.", "Clothes > Shirts", "Bolt", "white"),
    ("Silk scarf", "Soft and warm.", "Clothes > Scarves", "Cord", "red|white"),
]
CHINESE = ["女士红色跑步鞋", "女士蓝色跑步鞋", "冬季保暖皮靴", "纯棉衬衫", "真丝围巾"]


def _products() -> list[Product]:
    return [
        Product(
            f"p{row}",
            title=title,
            text=text,
            category=(category,),
            brand=brand,
            price=10.0 * (row + 1),
            currency="EUR",
            attributes={"colour": colour, "season": "summer"},
            reviews=(Review(f"I like the {title.lower()}", 4.0), Review("Great!")),
        )
        for row, (title, text, category, brand, colour) in enumerate(ENGLISH)
    ]


PICTURES = tempfile.TemporaryDirectory(prefix="sosie-")
LEARNED = Path(PICTURES.name) / "learned"
BROUGHT = Path(PICTURES.name) / "brought"
COLOURS = ("red", "blue", "brown", "white", "green")


def _pictured() -> list[Product]:
    """The products with two small pictures each: a shape on its background, and the plain colour."""
    folder = Path(PICTURES.name)
    products = []
    for row, (product, colour) in enumerate(zip(_products(), COLOURS, strict=True)):
        shape, patch = folder / f"{colour}-shape.png", folder / f"{colour}-patch.png"
        if not patch.exists():
            picture = Image.new("RGB", (64, 64), "white" if colour != "white" else "black")
            ImageDraw.Draw(picture).regular_polygon((32, 32, 24), row + 3, fill=colour)
            picture.save(shape)
            Image.new("RGB", (48, 64), colour).save(patch)
        products.append(replace(product, images=(str(shape), str(patch))))
    return products


def _chinese() -> list[Product]:
    return [
        replace(product, title=title, text="", reviews=(Review(f"{title}很好"),))
        for product, title in zip(_products(), CHINESE, strict=True)
    ]


# What of a product each encoder reads, and what it must not.
READS: dict[str, Change] = {
    "image": lambda product: replace(product, images=product.images[1:]),
    "colour": lambda product: replace(product, images=product.images[1:]),
    "patches": lambda product: replace(product, images=product.images[1:]),
    "text": lambda product: replace(product, title=product.title + " two"),
    "words": lambda product: replace(product, text=product.text + " two"),
    "price": lambda product: replace(product, price=99.0),
    "category": lambda product: replace(product, category=("Toys > Cars",)),
    "attributes": lambda product: replace(product, brand="Other"),
    "reviews": lambda product: replace(product, reviews=(*product.reviews, Review("Too small"))),
    "learned": lambda product: replace(product, title=product.title + " two"),
}
IGNORES: Change = lambda product: replace(  # noqa: E731
    product, id="other", url="https://example.org", stock=3.0, other={"split": "test"}, rating=1.0, group="g"
)
LACKING = Product("nothing")


def _colours(pixels: np.ndarray) -> np.ndarray:
    """Mean colours of quarters."""
    return pixels.reshape(len(pixels), 2, 8, 2, 8, 3).mean((2, 4)).reshape(len(pixels), 12) - 100


def _words(texts: list[str]) -> np.ndarray:
    """How often words come, by the rest of a number of theirs."""
    words = [[crc32(word.encode("utf-8", "replace")) % 64 for word in text.lower().split()] for text in texts]
    return np.array([np.bincount(numbers, minlength=64) for numbers in words])


# id -> settings of the signal, language, catalogue
CASES: dict[str, tuple[str, dict[str, object], str, Callable[[], list[Product]]]] = {
    "image": ("image", {"image": {"size": 64}}, "en", _pictured),
    "colour": ("colour", {}, "en", _pictured),
    "patches": ("patches", {}, "en", _pictured),
    "minilm": ("text", {"text": {"encoder": "minilm"}}, "en", _products),
    "multilingual": ("text", {"text": {"encoder": "multilingual"}}, "zh", _chinese),
    "tfidf": ("words", {"words": {"encoder": "tfidf"}}, "en", _products),
    "tfidf-chinese": ("words", {"words": {"encoder": "tfidf", "dim": 64}}, "zh", _chinese),
    "word2vec": ("words", {"words": {"encoder": "word2vec", "dim": 16}}, "en", _products),
    "price": ("price", {}, "en", _products),
    "price-rates": ("price", {"price": {"rates": {"EUR": 1.1, "USD": 1.0}}}, "en", _products),
    "category": ("category", {}, "en", _products),
    "attributes": ("attributes", {}, "en", _products),
    "reviews": ("reviews", {}, "en", _products),
    "reviews-chinese": ("reviews", {}, "zh", _chinese),
    "learned-pictures": ("image", {"image": {"encoder": str(LEARNED / "pictures")}}, "en", _pictured),
    "learned-texts": ("text", {"text": {"encoder": str(LEARNED / "texts")}}, "en", _products),
    "text-cnn": ("text", {"text": {"encoder": str(LEARNED / "text-cnn")}}, "en", _products),
    "gru-chinese": ("text", {"text": {"encoder": str(LEARNED / "gru")}}, "zh", _chinese),
    "learned-products": ("learned", {"learned": {"encoder": str(LEARNED / "products")}}, "en", _pictured),
    "learned-one-part": ("image", {"image": {"encoder": str(LEARNED / "one-part")}}, "en", _pictured),
    "brought-onnx-pictures": ("image", {"image": {"encoder": str(BROUGHT / "onnx-pictures")}}, "en", _pictured),
    "brought-onnx-texts": ("text", {"text": {"encoder": str(BROUGHT / "onnx-texts")}}, "en", _products),
    "brought-keras": ("image", {"image": {"encoder": str(BROUGHT / "keras")}}, "en", _pictured),
    "brought-sentences": ("text", {"text": {"encoder": str(BROUGHT / "sentences")}}, "en", _products),
    "function-pictures": ("image", {}, "en", _pictured),
    "function-texts": ("text", {}, "en", _products),
}
FUNCTIONS: dict[str, Callable[[str], Encoder]] = {  # by version, which is all that is known of one
    "function-pictures": lambda version: function_encoder("image", 12, _colours, "colours", version, size=16),
    "function-texts": lambda version: function_encoder("text", 64, _words, "words", version),
}
KEPT = sorted(set(CASES) - set(FUNCTIONS))  # what a store can hold
FITTED = {"patches", "tfidf", "tfidf-chinese", "word2vec", "price", "price-rates", "category", "attributes"}
OTHERS: dict[str, dict[str, object]] = {  # other settings of the same signal
    "image": {"image": {"size": 96}},
    "minilm": {"text": {"encoder": "multilingual"}},
    "multilingual": {"text": {"encoder": "minilm"}},
    "tfidf": {"words": {"encoder": "tfidf", "dim": 32}},
    "word2vec": {"words": {"encoder": "word2vec", "dim": 32}},
    "price": {"price": {"rates": {"EUR": 2.0}}},
    "price-rates": {"price": {"rates": {"EUR": 2.0}}},
    "reviews": {"text": {"encoder": "multilingual"}},
    "learned-pictures": {"image": {"encoder": str(LEARNED / "pictures-other")}},
    "learned-texts": {"text": {"encoder": str(LEARNED / "texts-other")}},
    "text-cnn": {"text": {"encoder": str(LEARNED / "gru")}},
    "gru-chinese": {"text": {"encoder": str(LEARNED / "text-cnn")}},
    "learned-products": {"learned": {"encoder": str(LEARNED / "products-other")}},
    "learned-one-part": {"image": {"encoder": str(LEARNED / "pictures")}},
    "brought-keras": {"image": {"encoder": str(BROUGHT / "onnx-pictures")}},
    "brought-sentences": {"text": {"encoder": str(BROUGHT / "onnx-texts")}},
    "function-pictures": {"image": {"encoder": "another"}},
    "function-texts": {"text": {"encoder": "another"}},
}

every = pytest.mark.parametrize("case", CASES)


def _make(case: str, settings: dict[str, object] | None = None) -> Encoder:
    if case in FUNCTIONS:
        return FUNCTIONS[case]("1" if settings is None else "2")
    signal, own, language, _ = CASES[case]
    config = parse_config({"signals": own if settings is None else settings}, "test")
    return make_encoders(config, language, [signal])[signal]


@pytest.fixture(scope="module", autouse=True)
def _learned() -> None:
    """The folders that the settings of learned and of brought encoders name."""
    pictures = LearnedPictures.load(pictures_folder(LEARNED / "pictures"))
    pictures_folder(LEARNED / "pictures-other", seed=1)
    texts = LearnedTexts.load(texts_folder(LEARNED / "texts"))
    texts_folder(LEARNED / "texts-other", dim=8)
    recipes_folder(LEARNED / "text-cnn", "text-cnn", [text for one in ENGLISH for text in one[:2]])
    recipes_folder(LEARNED / "gru", "gru", CHINESE)
    products_folder(LEARNED / "products", {"image": pictures, "colour": Colour(), "text": texts}, dim=128)
    products_folder(LEARNED / "products-other", {"image": pictures, "text": texts})
    products_folder(LEARNED / "one-part", {"image": pictures}, dim=8)
    made = BROUGHT / "made"
    bring(onnx_pictures(made / "p.onnx"), "image", BROUGHT / "onnx-pictures", Wanted(pixels="-1..1"))
    bring(onnx_texts(made / "texts"), "text", BROUGHT / "onnx-texts")
    bring(sentence_folder(made / "sentences", dense=False), "text", BROUGHT / "sentences")
    keras_pictures(made / "model.keras")
    bring(made / "model.keras", "image", BROUGHT / "keras")


@pytest.fixture(scope="module")
def fitted() -> Callable[[str], tuple[Encoder, list[Product]]]:
    made: dict[str, tuple[Encoder, list[Product]]] = {}

    def get(case: str) -> tuple[Encoder, list[Product]]:
        if case not in made:
            products = CASES[case][3]()
            encoder = _make(case)
            encoder.fit(iter(products))
            made[case] = encoder, products
        return made[case]

    return get


Fitted = Callable[[str], tuple[Encoder, list[Product]]]


@every
def test_rows_are_float32_of_unit_length_in_order(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    matrix = encoder.encode(products)
    assert encoder.signal == CASES[case][0]
    assert matrix.shape == (len(products), encoder.dim)
    assert matrix.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(products[::-1]), matrix[::-1], atol=1e-2)
    assert not np.allclose(matrix[0], matrix[4], atol=1e-2)


@every
def test_no_products_give_no_rows(case: str, fitted: Fitted) -> None:
    encoder, _ = fitted(case)
    assert encoder.encode([]).shape == (0, encoder.dim)


@every
def test_a_product_without_the_signal_gets_zeros_and_no_content(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    matrix = encoder.encode([products[0], LACKING, products[1]])
    assert encoder.content(LACKING) == ""
    assert not matrix[1].any()
    assert matrix[0].any()
    assert matrix[2].any()


@every
def test_the_answer_is_the_same_alone_and_in_a_batch(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    together = encoder.encode([*products, LACKING])
    alone = np.concatenate([encoder.encode([product]) for product in products])
    assert np.einsum("ij,ij->i", together[:-1], alone).min() >= 0.9999


@pytest.mark.parametrize("case", KEPT)
def test_what_was_saved_answers_the_same(case: str, fitted: Fitted, tmp_path: Path) -> None:
    encoder, products = fitted(case)
    encoder.save(tmp_path)
    again = load_encoder(tmp_path)
    assert type(again) is type(encoder)
    assert (again.signal, again.dim, again.fingerprint) == (encoder.signal, encoder.dim, encoder.fingerprint)
    np.testing.assert_array_equal(again.encode(products), encoder.encode(products))
    assert again.content(products[0]) == encoder.content(products[0])
    assert not [file for file in tmp_path.rglob("*") if file.suffix in (".pkl", ".pickle", ".pt")]


@every
def test_the_fingerprint_is_that_of_an_equal_encoder(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    twin = _make(case)
    twin.fit(iter(products))
    assert twin.fingerprint == encoder.fingerprint
    np.testing.assert_array_equal(twin.encode(products), encoder.encode(products))


@pytest.mark.parametrize("case", OTHERS)
def test_the_fingerprint_changes_with_the_settings(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    other = _make(case, OTHERS[case])
    other.fit(iter(products))
    assert other.fingerprint != encoder.fingerprint


@pytest.mark.parametrize("case", sorted(FITTED))
def test_the_fingerprint_changes_with_what_was_learnt(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    other = _make(case)
    other.fit(iter(products[:3]))
    assert other.fingerprint != encoder.fingerprint


@pytest.mark.parametrize("case", sorted(set(CASES) - FITTED))
def test_pretrained_encoders_learn_nothing(case: str, fitted: Fitted) -> None:
    encoder, _ = fitted(case)
    assert _make(case).fingerprint == encoder.fingerprint


@every
def test_content_changes_with_what_is_read_and_with_nothing_else(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    content = encoder.content(products[0])
    assert 0 < len(content) < 200
    assert encoder.content(READS[encoder.signal](products[0])) != content
    assert encoder.content(IGNORES(products[0])) == content
    np.testing.assert_array_equal(encoder.encode([IGNORES(products[0])]), encoder.encode([products[0]]))


@every
def test_a_catalogue_of_one_product(case: str) -> None:
    product = CASES[case][3]()[0]
    encoder = _make(case)
    encoder.fit(iter([product]))
    matrix = encoder.encode([product, product])
    np.testing.assert_allclose(matrix[0] @ matrix[1], 1, atol=1e-5)


@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("products", [[], [LACKING]], ids=["none", "nothing in it"])
def test_a_catalogue_of_nothing(case: str, products: list[Product], tmp_path: Path) -> None:
    encoder = _make(case)
    encoder.fit(iter(products))
    later = CASES[case][3]()[0]
    before = encoder.encode([LACKING, later])
    encoder.save(tmp_path)
    np.testing.assert_array_equal(load_encoder(tmp_path).encode([LACKING, later]), before)
    assert not before[0].any()
    assert np.isfinite(before).all()


@every
def test_words_of_a_question_are_answered_by_the_signals_of_text(case: str, fitted: Fitted) -> None:
    encoder, products = fitted(case)
    vector = encoder.encode_query(Query(text=products[0].title))
    assert encoder.encode_query(Query()) is None
    if encoder.signal not in ("text", "words", "learned"):
        assert vector is None
        return
    assert vector is not None
    assert vector.shape == (encoder.dim,)
    np.testing.assert_allclose(np.linalg.norm(vector), 1, atol=1e-5)
    assert np.argmax(encoder.encode(products) @ vector) == 0


@every
@pytest.mark.parametrize("hostile", ["\ud800", "shoe \ud800", "\u200b", "\x00", "🙂🙂", "a" * 30_000, "鞋" * 9_000])
def test_hostile_texts_are_encoded_or_missing(case: str, hostile: str, fitted: Fitted) -> None:
    encoder, _ = fitted(case)
    product = Product(
        "1", hostile, category=(hostile,), brand=hostile, price=1.0, currency=hostile, reviews=(Review(hostile),)
    )
    lengths = np.linalg.norm(encoder.encode([product]), axis=1)
    assert np.isclose(lengths, 1, atol=1e-5) or lengths == 0
    encoder.content(product)
    encoder.encode_query(Query(text=hostile))


@pytest.mark.parametrize(
    ("language", "name"), [("en", "minilm"), ("", "minilm"), *((x, "multilingual") for x in ("zh", "mixed", "other"))]
)
def test_the_catalogues_language_chooses_the_encoder_of_texts(language: str, name: str) -> None:
    made = make_encoders(Config(), language, ["text", "reviews"])
    assert made["text"].fingerprint.startswith(name)
    assert list(made) == ["text", "reviews"]


def test_an_unknown_signal_is_named() -> None:
    with pytest.raises(EncoderError, match="'smell'"):
        make_encoders(Config(), "en", ["smell"])


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"encoder\.json"):
        load_encoder(tmp_path)
    (tmp_path / "encoder.json").write_text('{"encoder": "unheard-of"}')
    with pytest.raises(EncoderError, match="unheard-of"):
        load_encoder(tmp_path)
    (tmp_path / "encoder.json").write_text("{")
    with pytest.raises(EncoderError, match="damaged"):
        load_encoder(tmp_path)
