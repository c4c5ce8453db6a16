"""Questions encoded together get the vectors that each gets alone."""

import numpy as np
import pytest
from PIL import Image as Pillow

from sosie.encoders.asked import encode_queries
from sosie.encoders.colour import Colour
from sosie.encoders.image import Image
from sosie.encoders.minilm import MiniLM
from sosie.encoders.price import Price
from sosie.errors import PictureError
from sosie.types import Query


@pytest.fixture
def photos(tmp_path):
    noise = np.random.default_rng(0)
    files = []
    for name in ("a", "b"):
        files.append(tmp_path / f"{name}.png")
        Pillow.fromarray(noise.integers(0, 255, (80, 90, 3), np.uint8)).save(files[-1])
    return files


def test_words():
    encoder = MiniLM()
    queries = [Query(text="a red dress"), Query(like=("p1",)), Query(text="garden chair, folding")]
    together = encode_queries(encoder, queries)
    assert together[1] is None
    for query, vector in zip(queries[::2], together[::2], strict=True):
        assert float(vector @ encoder.encode_query(query)) > 0.9999


@pytest.mark.parametrize("encoder", [Image(size=64), Colour()], ids=["image", "colour"])
def test_pictures(encoder, photos):
    queries = [Query(image=photos[0]), Query(text="no picture"), Query(image=photos[1]), Query(image=photos[0])]
    together = encode_queries(encoder, queries)
    assert together[1] is None
    np.testing.assert_array_equal(together[0], together[3])
    for at in (0, 2):
        assert float(together[at] @ encoder.encode_query(queries[at])) > 0.9999
    assert float(together[0] @ together[2]) < 0.9999


def test_a_picture_that_can_not_be_read_is_told(photos, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(PictureError, match="not a picture"):
        encode_queries(Colour(), [Query(image=photos[0]), Query(image=tmp_path / "text.png")])


def test_encoders_without_a_pass_for_many_are_asked_one_by_one():
    assert encode_queries(Price(), [Query(text="10 EUR"), Query(text="")]) == [None, None]
