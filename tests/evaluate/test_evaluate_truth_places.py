"""Places, and names of splits."""

import numpy as np
import pytest
from truth_store import product, snapshot_of, write

from sosie.errors import TruthError
from sosie.evaluate.places import Gallery, first_rows, places_of
from sosie.evaluate.splits import Splits, find_split, find_splits, split_kind
from sosie.store import LocalStore


@pytest.fixture(scope="module")
def shirts(tmp_path_factory):
    """Ids whose order by UTF-8 bytes differs from that by words; group g is b, é and Z."""
    folder = tmp_path_factory.mktemp("shirts")
    return snapshot_of(folder, [product("b", "g"), product("é", "g"), product("a"), product("Z", "g"), product("10")])


def test_places_are_numbered_by_descending_ids(shirts):
    places, titles = places_of(shirts, np.arange(5), variants=True)
    assert titles == ("é", "b", "a", "Z", "10")
    assert list(titles) == sorted(titles, key=str.encode, reverse=True)
    assert [titles[place] for place in places] == ["b", "é", "a", "Z", "10"]


def test_variants_share_a_place_named_by_the_first_id(shirts):
    places, titles = places_of(shirts, np.arange(5), variants=False)
    assert titles == ("a", "Z", "10")
    assert places.tolist() == [1, 1, 0, 1, 2]
    places, titles = places_of(shirts, np.array([0, 1, 4]), variants=False)
    assert titles == ("b", "10")
    assert places.tolist() == [0, 0, 1]


def test_a_product_has_a_place_where_any_of_its_variants_may_answer(shirts):
    gallery = Gallery.of(shirts, np.array([0, 4]), variants=False)
    assert gallery.place(np.arange(5)).tolist() == [0, 0, -1, 0, 1]
    own = gallery.own(np.array([3, 2, 4]))
    assert [own.of(at).tolist() for at in range(3)] == [[0], [], [1]]
    apart = Gallery.of(shirts, np.array([0, 4]), variants=True)
    assert apart.place(np.arange(5)).tolist() == [0, -1, -1, -1, 1]


def test_first_rows(shirts):
    assert first_rows(shirts, np.arange(5), variants=False).tolist() == [2, 3, 4]
    assert first_rows(shirts, np.array([0, 1]), variants=False).tolist() == [0]
    assert first_rows(shirts, np.array([0, 1]), variants=True).tolist() == [0, 1]


def test_variants_of_a_generation_and_of_its_delta_share_a_place(tmp_path):
    snapshot_of(tmp_path, [product("b", "g"), product("a")])
    snapshot = write(LocalStore.open(tmp_path / "store"), [product("c", "g"), product("d", "h")], ["a"], rebuild=False)
    rows = np.flatnonzero(snapshot.alive)
    places, titles = places_of(snapshot, rows, variants=False)
    assert titles == ("d", "b")
    assert dict(zip(snapshot.ids(rows), places.tolist(), strict=True)) == {"b": 1, "c": 1, "d": 0}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("Train", "train"), (" VALIDATION", "val"), ("dev", "val"), ("Valid", "val"), ("TEST", "test"), ("fold 1", "")],
)
def test_names_of_splits(name, kind):
    assert split_kind(name) == kind


def test_splits_are_found_by_their_names():
    there = ["Train", "validation", "TEST", "extra", ""]
    assert find_split("test", there, "split") == ("TEST",)
    assert find_split("EXTRA", there, "split") == ("extra",)
    assert find_splits(["train", "val", "Train"], there, "split") == ("Train", "validation")
    assert find_split("test", ["test", "Test"], "split") == ("test",)
    assert find_split("val", ["dev", "valid"], "split") == ("dev", "valid")


def test_a_split_that_is_not_there_is_told_with_what_is():
    with pytest.raises(TruthError, match=r"column 'part': there is no split 'test'; it says a, b"):
        find_split("test", ["b", "a"], "column 'part'")


def test_products_of_splits(tmp_path):
    snapshot_of(tmp_path, [product("a", part="0"), product("b", part="1"), product("c"), product("d", part="2")])
    snapshot = write(LocalStore.open(tmp_path / "store"), [], ["d"], rebuild=False)
    splits = Splits.of(snapshot, "part")
    assert splits.there == ("0", "1")
    assert splits.rows(("0", "2")).tolist() == [True, False, False, False]
