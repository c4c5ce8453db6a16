"""Builds after other settings: only what the settings changed is encoded anew."""

import numpy as np
import pytest
from learned_folders import pictures_folder, products_folder, texts_folder
from little_shop import catalogue

import sosie
from sosie.config import parse_config
from sosie.encoders import load_encoder, made_from
from sosie.engine.build import BuildOptions, build_store
from sosie.errors import CatalogueError, EncoderError
from sosie.scoring import apply_scale

ALL = {"image", "colour", "text", "words", "price", "category", "attributes"}


@pytest.fixture
def shop(tmp_path):
    """A shop whose networks are tiny, built once; call it to build again with other settings."""
    file = catalogue(tmp_path)
    own = {
        "image": {"encoder": str(pictures_folder(tmp_path / "look"))},
        "text": {"encoder": str(texts_folder(tmp_path / "meaning"))},
    }

    def build(settings=None, **options):
        signals = {name: own.get(name, {}) | (settings or {}).get(name, {}) for name in {*own, *(settings or {})}}
        config = parse_config({"signals": signals}, "test")
        return build_store(file, tmp_path / "store", BuildOptions(config=config, **options))

    build.folder, build.file = tmp_path / "store", file
    assert set(build().encoded) == {"image", "colour", "text"} | ALL
    return build


def vectors(folder):
    store = sosie.open(folder)
    return {signal: store.vectors(signal) for signal in store.snapshot.signals}


def same(before, after):
    return {signal for signal in before if signal in after and np.array_equal(before[signal], after[signal])}


def test_weights_alone_encode_nothing(shop):
    before = vectors(shop.folder)
    report = shop({"text": {"weight": 3.0}, "exact": {"weight": 2.0}})
    assert report.encoded == {}
    assert same(before, vectors(shop.folder)) == ALL
    snapshot = sosie.open(shop.folder).snapshot
    assert (snapshot.version, snapshot.weights["text"]) == ("2.0", 3.0)


def test_other_settings_of_a_signal_encode_that_signal_alone(shop):
    before, states = vectors(shop.folder), sosie.open(shop.folder).snapshot.manifest.signals
    report = shop({"words": {"dim": 16}})
    assert report.encoded == {"words": 30}
    after = sosie.open(shop.folder).snapshot.manifest.signals
    assert same(before, vectors(shop.folder)) == ALL - {"words"}
    assert {signal for signal in ALL if states[signal] == after[signal]} == ALL - {"words"}
    assert after["words"].dim == 16


def test_a_delta_is_merged_with_what_is_encoded_anew(shop):
    catalogue(shop.file.parent, p3={"title": "a velvet armchair"})
    shop()
    assert sosie.open(shop.folder).snapshot.version == "1.1"
    before = vectors(shop.folder)
    report = shop({"words": {"dim": 16}})
    assert report.encoded == {"words": 30}
    assert sosie.open(shop.folder)["p3"].title == "a velvet armchair"
    assert same(before, vectors(shop.folder)) == ALL - {"words"}


def test_another_folder_encodes_its_signal_alone(shop, tmp_path):
    report = shop({"text": {"encoder": str(texts_folder(tmp_path / "other", dim=8, seed=1))}})
    assert report.encoded == {"text": 30}
    store = sosie.open(shop.folder)
    assert store.vectors("text").shape == (30, 8)
    assert "blue lamp" in store.search(text="blue lamp", limit=1)[0].product.title


def test_refit_fits_and_encodes_everything(shop):
    assert set(shop(refit=True).encoded) == ALL


def test_a_signal_that_is_switched_on_again_is_back_without_a_change_of_the_catalogue(shop):
    before = vectors(shop.folder)
    assert shop({"image": {"enabled": False}}).encoded == {}
    assert set(vectors(shop.folder)) == ALL - {"image"}
    assert shop().encoded == {"image": 0}  # from the cache
    assert same(before, vectors(shop.folder)) == ALL


def test_settings_of_builds_are_kept_though_nothing_else_changed(shop):
    signals = sosie.open(shop.folder).snapshot.config.signals
    config = parse_config({"signals": signals.model_dump(), "build": {"max_rejects": 0.5}}, "test")
    report = build_store(shop.file, shop.folder, BuildOptions(config=config))
    snapshot = sosie.open(shop.folder).snapshot
    assert (report.encoded, snapshot.version, snapshot.config.build.max_rejects) == ({}, "1.0", 0.5)


def test_vectors_of_ones_own_outlast_other_settings(shop, tmp_path):
    np.save(tmp_path / "mine.npy", np.eye(30, 40, dtype=np.float32))
    shop(vectors=[f"mine={tmp_path / 'mine.npy'}"])
    before = vectors(shop.folder)
    assert shop({"words": {"dim": 16}}).encoded == {"words": 30}
    shop(refit=True)
    assert "mine" in same(before, vectors(shop.folder))
    np.save(tmp_path / "mine.npy", np.eye(30, 50, dtype=np.float32))
    shop()
    assert vectors(shop.folder)["mine"].shape == (30, 50)
    with pytest.raises(CatalogueError, match="'learned' is a signal that sosie makes itself"):
        shop(vectors=[f"learned={tmp_path / 'mine.npy'}"])


def test_learned_pictures_are_centred_and_keep_all_their_directions(shop):
    snapshot = sosie.open(shop.folder).snapshot
    scale = snapshot.scales["image"]
    assert scale.projection is None
    assert scale.mean.any()
    products = snapshot.products(range(30))
    raw = load_encoder(snapshot.encoder_folder("image")).encode(products)
    np.testing.assert_allclose(snapshot.vectors("image", range(30)), apply_scale(raw, scale), atol=1e-3)


def test_a_learned_signal_is_made_of_its_parts(shop, tmp_path):
    parts = {
        "image": load_encoder(tmp_path / "look"),  # the shop's own: its vectors are in the cache
        "text": load_encoder(texts_folder(tmp_path / "other", seed=1)),
    }
    model = products_folder(tmp_path / "model", parts)
    settings = {"learned": {"encoder": str(model)}}
    assert shop(settings).encoded == {"learned": 30}
    store = sosie.open(shop.folder)
    assert set(store.snapshot.signals) == ALL | {"learned"}
    raw = load_encoder(model).encode(store.snapshot.products(range(30)))
    expected = apply_scale(raw, store.snapshot.scales["learned"])
    np.testing.assert_allclose(store.vectors("learned"), expected, atol=1e-3)
    assert "learned" in store.search(text="red mug", image=tmp_path / "pictures/red-mug.png")[0].parts
    catalogue(tmp_path, p3={"title": "a velvet armchair"}, p4={"title": "a velvet armchair"})
    assert shop(settings).encoded["learned"] == 2
    assert set(shop().encoded) == set()
    assert set(vectors(shop.folder)) == ALL


def test_a_folder_that_is_gone_leaves_the_store_as_it_was(shop, tmp_path):
    with pytest.raises(EncoderError, match=r"signals\.learned\.encoder: '.*gone' is not the folder"):
        shop({"learned": {"encoder": str(tmp_path / "gone")}})
    assert sosie.open(shop.folder).snapshot.version == "1.0"


@pytest.mark.parametrize(
    ("signal", "settings", "changed"),
    [
        ("image", {"image": {"weight": 9, "enabled": False}}, False),
        ("image", {"image": {"dim": 64}}, True),
        ("image", {"image": {"encoder": "models/a"}}, True),
        ("text", {"text": {"encoder": "models/a"}}, True),
        ("reviews", {"text": {"encoder": "models/a"}}, False),
        ("reviews", {"text": {"encoder": "minilm"}}, True),
        ("reviews", {"text": {"precision": "fp32"}}, True),
        ("reviews", {"reviews": {"weight": 2}}, False),
        ("words", {"text": {"encoder": "minilm"}}, False),
    ],
)
def test_what_a_signal_is_made_from(signal, settings, changed):
    before, after = parse_config({}, ""), parse_config({"signals": settings}, "test")
    assert (made_from(before, signal) != made_from(after, signal)) == changed


def test_what_a_folder_says_is_not_looked_for_in_the_settings():
    one, same, narrower = (
        parse_config({"signals": {"image": {"encoder": "models/a", **more}}}, "test")
        for more in ({}, {"size": 96}, {"dim": 64})
    )
    assert made_from(one, "image") == made_from(same, "image")
    assert made_from(one, "image") != made_from(narrower, "image")  # that of a brought model
