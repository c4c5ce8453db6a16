"""Switching a store to a learned encoder, back, and on from there."""

import shutil

import numpy as np
import pytest
from learned_folders import pictures_folder, products_folder
from little_shop import catalogue

import sosie
from sosie.config import Config, parse_config
from sosie.encoders import load_encoder
from sosie.encoders.colour import Colour
from sosie.encoders.learned import LearnedPictures
from sosie.engine.activate import activate
from sosie.engine.build import BuildOptions, build_store
from sosie.errors import EncoderError, StoreError
from sosie.scoring import apply_scale
from sosie.store import LocalStore

OFF = {signal: {"enabled": False} for signal in ("category", "attributes", "words", "text")}

PICTURES = 10  # that differ: a shirt looks like a lamp


@pytest.fixture
def shop(tmp_path):
    """A store with a delta of two products, whose catalogue is gone: its records must do."""
    pictures_folder(tmp_path / "first")
    signals = OFF | {"image": {"encoder": str(tmp_path / "first"), "weight": 2.0}}
    options = BuildOptions(config=parse_config({"signals": signals}, "test"))
    build_store(catalogue(tmp_path), tmp_path / "store", options)
    build_store(catalogue(tmp_path, p3={"price": "99 EUR"}, p4={"price": "98 EUR"}), tmp_path / "store")
    (tmp_path / "catalogue.csv").unlink()
    assert sosie.open(tmp_path / "store").snapshot.version == "1.1"
    return tmp_path / "store"


def by_id(folder):
    """Vectors of every signal by product: rows move when a delta is merged."""
    store = sosie.open(folder)
    ids = [f"p{at}" for at in range(30)]
    return {signal: store.vectors(signal, ids) for signal in store.snapshot.signals}


def same(before, after):
    return {signal for signal in before if signal in after and np.array_equal(before[signal], after[signal])}


def test_the_signal_is_encoded_anew_and_the_others_are_copied(shop, tmp_path):
    before, model = by_id(shop), pictures_folder(tmp_path / "second", dim=8, seed=1)
    done = activate(shop, model)
    assert (done.signal, done.version, done.products, done.encoded) == ("image", "2.0", 30, PICTURES)
    after = by_id(shop)
    assert same(before, after) == {"colour", "price"}
    snapshot = sosie.open(shop).snapshot
    products = snapshot.products(snapshot.rows([f"p{at}" for at in range(30)]))
    expected = apply_scale(load_encoder(model).encode(products), snapshot.scales["image"])
    np.testing.assert_allclose(after["image"], expected, atol=1e-3)
    assert (snapshot.config.signals.image.encoder, snapshot.weights["image"]) == ("models/second", 2.0)
    assert snapshot.products(snapshot.rows(["p3"]))[0].price == 99


def test_the_copy_in_the_store_is_all_that_is_needed(shop, tmp_path):
    model = products_folder(tmp_path / "model")
    activate(shop, model)
    before = by_id(shop)
    assert set(before) == {"image", "colour", "price", "learned"}
    for folder in tmp_path.glob("model*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    report = build_store(catalogue(tmp_path, p3={"price": "99 EUR"}, p4={"title": "a red mug"}), shop)
    assert (report.changes.changed, report.encoded["learned"]) == (1, 1)
    assert sosie.open(shop).search(text="red mug", limit=1)[0].product.title.startswith(("red mug", "a red mug"))
    refitted = build_store(catalogue(tmp_path), shop, BuildOptions(refit=True))
    assert set(refitted.encoded) == {"image", "colour", "price", "learned"}


def test_a_roll_back_brings_encoder_and_settings_back(shop, tmp_path):
    before, config = by_id(shop), sosie.open(shop).snapshot.config
    activate(shop, pictures_folder(tmp_path / "second", seed=1))
    LocalStore(shop).rollback()
    snapshot = sosie.open(shop).snapshot
    assert (snapshot.version, snapshot.config) == ("1.1", config)
    assert same(before, by_id(shop)) == {"image", "colour", "price"}
    build_store(catalogue(tmp_path), shop)
    assert sosie.open(shop).snapshot.config == config
    done = activate(shop, shop / "models" / "second")
    assert (done.version, done.encoded) == ("3.0", 0)  # from the cache


def test_what_is_in_use_changes_nothing(shop, tmp_path):
    model = pictures_folder(tmp_path / "second", seed=1)
    activate(shop, model)
    done = activate(shop, model)
    assert (done.version, done.encoded, done.model.name) == ("2.0", 0, "second")


def test_a_model_that_is_trained_anew_under_its_name_is_another(shop, tmp_path):
    activate(shop, pictures_folder(tmp_path / "second", seed=1))
    shutil.rmtree(tmp_path / "second")
    done = activate(shop, pictures_folder(tmp_path / "second", seed=2))
    assert (done.model.name, done.version, done.encoded) == ("second-2", "3.0", PICTURES)
    assert sosie.open(shop).snapshot.config.signals.image.encoder == "models/second-2"
    shutil.rmtree(shop / "models" / "second-2")
    pictures_folder(shop / "models" / "second-2", seed=3)
    assert activate(shop, shop / "models" / "second-2").encoded == PICTURES


class Killed(BaseException):
    pass


def test_an_activation_that_is_cut_off_leaves_the_store_as_it_was(shop, tmp_path, monkeypatch):
    before, model = by_id(shop), pictures_folder(tmp_path / "second", seed=1)

    def cut_off(self, folder):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(LearnedPictures, "save", cut_off)  # after all vectors were written
        with pytest.raises(Killed):
            activate(shop, model)
    snapshot = sosie.open(shop).snapshot
    assert (snapshot.version, snapshot.config.signals.image.encoder) == ("1.1", str(tmp_path / "first"))
    assert same(before, by_id(shop)) == set(before)
    assert not list(shop.glob("gen-2"))
    done = activate(shop, model)
    assert (done.version, done.encoded) == ("2.0", 0)  # what was encoded before the end is in the cache


def test_pictures_that_cannot_be_read_are_told(shop, tmp_path):
    (tmp_path / "pictures" / "red-shirt.png").write_bytes(b"")
    (note,) = activate(shop, pictures_folder(tmp_path / "second", seed=1)).notes
    assert note.startswith("2 products have pictures of which none could be read")


def refused(store, model, kind, match):
    before = sosie.open(store).snapshot.manifest
    with pytest.raises(kind, match=match):
        activate(store, model)
    assert sosie.open(store).snapshot.manifest == before


def test_what_cannot_be_activated_is_refused(shop, tmp_path):
    refused(shop, tmp_path / "nowhere", EncoderError, r"encoder\.json: can't be read")
    Colour().save(tmp_path / "colour")
    refused(shop, tmp_path / "colour", EncoderError, "'colour', which takes no folder")
    model = pictures_folder(tmp_path / "second", seed=1)
    (model / "network.onnx").write_bytes(b"")
    refused(shop, model, EncoderError, r"network\.onnx: was changed")
    assert not (shop / "models" / "second").exists()


def test_a_store_without_what_is_read_is_refused(tmp_path):
    model = pictures_folder(tmp_path / "model")
    LocalStore.create(tmp_path / "empty", Config())
    refused(tmp_path / "empty", model, StoreError, "holds no products")
    (tmp_path / "plain.csv").write_text("id,title\n1,red mug\n2,blue mug\n")
    config = parse_config({"signals": {"text": {"enabled": False}}}, "test")
    build_store(tmp_path / "plain.csv", tmp_path / "plain", BuildOptions(config=config))
    refused(tmp_path / "plain", model, StoreError, "no product has anything")


def test_how_look_alikes_change_is_told_before_anything_is_switched(shop, tmp_path):
    before, store = by_id(shop), sosie.open(shop)
    ids = [f"p{at}" for at in range(30)]
    first = {id: [hit.product.id for hit in store.similar(id)] for id in ids}
    told = []
    done = activate(
        shop, pictures_folder(tmp_path / "second", dim=8, seed=1), wanted=lambda one: bool(told.append(one))
    )
    assert (done.switched, done.version, sosie.open(shop).snapshot.version) == (False, "1.1", "1.1")
    assert same(before, by_id(shop)) == set(before)
    assert not list(shop.glob("gen-2*"))

    done = activate(shop, tmp_path / "second", wanted=lambda one: one == told[0])
    assert (done.switched, done.moved) == (True, told[0])
    store = sosie.open(shop)
    then = {id: [hit.product.id for hit in store.similar(id)] for id in ids}
    kept = [len({*first[id]} & {*then[id]}) / 10 for id in ids]
    assert told[0].kept == pytest.approx(np.mean(kept), abs=0.02)  # equal scores may stand in another order
    assert (told[0].asked, told[0].lost) == (30, sum(share == 0 for share in kept))
    assert 0 < told[0].kept < 1


def test_a_model_in_use_changes_nothing_and_nobody_is_asked(shop, tmp_path):
    model = pictures_folder(tmp_path / "second", dim=8, seed=1)
    activate(shop, model)
    again = activate(shop, model, wanted=lambda moved: pytest.fail("asked"))
    assert (again.moved, again.version) == (None, "2.0")
