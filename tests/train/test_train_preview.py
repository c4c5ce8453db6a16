"""What a training would learn from, as people look at it first."""

import numpy as np
import pytest
from photo_shop import SIDE, photo_shop
from toy_shop import EACH, KINDS, RECIPE, kind, pattern, shop, split, truth_of
from typer.testing import CliRunner

from sosie.cli.app import app
from sosie.errors import TrainingError
from sosie.train.augment import Augmentation
from sosie.train.preview import preview
from sosie.train.recipe import Recipe
from sosie.train.words import WordChanges


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("shop"))


def row(sample):
    return int(sample.id[1:])


def test_labels_beside_the_hardest(store):
    told = preview(store.snapshot, truth_of(labels=("kind",), split="split"), RECIPE, "sosie train")
    assert dict(told.classes) == dict.fromkeys(KINDS, 4 * EACH)
    assert told.counts == {"products to learn from": 96, "classes": 6, "questions kept back": 24}
    assert told.reproduce["command"] == "sosie train"
    assert (told.draws, told.contradictory) == ([], 0)
    assert len(told.triplets) == 12
    for one in told.triplets:
        anchor, positive, negative = map(row, (one.anchor, one.positive, one.negative))
        assert {split[at] for at in (anchor, positive, negative)} == {"train"}
        assert kind[anchor] == kind[positive] != kind[negative]
        assert pattern[anchor] == pattern[negative]  # as near as the store's own vectors know
        assert pattern[anchor] != pattern[positive]  # the farthest
        assert (one.positive.why, one.negative.why) == (KINDS[kind[positive]], KINDS[kind[negative]])


def test_contradictory_pairs_are_shown(store, tmp_path):
    same = [(a, b) for a in range(0, 40) for b in range(a + 1, 40) if kind[a] == kind[b]][:60]
    other = [(a, a + 1) for a in range(100)]
    rows = [f"p{a:05},p{b:05},1" for a, b in same] + [f"p{a:05},p{b:05},0" for a, b in [*other, same[0]]]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,similar", *rows]))
    told = preview(store.snapshot, truth_of(pairs=tmp_path / "pairs.csv"), RECIPE)
    ((one, two),) = told.contradictions
    assert told.contradictory == 1
    assert {row(one), row(two)} == set(same[0])
    assert (one.why, two.why) == ("", "judged both ways")
    assert told.counts["pairs kept back"] > 10
    assert any("are judged both ways" in note for note in told.notes)
    for triplet in told.triplets:
        if triplet.positive:
            pair = sorted((row(triplet.anchor), row(triplet.positive)))
            assert tuple(pair) in same[1:]


def test_texts_as_they_would_be_read(store):
    recipe = Recipe(network="gru", words=WordChanges(drop=0.3))
    told = preview(store.snapshot, truth_of(labels=("kind",), split="split"), recipe)
    assert told.augmentation == {"drop": "0.3"}
    assert len(told.draws) == 8
    for one in told.draws:
        words = one.text.split()
        assert words[0] in KINDS
        assert all(set(text.split()) <= set(words) for text in one.texts)
        assert len(set(one.texts)) > 1


def test_pictures_as_they_would_be_seen(tmp_path):
    store = photo_shop(tmp_path)
    recipe = Recipe(network="cnn", sizes=(16, SIDE), augmentation=Augmentation(brightness=0.5))
    told = preview(store.snapshot, truth_of(labels=("half",), split="split"), recipe)
    assert told.augmentation == {"brightness": "0.5"}
    assert [one.original.picture.endswith(".png") for one in told.draws] == [True] * 8
    for one in told.draws:
        assert {pixels.shape for pixels in one.pictures} == {(SIDE, SIDE, 3)}
        means = {int(pixels.mean()) for pixels in one.pictures}
        assert len(means) > 3
    again = preview(store.snapshot, truth_of(labels=("half",), split="split"), recipe)
    for one, other in zip(told.draws, again.draws, strict=True):
        np.testing.assert_array_equal(one.pictures, other.pictures)


def test_from_the_command_line(store, tmp_path):
    page = tmp_path / "page.html"
    command = ["train", "--store", str(store.folder), "--recipe", "head", "--label", "kind", "--split", "split"]
    done = CliRunner().invoke(app, [*command, "--set", 'signals=["words"]', "--preview", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "It would learn head from label kind." in text
    assert KINDS[0] in text
    assert not (store.folder / "models").exists()
    assert not (store.folder / "training").exists()


def test_what_could_not_be_learnt_is_refused(tmp_path):
    same = shop(tmp_path, same=["one"] * len(kind))
    with pytest.raises(TrainingError, match="one and the same label"):
        preview(same.snapshot, truth_of(labels=("same",), split="split"), RECIPE)
