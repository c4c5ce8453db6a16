"""Products written to an open store: what comes of each, what is encoded, who else writes, what a build does later."""

import os
import shutil
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from little_shop import catalogue

import sosie
from sosie.config import parse_config
from sosie.engine.build import BuildOptions, build_store
from sosie.engine.live import Live, Written
from sosie.errors import BusyError, CatalogueError, EncoderError, StoreError
from sosie.types import Product

SIGNALS = {"image": {"enabled": False}, "text": {"enabled": False}}
CONFIG = parse_config({"signals": SIGNALS}, "test")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    own = folder / "own.npy"
    np.save(own, np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32))
    sosie.build(catalogue(folder), folder / "store", config=CONFIG, vectors=[f"own={own}"])
    return folder


@pytest.fixture
def store(built, tmp_path):
    shutil.copytree(built / "store", tmp_path / "store")
    return sosie.open(tmp_path / "store")


def written(live, *products, **options):
    return [one.what for one in live.put(products, **options)]


def vectors(store, id):
    snapshot = store.snapshot
    return {signal: snapshot.vectors(signal, [snapshot.row(id)])[0] for signal in snapshot.signals}


def test_each_product_is_told_what_became_of_it(store):
    live = Live(store)
    changed = replace(store["p3"], price=99.0)
    assert live.put([store["p4"], changed, Product("new", title="velvet lamp")]) == [
        Written("p4", "unchanged"),
        Written("p3", "updated"),
        Written("new", "created"),
    ]
    assert store.snapshot.version == "1.1"
    assert live.remove(["new", "never", "new"]) == [
        Written("new", "removed"),
        Written("never", "unknown"),
        Written("new", "unknown"),
    ]
    assert "new" not in store
    assert store["p3"].price == 99.0


def test_what_is_unchanged_costs_no_commit(store):
    live = Live(store)
    live.put([store["p4"]])
    live.remove(["never"])
    assert live.put([]) == live.remove([]) == []
    assert store.snapshot.version == "1.0"


def test_a_product_is_found_at_once_and_by_others(store):
    other = sosie.open(store.folder)
    Live(store).put([Product("new", title="velvet armchair")])
    for opened in (store, other, sosie.open(store.folder)):
        assert [hit.product.id for hit in opened.search(text="velvet armchair", limit=1)] == ["new"]
    Live(other).remove(["new"])
    assert "new" not in {hit.product.id for hit in store.search(text="velvet armchair", limit=30)}


@pytest.mark.parametrize("years", [-30, 30])
def test_a_clock_that_jumps_hides_no_write(store, years):
    other = sosie.open(store.folder)
    assert "late" not in other
    Live(store).put([Product("late", title="velvet lamp")])
    there = time.time() + years * 365 * 86_400
    os.utime(store.folder / "manifest.json", (there, there))
    assert "late" in other
    Live(store).remove(["late"])
    assert "late" not in other


def test_it_is_written_as_a_build_writes_it(built, store, tmp_path):
    """The same change through a file and through the store: equal records, groups and vectors."""
    other = tmp_path / "other"
    shutil.copytree(built / "store", other)
    file = catalogue(built, p3={"title": "a velvet armchair", "price": "80 EUR"})
    report = build_store(file, other)
    catalogue(built)
    assert report.changes.changed == 1
    by_file = sosie.open(other)
    asked = by_file["p3"]
    Live(store).put([replace(asked, language="", group="")])
    assert store["p3"] == asked
    for signal, vector in vectors(by_file, "p3").items():
        np.testing.assert_allclose(vectors(store, "p3")[signal], vector, atol=1e-5)
    assert store.snapshot.groups[store.snapshot.row("p3")] == by_file.snapshot.groups[by_file.snapshot.row("p3")]


def test_variants_join_their_group(store):
    Live(store).put([Product("v1", title="red shirt small", group="p0"), Product("v2", title="a", group="v1")])
    snapshot = store.snapshot
    assert snapshot.groups[snapshot.row("v1")] == snapshot.groups[snapshot.row("p0")]
    assert snapshot.groups[snapshot.row("v2")] != snapshot.groups[snapshot.row("v1")], "v1 is in the group p0"
    assert "v1" not in {hit.product.id for hit in store.similar("p0", limit=30)}


def test_the_last_word_counts(store):
    live = Live(store)
    one, two = Product("a", title="one"), Product("a", title="two")
    assert written(live, one, two, two, one) == ["created", "updated", "unchanged", "updated"]
    assert store["a"].title == "one"
    assert len(store) == 31


def test_vectors_made_elsewhere(store):
    live = Live(store)
    raw = np.array([[1, 0, 0], [0, 0, 0]], np.float32)
    products = [Product("a", title="one"), Product("b", title="two")]
    assert written(live, *products, vectors={"own": raw}) == ["created", "created"]
    assert vectors(store, "a")["own"].any()
    assert not vectors(store, "b")["own"].any()
    before = vectors(store, "a")["own"]
    assert written(live, *products, vectors={"own": raw * 2}) == ["unchanged", "unchanged"]
    assert written(live, replace(products[0], price=3.0)) == ["updated"]
    np.testing.assert_array_equal(vectors(store, "a")["own"], before, "kept where none is given")
    assert written(live, products[0], vectors={"own": raw[1:] + 1}) == ["updated"]
    assert not np.array_equal(vectors(store, "a")["own"], before)


def test_given_vectors_of_an_encoder_stay_while_it_has_nothing_else_to_read(store):
    live = Live(store)
    dim = len(store.snapshot.scales["colour"].mean)
    raw = np.random.default_rng(1).random((1, dim)).astype(np.float32)
    live.put([Product("a", title="one")], vectors={"colour": raw})
    kept = vectors(store, "a")["colour"]
    assert kept.any()
    live.put([Product("a", title="another title")])
    np.testing.assert_array_equal(vectors(store, "a")["colour"], kept)
    live.put([Product("a", title="one", images=store["p0"].images)])
    np.testing.assert_allclose(vectors(store, "a")["colour"], vectors(store, "p0")["colour"], atol=1e-5)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"smell": np.ones((1, 3))}, "no signal 'smell'"),
        ({"own": np.ones((1, 4))}, r"shape \(1, 4\)"),
        ({"own": np.ones((2, 3))}, r"shape \(2, 3\)"),
        ({"own": np.full((1, 3), np.nan)}, "not finite"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(store, given, told):
    with pytest.raises(CatalogueError, match=told):
        Live(store).put([Product("a")], vectors=given)
    assert store.snapshot.version == "1.0"


@pytest.mark.parametrize("id", ["", "a\nb", "x" * 501])
def test_an_unusable_id_is_refused_before_anything_is_written(store, id):
    with pytest.raises(CatalogueError, match="product id"):
        Live(store).put([Product("good"), Product(id)])
    assert "good" not in store


def test_calls_that_wait_are_committed_together(store):
    live = Live(store)
    threads = [threading.Thread(target=live.put, args=([Product(f"t{at}", title="thing")],)) for at in range(8)]
    with store.local.append():  # keeps the first of them waiting
        for thread in threads:
            thread.start()
        while len(live._waiting) < 7:
            time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert all(f"t{at}" in store for at in range(8))
    assert store.snapshot.version == "1.2"


def test_what_is_unchanged_waits_for_nobody(store):
    with store.local.write():
        assert Live(store, wait=0.0).put([store["p4"]]) == [Written("p4", "unchanged")]
        assert Live(store, wait=0.0).remove(["never"]) == [Written("never", "unknown")]


def test_several_processes_write_by_turns(store):
    """Each opens the store for itself, and holds a lock of its own."""
    writers = [Live(sosie.open(store.folder)) for _ in range(3)]

    def work(number):
        for at in range(6):
            writers[number].put([Product(f"w{number}-{at}", title="thing"), Product("shared", title=f"{number} {at}")])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"w{number}-{at}" in store for number in range(3) for at in range(6))
    assert len(store) == 30 + 18 + 1
    assert store["shared"].title.endswith(" 5")


def test_a_writer_that_does_not_end_is_named(store):
    live = Live(store, wait=0.05)
    with store.local.write(), pytest.raises(BusyError, match=f"is being written by process {os.getpid()}"):
        live.put([Product("a")])
    assert written(live, Product("a")) == ["created"]


def test_one_that_can_not_be_encoded_is_no_fault_of_the_others(store, monkeypatch):
    live = Live(store)
    words = store.encoder("words")
    whole = type(words).encode

    def encode(self, products):
        if any(product.id == "bad" for product in products):
            raise EncoderError("bad")
        return whole(self, products)

    monkeypatch.setattr(type(words), "encode", encode)
    failed = []

    def put(id):
        try:
            live.put([Product(id, title="thing")])
        except EncoderError:
            failed.append(id)

    threads = [threading.Thread(target=put, args=(id,)) for id in ("first", "good", "bad", "better")]
    with store.local.append():
        for at, thread in enumerate(threads):
            thread.start()
            while len(live._waiting) < at:
                time.sleep(0.01)
    for thread in threads:
        thread.join()
    assert failed == ["bad"]
    assert {"first", "good", "better"} == {id for id in ("first", "good", "bad", "better") if id in store}


def test_a_full_disk_loses_nothing_and_reading_goes_on(store, monkeypatch):
    live = Live(store)
    live.put([Product("a", title="velvet armchair")])
    real = os.fsync

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="no space left on the disk"):
        live.put([Product("b", title="velvet armchair")])
    assert store.search(text="velvet armchair", limit=1)[0].product.id == "a"
    monkeypatch.setattr(os, "fsync", real)
    assert written(live, Product("c", title="velvet armchair")) == ["created"]
    again = sosie.open(store.folder)
    assert ("a" in again, "b" in again, "c" in again) == (True, False, True)


def test_a_change_by_another_between_encoding_and_commit(store, monkeypatch):
    """Vectors that stayed as they were are looked at again when the product they were taken from has changed."""
    live, other = Live(store), Live(sosie.open(store.folder))
    changed = replace(store["p3"], price=99.0)
    prepare = Live._prepare
    rival = [replace(store["p3"], title="a velvet armchair")]

    def slow(self, calls):
        prepare(self, calls)
        if self is live and rival:
            other.put([rival.pop()])

    monkeypatch.setattr(Live, "_prepare", slow)
    words = vectors(store, "p3")["words"]
    assert written(live, changed) == ["updated"]
    np.testing.assert_allclose(vectors(store, "p3")["words"], words, atol=1e-5)
    assert store["p3"] == changed


def test_a_new_generation_between_encoding_and_commit(store, built, tmp_path, monkeypatch):
    live = Live(store)
    prepare = Live._prepare
    settings = parse_config({"signals": SIGNALS | {"words": {"dim": 64}}}, "test")
    builds = [lambda: build_store(built / "catalogue.csv", store.folder, BuildOptions(config=settings))]

    def slow(self, calls):
        prepare(self, calls)
        if builds:
            builds.pop()()

    monkeypatch.setattr(Live, "_prepare", slow)
    assert written(live, Product("a", title="velvet armchair")) == ["created"]
    assert store.snapshot.version == "2.1"
    assert vectors(store, "a")["words"].shape == (64,)
    assert store.search(text="velvet armchair", limit=1)[0].product.id == "a"


def test_nothing_was_built_yet(tmp_path):
    from sosie.config import Config
    from sosie.store import LocalStore

    LocalStore.create(tmp_path / "store", Config())
    with pytest.raises(StoreError, match="sosie build"):
        Live(sosie.open(tmp_path / "store")).put([Product("a")])


def test_a_later_build_of_the_file(store, built):
    """The file is right in what it names; what no file ever named stays, unless removals are allowed."""
    live = Live(store)
    live.put([Product("new", title="made live"), replace(store["p3"], price=1.0)])
    live.remove(["p5"])
    file = built / "catalogue.csv"
    report = build_store(file, store.folder)
    assert (report.changes.added, report.changes.changed, report.changes.removed) == (1, 1, 0)
    assert any("'new'" in note and "--allow-removals" in note for note in report.notes)
    assert ("new" in store, "p5" in store, store["p3"].price) == (True, True, 13.5)
    live.put([replace(store["new"], price=5.0)])
    assert build_store(file, store.folder).changes.removed == 0
    assert build_store(file, store.folder, BuildOptions(allow_removals=True)).changes.removed == 1
    assert "new" not in store


def test_a_product_of_the_file_goes_with_it_though_it_was_changed_live(store, tmp_path):
    Live(store).put([replace(store["p29"], price=1.0)])
    report = build_store(catalogue(tmp_path, rows=29), store.folder)
    assert "p29" not in store
    assert not any("written live" in note for note in report.notes)


def answers(store):
    """Words are weighed by their rarity in the generation, so that a merge may move their scores a little."""
    found = store.search(text="velvet lamp", limit=4, where="price < 60")
    hits = [store.similar(id, limit=8) for id in ("p1", "n2")]
    return [[(hit.product.id, hit.score, dict(hit.parts)) for hit in some] for some in hits], {
        hit.product.id for hit in found
    }


def test_a_merge_changes_no_answer(store):
    live = Live(store)
    assert not live.due()
    live.put([Product(f"n{at}", title=f"velvet lamp {at}", price=20.0 + at) for at in range(4)])
    live.remove(["p2"])
    before = answers(store)
    steps = []
    assert live.merge(lambda *step: steps.append(step)) == "2.0"
    assert answers(store) == answers(sosie.open(store.folder)) == before
    assert steps
    assert live.merge() == "2.0", "nothing is left to merge"
    live.put([Product("n4", title="velvet lamp")])
    assert store.snapshot.version == "2.1"


def test_a_merge_is_due_when_enough_was_written(store):
    live = Live(store)
    live.put([Product(f"n{at}", title=f"lamp {at}") for at in range(100)])
    assert not live.due()
    live.remove(["p2"])
    assert live.due()
    live.merge()
    assert not live.due()


def test_what_no_file_named_outlives_a_merge_and_a_build(store, built):
    live = Live(store)
    live.put([Product("new", title="made live")])
    live.merge()
    assert build_store(built / "catalogue.csv", store.folder).changes.removed == 0
    assert "new" in store


def test_a_merge_in_a_process_of_its_own(store):
    live = Live(store)
    live.put([Product("new", title="velvet lamp")])
    store.search(text="velvet", where="color = 'red'")
    assert live.merge(apart=True) == "2.0"
    assert store.snapshot.asked_columns == {"color"}, "what was asked for is open again"
    assert store.search(text="velvet lamp", limit=1)[0].product.id == "new"
    live.put([Product("other", title="velvet lamp")])
    with store.local.merging(), pytest.raises(BusyError, match="is being merged already"):
        live.merge(apart=True)
    (store.snapshot.folder / "records.bin").write_bytes(b"")
    with pytest.raises(StoreError, match="damaged or incomplete"):
        live.merge(apart=True)
