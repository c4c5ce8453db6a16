"""The build on a small real road: CSV in, store out, again after changes."""

import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from little_shop import catalogue
from PIL import Image

import sosie
from sosie.config import parse_config
from sosie.encoders import load_encoder
from sosie.engine.build import BuildOptions, build_store
from sosie.errors import CatalogueError, QuestionError
from sosie.scoring import apply_scale


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    return sosie.build(catalogue(folder), folder / "store")


def test_every_signal_of_the_catalogue_is_there(built):
    assert set(built.snapshot.signals) == {"image", "colour", "text", "words", "price", "category", "attributes"}
    assert len(built) == 30
    assert built.report.changes.added == 30


def test_look_alikes_share_kind_and_colour(built):
    hits = built.similar("p0", limit=1)
    assert hits[0].product.title.startswith("red shirt")


def test_parts_add_up_as_printed(built):
    for hit in built.search(text="blue lamp", like=["p4"], limit=20):
        assert round(sum(round(part * 10_000) for part in hit.parts.values())) == round(hit.score * 10_000)


def test_words_and_pictures_find_products(built, tmp_path):
    assert "blue lamp" in built.search(text="blue lamp", limit=1)[0].product.title
    folder = built.folder.parent
    assert "yellow mug" in built.search(image=folder / "pictures" / "yellow-mug.png", limit=1)[0].product.title


def test_numpy_and_polars_come_out_in_one_order(built):
    table = built.table()
    assert table["id"].to_list() == [f"p{at}" for at in range(30)]
    assert table["price"].to_list() == [10.5 + at for at in range(30)]
    vectors = built.vectors("text")
    assert vectors.shape[0] == 30
    assert np.array_equal(built.vectors("text", ["p7"])[0], vectors[7])


def test_an_unknown_id_names_close_ones(built):
    with pytest.raises(QuestionError, match="p7"):
        built["p77"]


def test_the_second_build_encodes_only_what_changed(tmp_path):
    build_store(catalogue(tmp_path), tmp_path / "store")
    again = build_store(catalogue(tmp_path), tmp_path / "store")
    assert again.encoded == {}
    assert again.changes.unchanged == 30
    changed = {"title": "a velvet armchair"}
    third = build_store(catalogue(tmp_path, p3=changed, p4=changed), tmp_path / "store")
    assert (third.changes.changed, third.changes.unchanged) == (2, 28)
    assert third.encoded["text"] == 2
    assert third.encoded["image"] == 0
    store = sosie.open(tmp_path / "store")
    assert {hit.product.id for hit in store.search(text="velvet armchair", limit=2)} == {"p3", "p4"}


def test_a_picture_replaced_under_its_name_is_encoded_again(tmp_path):
    file = catalogue(tmp_path)
    build_store(file, tmp_path / "store")
    Image.new("RGB", (64, 65), "black").save(tmp_path / "pictures" / "red-shirt.png")
    again = build_store(file, tmp_path / "store")
    assert again.encoded["image"] == 1
    assert again.changes.changed == 2


def test_a_removed_product_is_gone_and_a_returning_one_is_back(tmp_path):
    build_store(catalogue(tmp_path, 30), tmp_path / "store")
    gone = build_store(catalogue(tmp_path, 28), tmp_path / "store")
    assert gone.changes.removed == 2
    store = sosie.open(tmp_path / "store")
    assert "p29" not in store
    assert not {"p28", "p29"} & {hit.product.id for hit in store.similar("p0", limit=100)}
    build_store(catalogue(tmp_path, 30), tmp_path / "store")
    assert "p29" in store
    assert "p29" in {hit.product.id for hit in store.similar("p0", limit=100)}


def test_a_file_that_removes_much_is_refused(tmp_path):
    build_store(catalogue(tmp_path, 30), tmp_path / "store")
    with pytest.raises(CatalogueError, match="allow-removals"):
        build_store(catalogue(tmp_path, 20), tmp_path / "store")
    assert len(sosie.open(tmp_path / "store")) == 30
    build_store(catalogue(tmp_path, 20), tmp_path / "store", BuildOptions(allow_removals=True))
    assert len(sosie.open(tmp_path / "store")) == 20


def test_many_bad_rows_stop_the_build_and_are_written_down(tmp_path):
    bad = {f"p{at}": {"id": ""} for at in range(9)}
    file = catalogue(tmp_path, 30, **bad)
    with pytest.raises(CatalogueError, match="max-rejects"):
        build_store(file, tmp_path / "store")
    rejects = [json.loads(line) for line in (tmp_path / "store" / "rejects.jsonl").read_text().splitlines()]
    assert [reject["row"] for reject in rejects if reject["fatal"]] == list(range(1, 10))
    report = build_store(file, tmp_path / "store", BuildOptions(max_rejects=0.5))
    assert (report.products, report.rejected) == (21, 9)


def test_a_row_that_became_bad_keeps_its_old_product(tmp_path):
    build_store(catalogue(tmp_path), tmp_path / "store")
    file = catalogue(tmp_path)
    file.write_text(file.read_text() + "p0,again,,,,,\n")
    report = build_store(file, tmp_path / "store")
    assert report.rejected == 1
    assert sosie.open(tmp_path / "store")["p0"].title == "red shirt number 0"


def test_vectors_of_ones_own_are_a_signal(tmp_path):
    matrix = np.eye(30, 40, dtype=np.float32)
    matrix[0, 9] = matrix[9, 9] = 3.0
    np.save(tmp_path / "mine.npy", matrix)
    store = sosie.build(catalogue(tmp_path), tmp_path / "store", vectors=[f"mine={tmp_path / 'mine.npy'}"])
    others = {signal: 0.0 for signal in store.snapshot.signals if signal != "mine"}
    assert store.similar("p0", limit=1, weights=others)[0].product.id == "p9"


def test_switching_a_signal_off_makes_a_new_generation_without_it(tmp_path):
    build_store(catalogue(tmp_path), tmp_path / "store")
    config = parse_config({"signals": {"image": {"enabled": False}, "text": {"weight": 3}}}, "test")
    build_store(catalogue(tmp_path), tmp_path / "store", BuildOptions(config=config))
    snapshot = sosie.open(tmp_path / "store").snapshot
    assert "image" not in snapshot.signals
    assert snapshot.weights["text"] == 3


def test_a_delta_holds_the_vectors_that_frozen_encoders_give(tmp_path):
    changed = {"title": "a brass candlestick", "price": "99 EUR"}
    build_store(catalogue(tmp_path), tmp_path / "store")
    build_store(catalogue(tmp_path, p5=changed), tmp_path / "store")
    store = sosie.open(tmp_path / "store")
    snapshot = store.snapshot
    assert snapshot.size == snapshot.base + 1
    for signal in snapshot.signals:
        raw = load_encoder(snapshot.encoder_folder(signal)).encode([store["p5"]])
        expected = apply_scale(raw, snapshot.scales[signal])
        assert np.allclose(store.vectors(signal, ["p5"]), expected, atol=1e-3)


def test_pictures_that_are_not_there_are_told(tmp_path):
    file = catalogue(tmp_path, 30, p1={"image": "pictures/none.png"}, p2={"image": "pictures/text.png"})
    (tmp_path / "pictures" / "text.png").write_text("<html>no picture</html>")
    report = build_store(file, tmp_path / "store")
    assert report.products == 30
    (note,) = report.notes
    assert note.startswith("2 products")
    assert "none.png: is not there" in note
    assert "text.png" in note
    hit = next(hit for hit in sosie.open(tmp_path / "store").similar("p0", limit=30) if hit.product.id == "p1")
    assert {"image", "colour"} <= set(hit.missing)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def test_pictures_by_address_are_fetched_told_and_kept_by_the_next_build(tmp_path):
    catalogue(tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=tmp_path / "pictures"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    file = tmp_path / "far.csv"
    rows = [f"a,red shirt,{base}/red-shirt.png", f"b,blue mug,{base}/blue-mug.png", f"c,lost lamp,{base}/gone.png"]
    file.write_text("\n".join(["id,title,image", *rows]) + "\n")
    try:
        first = build_store(file, tmp_path / "store", BuildOptions(download_images=True, allow_private=True))
        again = build_store(file, tmp_path / "store")
    finally:
        server.shutdown()
    assert first.encoded["image"] == 2
    assert first.dropped == 1
    assert first.notes[0].startswith("1 pictures could not be fetched")
    (reject,) = [json.loads(line) for line in first.rejects.read_text().splitlines()]
    assert (reject["raw"], reject["fatal"]) == (f"{base}/gone.png", False)
    assert "404" in reject["reason"]
    assert again.changes.unchanged == 3
    assert sosie.open(tmp_path / "store").similar("a", limit=1, weights={"text": 0})[0].product.id == "b"
