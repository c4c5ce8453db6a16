"""Frames of videos as further pictures of a product."""

import sys
from pathlib import Path

import numpy as np
import pytest
from learned_folders import SIZE, picture_network
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "media"))
from clips import clip

from sosie.encoders import pictures
from sosie.encoders.image import REST
from sosie.encoders.learned import LearnedPictures
from sosie.media import frame_refs
from sosie.types import Product


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A picture, and a clip of two others, each shown for a second."""
    folder = tmp_path_factory.mktemp("home")
    shades = np.random.default_rng(0).integers(0, 256, (3, 2, 2, 3), np.uint8).repeat(SIZE // 2, 1).repeat(SIZE // 2, 2)
    first, *rest = map(Image.fromarray, shades)
    first.save(folder / "a.png")
    clip(folder / "a.mp4", rest)
    (folder / "b.mp4").write_bytes((folder / "a.mp4").read_bytes()[:200])
    return folder


@pytest.fixture
def encoder(home, tmp_path):
    return LearnedPictures(picture_network(tmp_path / "n.onnx"), 16, SIZE, "fp32", frames=2)


def product(home, *videos, images=("a.png",)):
    return Product("1", images=tuple(str(home / name) for name in images), videos=tuple(str(home / v) for v in videos))


def unit(vector):
    return vector / np.linalg.norm(vector)


def test_frames_count_like_further_pictures(home, encoder):
    refs = frame_refs(str(home / "a.mp4"), 2)
    first, one, two = encoder.encode([Product(ref, images=(ref,)) for ref in (str(home / "a.png"), *refs)])
    assert one @ two < 0.99
    found = encoder.encode([product(home, "a.mp4"), product(home, "a.mp4", images=()), product(home)])
    np.testing.assert_allclose(found[0], unit(first + REST / 2 * (one + two)), atol=1e-5)
    np.testing.assert_allclose(found[1], unit(one + REST * two), atol=1e-5)
    np.testing.assert_allclose(found[2], first, atol=1e-5)


def test_content_names_the_frames(home, encoder):
    assert encoder.content(product(home, "a.mp4")) != encoder.content(product(home)) != ""
    assert encoder.content(product(home, "a.mp4", images=())) != ""
    away = Product("1", images=(str(home / "a.png"),), videos=("https://example.org/a.mp4", "//cdn.org/a.mp4"))
    assert encoder.content(away) == encoder.content(product(home))
    off = LearnedPictures(encoder._network_path, 16, SIZE, "fp32", frames=0)
    assert off.content(product(home, "a.mp4")) == encoder.content(product(home))
    assert off.fingerprint != encoder.fingerprint
    np.testing.assert_array_equal(off.encode([product(home, "a.mp4")]), off.encode([product(home)]))


def test_a_damaged_video_is_told_and_the_pictures_remain(home, encoder):
    found = encoder.encode([product(home, "b.mp4"), product(home)])
    np.testing.assert_array_equal(found[0], found[1])
    assert set(encoder.problems) == set(frame_refs(str(home / "b.mp4"), 2))
    assert all("b.mp4: can't be read as a video" in reason for reason in encoder.problems.values())


def test_frames_are_kept_with_the_encoder(encoder, tmp_path):
    other = LearnedPictures(encoder._network_path, 16, SIZE, "fp32", frames=5)
    other.save(tmp_path / "saved")
    assert LearnedPictures.load(tmp_path / "saved").fingerprint == other.fingerprint != encoder.fingerprint


def test_without_the_library_videos_are_as_if_they_were_not_there(home, encoder, monkeypatch):
    monkeypatch.setattr(pictures, "frame_refs", lambda video, count: ())
    assert encoder.content(product(home, "a.mp4")) == encoder.content(product(home))
    assert encoder.content(product(home, "a.mp4", images=())) == ""
