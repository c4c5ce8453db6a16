"""Texts drawn anew for networks that learn from the vectors of frozen encoders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_shop import RECIPE, quiet, shop

from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.train.inputs import Vectors
from sosie.train.lessons import lesson_of
from sosie.train.material import DRAWS, gather
from sosie.train.words import WordChanges

TRUTH = Truth(labels=("kind",), options=TaskOptions(split="split"))
ITEMS = np.arange(300)


def numbered(first: int) -> np.ndarray:
    """Rows that tell where they come from."""
    return (first + np.arange(2 * len(ITEMS), dtype=np.float32)).reshape(-1, 2)


def test_a_text_is_learnt_from_as_it_is_or_as_one_of_those_drawn_of_it() -> None:
    own, looks, draws = numbered(1), numbered(10_000), [numbered(20_000), numbered(30_000)]
    inputs = Vectors({"words": own, "image": looks}, [{"words": draw} for draw in draws])
    fetched = inputs.fetch(ITEMS[::-1].copy())
    read = inputs.learning(fetched, 0, torch.Generator().manual_seed(3))["vectors"]

    came = np.stack([(read["words"].numpy() == one[::-1]).all(axis=1) for one in (own, *draws)])
    assert (came.sum(axis=0) == 1).all()
    assert (came.sum(axis=1) > 70).all()  # of 300, each a third
    np.testing.assert_array_equal(read["image"], looks[::-1])
    for plain in (inputs.plain(fetched), inputs.plain(inputs.fetch(ITEMS[::-1].copy()))):
        np.testing.assert_array_equal(plain["vectors"]["words"], own[::-1])

    again = inputs.learning(fetched, 0, torch.Generator().manual_seed(3))["vectors"]
    other = inputs.learning(fetched, 0, torch.Generator().manual_seed(4))["vectors"]
    assert torch.equal(read["words"], again["words"])
    assert not torch.equal(read["words"], other["words"])


def test_what_is_drawn_of_a_text_is_read_by_its_encoder(tmp_path: Path) -> None:
    store = shop(tmp_path)
    recipe = RECIPE.model_copy(update={"words": WordChanges(drop=1.0)})  # a single word is left
    lesson = lesson_of(store.snapshot, TRUTH, recipe)
    material = gather(store, store.snapshot, lesson, recipe, tmp_path, quiet)
    encoder = store.encoder("words")

    seen = set()
    for seed in range(4 * DRAWS):
        read = material.inputs.learning(material.inputs.fetch(np.arange(3)), 0, torch.Generator().manual_seed(seed))
        for at, vector in enumerate(read["vectors"]["words"].numpy()):
            text = store.snapshot.products(material.rows[at : at + 1])[0].title
            said = [text, *text.split()]
            nearest = encoder.embed(said) @ vector
            assert nearest.max() == pytest.approx(1, abs=1e-5)
            seen.add((at, said[int(nearest.argmax())] == text))
    assert seen == {(at, whole) for at in range(3) for whole in (True, False)}


def test_nothing_is_drawn_unless_a_recipe_says_so(tmp_path: Path) -> None:
    store = shop(tmp_path)
    lesson = lesson_of(store.snapshot, TRUTH, RECIPE)
    material = gather(store, store.snapshot, lesson, RECIPE, tmp_path, quiet)
    fetched = material.inputs.fetch(np.arange(20))
    read = material.inputs.learning(fetched, 0, torch.Generator().manual_seed(0))["vectors"]["words"]
    assert torch.equal(read, material.inputs.plain(fetched)["vectors"]["words"])
