"""Learned encoders: what their networks are given, what is combined, and folders that are refused."""

import json
import shutil

import numpy as np
import pytest
from learned_folders import (
    MARKS,
    SIDE,
    SIZE,
    WORDS,
    drawn,
    picture_network,
    pictures_folder,
    product_network,
    products_folder,
    texts_folder,
)
from PIL import Image

from sosie.config import parse_config
from sosie.encoders import load_encoder, make_encoders
from sosie.encoders.colour import Colour
from sosie.encoders.learned import LearnedPictures
from sosie.encoders.learned_products import LearnedProducts
from sosie.encoders.price import Price
from sosie.encoders.sealed import PICKLED, seal
from sosie.errors import EncoderError
from sosie.types import Product, Query


def unit(vector):
    return vector / np.linalg.norm(vector)


def picture(file, seed):
    """A picture of random patches, as large as the network sees it: nothing is resized."""
    patches = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    Image.fromarray(patches.repeat(SIZE // SIDE, 0).repeat(SIZE // SIDE, 1)).save(file)
    return patches


def test_a_picture_goes_through_the_network_as_it_is(tmp_path):
    encoder = LearnedPictures(picture_network(tmp_path / "n.onnx"), 16, SIZE, "fp32")
    expected = []
    for at in range(3):
        patches = picture(tmp_path / f"{at}.png", at)
        expected.append(unit((patches.astype(np.float32).transpose(2, 0, 1).ravel() - 100) @ drawn(48, 16)))
    products = [Product(f"{at}", images=(str(tmp_path / f"{at}.png"),)) for at in range(3)]
    np.testing.assert_allclose(encoder.encode(products), expected, atol=1e-5)
    pooled = encoder.encode([Product("all", images=tuple(str(tmp_path / f"{at}.png") for at in range(3)))])[0]
    np.testing.assert_allclose(pooled, unit(expected[0] + 0.1 * (expected[1] + expected[2])), atol=1e-5)
    assert encoder.encode_query(Query(image=tmp_path / "1.png")) == pytest.approx(expected[1], abs=1e-5)


def test_a_picture_that_cannot_be_read_is_told_by_what_is_built_on_it(tmp_path):
    encoder = load_encoder(products_folder(tmp_path / "model"))
    assert not encoder.encode([Product("1", images=(str(tmp_path / "gone.png"),))]).any()
    assert list(encoder.problems) == [str(tmp_path / "gone.png")]


def test_a_text_is_its_words_between_the_marks(tmp_path):
    encoder = load_encoder(texts_folder(tmp_path / "model"))
    table = drawn(len(MARKS) + len(WORDS.split()), 16)
    table[: len(MARKS)] *= 0.01
    place = {word: len(MARKS) + at for at, word in enumerate(WORDS.split())}
    rows = [1, place["red"], 3, place["shoes"], 2]  # start, red, unknown, shoes, end
    found = encoder.embed(["red pretty shoes", "red pretty shoes"])
    np.testing.assert_allclose(found, [unit(table[rows].sum(0))] * 2, atol=5e-3)  # bf16 where the processor has it


def test_what_parts_say_is_combined_and_what_all_lack_stays_lacking(tmp_path):
    dims = {"image": 16, "text": 8}
    parts = {
        "text": load_encoder(texts_folder(tmp_path / "t", dim=8)),
        "image": load_encoder(pictures_folder(tmp_path / "p")),
    }
    encoder = LearnedProducts(parts, product_network(tmp_path / "n.onnx", dims), 16)
    look, words = drawn(4, 16, seed=5), drawn(4, 8, seed=6)
    look[2:], words[1], words[3] = 0, 0, 0
    found = encoder.combine({"text": words, "image": look})
    for row in range(3):
        expected = unit(look[row] @ drawn(16, 16) + words[row] @ drawn(8, 16, seed=1) + 0.01)
        np.testing.assert_allclose(found[row], expected, atol=1e-5)
    assert not found[3].any()
    assert encoder.combine({"text": words[:0], "image": look[:0]}).shape == (0, 16)


def test_a_question_fills_the_parts_it_speaks_to(tmp_path):
    encoder = load_encoder(products_folder(tmp_path / "model"))
    picture(tmp_path / "1.png", 1)
    both = Query(text="red shoes", image=tmp_path / "1.png")
    parts = {signal: part.encode_query(both)[None] for signal, part in encoder.parts.items()}
    np.testing.assert_array_equal(encoder.encode_query(both), encoder.combine(parts)[0])
    silent = {"text": parts["text"], "image": np.zeros_like(parts["image"])}
    np.testing.assert_array_equal(encoder.encode_query(Query(text="red shoes")), encoder.combine(silent)[0])
    assert encoder.encode_query(Query(like=("1",))) is None


def test_pictures_or_texts_as_the_only_part_give_their_name_to_the_signal(tmp_path):
    parts = {"text": load_encoder(texts_folder(tmp_path / "t"))}
    assert load_encoder(products_folder(tmp_path / "words", parts)).signal == "text"
    assert load_encoder(products_folder(tmp_path / "colours", {"colour": Colour()})).signal == "learned"
    assert load_encoder(products_folder(tmp_path / "two")).signal == "learned"


def test_the_order_of_parts_does_not_matter(tmp_path):
    parts = {"price": Price(), "colour": Colour()}
    network = product_network(tmp_path / "n.onnx", {signal: part.dim for signal, part in parts.items()})
    one, other = LearnedProducts(parts, network, 16), LearnedProducts(dict(reversed(parts.items())), network, 16)
    assert one.fingerprint == other.fingerprint
    product = Product("1", price=3.0, currency="EUR")
    assert one.content(product) == other.content(product) != ""


def test_another_network_is_another_encoder(tmp_path):
    assert (
        LearnedPictures(picture_network(tmp_path / "a.onnx"), 16, SIZE).fingerprint
        == LearnedPictures(picture_network(tmp_path / "b.onnx"), 16, SIZE).fingerprint
        != LearnedPictures(picture_network(tmp_path / "c.onnx", seed=1), 16, SIZE).fingerprint
    )


def test_a_network_with_other_inputs_is_named(tmp_path):
    network = product_network(tmp_path / "n.onnx", {"colour": Colour.dim})
    encoder = LearnedProducts({"price": Price()}, network, 16)
    with pytest.raises(EncoderError, match="takes colour; given were price"):
        encoder.combine({"price": drawn(2, Price().dim)})


@pytest.fixture
def model(tmp_path):
    """A folder with everything that training may leave beside the network."""
    folder = products_folder(tmp_path / "model")
    for name in ("weights.safetensors", "network.json", "recipe.json", "report.json", "README.md"):
        (folder / name).write_text(name)
    seal(folder)
    return folder


LISTED = ["network.onnx", "weights.safetensors", "recipe.json", "README.md", "parts/text/tokenizer.json"]


def test_every_file_is_listed(model, tmp_path):
    listed = json.loads((model / "encoder.json").read_text())["files"]
    here = {file.relative_to(model).as_posix() for file in model.rglob("*") if file.is_file()}
    assert set(listed) == here - {"encoder.json"}
    moved = shutil.copytree(model, tmp_path / "elsewhere")
    assert load_encoder(moved).fingerprint == load_encoder(model).fingerprint


@pytest.mark.parametrize("name", LISTED)
def test_a_changed_file_is_refused(model, name):
    content = bytearray((model / name).read_bytes())
    content[-1] ^= 1
    (model / name).write_bytes(content)
    with pytest.raises(EncoderError, match=f"{name}: was changed"):
        load_encoder(model)


@pytest.mark.parametrize("name", LISTED)
def test_a_missing_file_is_named(model, name):
    (model / name).unlink()
    with pytest.raises(EncoderError, match=f"{name}: is missing"):
        load_encoder(model)


@pytest.mark.parametrize("change", [{"dim": 8}, {"files": {}}, {"files": None}, {"seal": ""}, {"parts": ["text"]}])
def test_changed_settings_are_refused(model, change):
    values = json.loads((model / "encoder.json").read_text())
    (model / "encoder.json").write_text(json.dumps(values | change))
    with pytest.raises(EncoderError, match=r"encoder\.json: was changed"):
        load_encoder(model)


@pytest.mark.parametrize("suffix", [*PICKLED, ".PT"])
def test_a_pickle_is_refused_wherever_it_lies(model, suffix):
    file = model / "parts" / "image" / f"weights{suffix}"
    file.write_bytes(b"")
    for way in (load_encoder, seal):
        with pytest.raises(EncoderError, match=f"weights{suffix}: may be a pickle"):
            way(model)


def test_the_copy_of_a_model_stays_when_the_model_changes(model, tmp_path):
    load_encoder(model).save(tmp_path / "frozen")
    (model / "network.onnx").write_bytes(b"retrained in place")
    frozen = load_encoder(tmp_path / "frozen")
    assert frozen.encode_query(Query(text="red shoes")).any()


def opened(named, signal, home):
    config = parse_config({"signals": {signal: {"encoder": str(named)}}}, "test")
    return make_encoders(config, "en", [signal], home)[signal]


def test_a_folder_is_looked_for_in_the_store_then_here(tmp_path, monkeypatch):
    store, here = tmp_path / "store", tmp_path / "here"
    monkeypatch.chdir(tmp_path)
    in_store, is_here = (pictures_folder(place / "models/look", seed=at) for at, place in enumerate((store, here)))
    monkeypatch.chdir(here)
    keys = [load_encoder(folder).fingerprint for folder in (in_store, is_here)]
    assert opened("models/look", "image", store).fingerprint == keys[0]
    assert opened("models/look", "image", tmp_path / "other").fingerprint == keys[1]
    assert opened(is_here, "image", store).fingerprint == keys[1]


def test_a_folder_that_is_not_there_or_of_another_signal_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        EncoderError, match=r"neither 'efficientnet-lite0' nor .*store.efficientnet/.* and .*"
    ) as caught:
        opened("efficientnet", "image", tmp_path / "store")
    assert str(tmp_path / "efficientnet") in str(caught.value)
    with pytest.raises(EncoderError, match=r"'model' is not the folder"):
        opened("model", "learned", tmp_path)
    look = pictures_folder(tmp_path / "look")
    with pytest.raises(EncoderError, match=r"encodes the signal 'image', not 'text'; .*signals\.image\.encoder"):
        opened(look, "text", tmp_path)


def test_reviews_are_not_read_by_what_was_trained_on_titles(tmp_path):
    config = parse_config({"signals": {"text": {"encoder": str(texts_folder(tmp_path / "model"))}}}, "test")
    made = make_encoders(config, "en", ["text", "reviews"])
    assert made["text"].name == "learned-texts"
    assert made["reviews"].fingerprint == make_encoders(parse_config({}, ""), "en", ["reviews"])["reviews"].fingerprint
