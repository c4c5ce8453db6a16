"""Models made elsewhere: the encoder says what the model says, in whatever form it wants its input."""

import json

import numpy as np
import onnxruntime
import pytest
from brought_models import DIM, SIZE, keras_pictures, onnx_pictures, onnx_texts, sentence_folder, vit
from learned_folders import WORDS, drawn
from PIL import Image

from sosie.encoders import load_encoder
from sosie.encoders.brought import Wanted, bring
from sosie.encoders.brought.pixels import LUMA, RANGES
from sosie.encoders.brought.texts import read_text_folder
from sosie.errors import EncoderError
from sosie.types import Product


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOSIE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Products with one picture each, of the size that the networks see, and their pixels."""
    folder = tmp_path_factory.mktemp("shop")
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    for at, one in enumerate(pixels):
        Image.fromarray(one).save(folder / f"{at}.png")
    return [Product(f"{at}", images=(str(folder / f"{at}.png"),)) for at in range(4)], pixels


def units(matrix):
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def as_wanted(pixels, layout, pixel_range, channels=3):
    """What a network is to be given, in plain numpy."""
    values = pixels.astype(np.float64)
    if channels == 1:
        values = (values @ np.array(LUMA))[..., None]
    mean, std = (np.array(part) for part in pixel_range)
    values = (values / 255 - mean) / std
    return values.transpose(0, 3, 1, 2) if layout == "nchw" else values


def answer(file, given):
    session = onnxruntime.InferenceSession(str(file))
    kind = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
    entry = session.get_inputs()[0]
    return session.run(None, {entry.name: given.astype(kind[entry.type])})[0]


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("kind", ["float", "float16"])
@pytest.mark.parametrize("pixels", ["0..1", "-1..1", "imagenet", "0.1,0.2,0.3/0.4,0.5,0.6"])
def test_an_onnx_file_gets_pictures_as_it_wants_them(tmp_path, shop, layout, kind, pixels):
    products, seen = shop
    file = onnx_pictures(tmp_path / "model.onnx", layout, kind)
    brought = bring(file, "image", tmp_path / "folder", Wanted(pixels=pixels))
    assert (brought.dim, brought.signal, brought.kind) == (DIM, "image", "ONNX")
    assert brought.reads == f"{SIZE} x {SIZE} RGB, {layout}, pixels {pixels}"
    numbers = RANGES.get(pixels, ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)))
    expected = units(answer(file, as_wanted(seen, layout, numbers)))
    found = load_encoder(tmp_path / "folder").encode(products)
    np.testing.assert_allclose(found, expected, atol=1e-5 if kind == "float" else 5e-3)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_bytes_are_handed_over_as_they_are(tmp_path, shop, layout):
    products, seen = shop
    file = onnx_pictures(tmp_path / "model.onnx", layout, "uint8")
    bring(file, "image", tmp_path / "folder")
    expected = units(answer(file, seen.transpose(0, 3, 1, 2) if layout == "nchw" else seen))
    np.testing.assert_allclose(load_encoder(tmp_path / "folder").encode(products), expected, atol=1e-5)
    with pytest.raises(EncoderError, match="takes bytes"):
        bring(file, "image", tmp_path / "other", Wanted(pixels="imagenet"))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_grey_is_what_eyes_see_of_the_colours(tmp_path, shop, layout):
    products, seen = shop
    file = onnx_pictures(tmp_path / "model.onnx", layout, channels=1)
    brought = bring(file, "image", tmp_path / "folder", Wanted(pixels="0..1"))
    assert "grey" in brought.reads
    expected = units(answer(file, as_wanted(seen, layout, ((0,), (1,)), channels=1)))
    np.testing.assert_allclose(load_encoder(tmp_path / "folder").encode(products), expected, atol=1e-5)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_maps_are_averaged(tmp_path, shop, layout):
    products, seen = shop
    bring(onnx_pictures(tmp_path / "model.onnx", layout, maps=True), "image", tmp_path / "a", Wanted(pixels="0..1"))
    expected = units((seen / 255.0).mean((1, 2)) @ drawn(3, DIM))
    np.testing.assert_allclose(load_encoder(tmp_path / "a").encode(products), expected, atol=1e-5)


def test_what_the_file_says_of_itself_is_used_and_overruled(tmp_path):
    any_size = ["n", "a", "b", "c"]
    notes = {"layout": "nhwc", "size": str(SIZE), "pixels": "clip", "layer": "vectors"}
    file = onnx_pictures(tmp_path / "model.onnx", "nhwc", shape=any_size, notes=notes, softmax=True)
    brought = bring(file, "image", tmp_path / "a")
    assert brought.reads == f"{SIZE} x {SIZE} RGB, nhwc, pixels clip"
    assert brought.remarks == ()
    assert "pixels 0..1" in bring(file, "image", tmp_path / "b", Wanted(pixels="0..1")).reads
    (shares,) = bring(file, "image", tmp_path / "c", Wanted(layer="shares")).remarks
    assert "'shares' gives shares of classes" in shares


def test_what_lies_beside_a_file_is_used(tmp_path):
    vit(tmp_path)  # writes how its library prepares pictures
    file = onnx_pictures(tmp_path / "onnx" / "model.onnx", shape=["n", 3, "h", "w"])
    reads = bring(file, "image", tmp_path / "folder").reads
    assert reads == f"{SIZE} x {SIZE} RGB, nchw, pixels 0.5,0.4,0.3/0.2,0.3,0.4"


@pytest.mark.parametrize(
    ("made", "wanted", "told"),
    [
        ({}, {}, "--pixels"),
        ({}, {"pixels": "0..2"}, "none of 0..255"),
        ({}, {"pixels": "0.5/0.5"}, "3 numbers, a slash"),
        ({}, {"pixels": "0,0,0/1,1,0"}, "3 positive ones"),
        ({}, {"pixels": "0..1", "layout": "nhwc"}, "with layout nhwc no axis has 3 colours"),
        ({}, {"pixels": "0..1", "layout": "hwc"}, "'hwc' is no layout"),
        ({}, {"pixels": "0..1", "size": 32}, "squares of 32"),
        ({}, {"pixels": "0..1", "layer": "gone"}, "nothing in it is named 'gone'"),
        ({"shape": ["n", 3, SIZE, 2 * SIZE]}, {"pixels": "0..1"}, "sosie gives squares"),
        ({"shape": ["n", "a", "b", "c"]}, {"pixels": "0..1", "size": SIZE}, "--layout"),
        ({"shape": ["n", 3, "b", "c"]}, {"pixels": "0..1"}, "--size"),
        ({"shape": ["n", 3, SIZE, 3]}, {"pixels": "0..1"}, "--layout|squares"),
        ({"shape": ["n", "a", "b", "c"]}, {"pixels": "0..1", "size": SIZE, "layout": "nhwc"}, "Layout or size may be"),
        ({"shape": ["n", 3, SIZE]}, {"pixels": "0..1"}, "four axes"),
        ({"shape": ["n", 5, SIZE, SIZE]}, {"pixels": "0..1"}, "no axis has 3 colours"),
        ({"weight": np.zeros((12, DIM))}, {"pixels": "0..1"}, "the same of different"),
        ({"weight": np.full((12, DIM), np.nan)}, {"pixels": "0..1"}, "not finite"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, made, wanted, told):
    file = onnx_pictures(tmp_path / "model.onnx", **made)
    with pytest.raises(EncoderError, match=told):
        bring(file, "image", tmp_path / "folder", Wanted(**wanted))
    assert not (tmp_path / "folder").exists()


def test_what_is_no_model_is_told(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no network")
    (tmp_path / "weights.pt").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for name, told in {
        "model.onnx": "can't be read as an ONNX file",
        "weights.pt": "may run a program",
        "empty": "looked for modules.json",
        "gone": "is not there",
    }.items():
        with pytest.raises(EncoderError, match=told):
            bring(tmp_path / name, "image", tmp_path / "folder")
    with pytest.raises(EncoderError, match="not for 'price'"):
        bring(tmp_path / "model.onnx", "price", tmp_path / "folder")
    with pytest.raises(EncoderError, match="is there already"):
        bring(tmp_path / "model.onnx", "image", tmp_path / "empty")


TEXTS = ["red running shoes", "blue boots", "purple candlestick", "green leather lamp brown mug"]


@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("kind", ["int64", "int32"])
def test_an_onnx_file_of_texts(tmp_path, states, kind):
    file = onnx_texts(tmp_path / "theirs", states, kind=kind)
    brought = bring(file, "text", tmp_path / "folder")
    assert ("averaged" in brought.reads) == states
    table = drawn(4 + len(WORDS.split()), DIM)
    table[:4] *= 0.01
    place = {word: 4 + at for at, word in enumerate(WORDS.split())}
    expected = units(np.stack([table[[1, *(place.get(word, 3) for word in text.split()), 2]].sum(0) for text in TEXTS]))
    encoder = load_encoder(tmp_path / "folder")
    np.testing.assert_allclose(encoder.embed(TEXTS), expected, atol=1e-5)
    long = encoder.embed([" ".join(["red shoes"] * 500)])[0]
    assert long @ encoder.embed(["red shoes"])[0] > 0.99


def test_a_file_of_texts_that_is_not_understood_is_told(tmp_path):
    file = onnx_texts(tmp_path / "theirs", names=("input_ids", "attention_mask", "position_ids"))
    with pytest.raises(EncoderError, match="takes input_ids, attention_mask, position_ids"):
        bring(file, "text", tmp_path / "folder")
    file = onnx_texts(tmp_path / "theirs")
    (tmp_path / "theirs" / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="--tokenizer"):
        bring(file, "text", tmp_path / "folder")
    with pytest.raises(EncoderError, match="of pictures"):
        bring(file, "text", tmp_path / "folder", Wanted(size=24))


def test_a_keras_model(tmp_path, shop):
    products, seen = shop
    model = keras_pictures(tmp_path / "model.keras", softmax=True)
    brought = bring(tmp_path / "model.keras", "image", tmp_path / "shares")
    assert brought.reads == f"{SIZE} x {SIZE} RGB, nhwc, pixels 0..255"
    assert "--layer pool" in brought.remarks[0]
    expected = units(model.predict(seen.astype(np.float32), verbose=0))
    np.testing.assert_allclose(load_encoder(tmp_path / "shares").encode(products), expected, atol=1e-5)
    brought = bring(tmp_path / "model.keras", "image", tmp_path / "maps", Wanted(layer="conv"))
    assert (brought.dim, brought.remarks) == (6, ())
    import keras

    maps = keras.Model(model.inputs[0], model.get_layer("conv").output).predict(seen.astype(np.float32), verbose=0)
    np.testing.assert_allclose(load_encoder(tmp_path / "maps").encode(products), units(maps.mean((1, 2))), atol=1e-5)
    with pytest.raises(EncoderError, match=r"no layer 'gone'; it has .*conv"):
        bring(tmp_path / "model.keras", "image", tmp_path / "gone", Wanted(layer="gone"))
    keras_pictures(tmp_path / "plain.keras", scaled=False)
    with pytest.raises(EncoderError, match="--pixels"):
        bring(tmp_path / "plain.keras", "image", tmp_path / "gone")


def test_a_folder_of_sentence_transformers(tmp_path):
    from sentence_transformers import SentenceTransformer

    folder = sentence_folder(tmp_path / "theirs")
    brought = bring(folder, "text", tmp_path / "folder")
    assert brought.reads == "texts of up to 48 tokens at once; states pooled by mean"
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, show_progress_bar=False)
    encoder = load_encoder(tmp_path / "folder")
    np.testing.assert_allclose(encoder.embed(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.embed(TEXTS[:1])[0], expected[0], atol=1e-5)
    assert np.isfinite(encoder.embed(["red " * 200])).all()


@pytest.mark.parametrize("pooling", ["cls", "max", "lasttoken", "mean"])
@pytest.mark.parametrize("legacy", [False, True])
def test_states_are_pooled_as_their_library_does(tmp_path, pooling, legacy):
    import torch
    from sentence_transformers import SentenceTransformer

    from sosie.encoders.networks.hugging_face import text_network

    folder = sentence_folder(tmp_path / "theirs", pooling, dense=False)
    if legacy:  # as folders were written before version 6
        names = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "lasttoken": "lasttoken"}
        modes = {f"pooling_mode_{name}": kind == pooling for kind, name in names.items()}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **modes}))
    library = SentenceTransformer(str(folder), device="cpu")
    tokens = library.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        found = text_network(read_text_folder(folder))(tokens["input_ids"], tokens["attention_mask"])
    np.testing.assert_allclose(units(found.numpy()), library.encode(TEXTS, show_progress_bar=False), atol=1e-5)


def test_a_folder_of_pictures_of_hugging_face(tmp_path, shop):
    import torch
    from transformers import ViTModel

    products, seen = shop
    folder = vit(tmp_path / "theirs")
    brought = bring(folder, "image", tmp_path / "folder")
    given = as_wanted(seen, "nchw", ((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)))
    with torch.no_grad():
        states = ViTModel.from_pretrained(folder, add_pooling_layer=False)(torch.tensor(given, dtype=torch.float32))
    expected = units(
        states.last_hidden_state[:, 0].numpy()
    )  # its weights have no pooler: a random one must not be used
    np.testing.assert_allclose(load_encoder(tmp_path / "folder").encode(products), expected, atol=1e-5)
    assert brought.dim == 16
    with pytest.raises(EncoderError, match="'layer' names a part"):
        bring(folder, "image", tmp_path / "other", Wanted(layer="pooled"))
