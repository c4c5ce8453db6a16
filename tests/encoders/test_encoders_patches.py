"""Patches of pictures: where they lie, and what is fitted."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sosie.encoders.matching import DIM, GRID, PATCHES, matches, matching_patches, packed
from sosie.encoders.patches import EARLY, LATE, Patches, _whitening
from sosie.errors import EncoderError
from sosie.types import Product, Query

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Products whose pictures are noise, a ringed disc somewhere in the first; and another with the same disc."""
    folder = tmp_path_factory.mktemp("patches")
    products = [Product(f"p{at}", images=(noise(folder / f"{at}.png", at),)) for at in range(8)]
    noise(folder / "0.png", 0, disc=(80, 80))
    encoder = Patches()
    encoder.fit(iter(products))
    return encoder, products, noise(folder / "moved.png", 99, disc=(144, 112))


def noise(file, seed, disc=None):
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 14, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((224, 224), Image.Resampling.BICUBIC)
    if disc:
        draw = ImageDraw.Draw(picture)
        for radius, colour in ((40, "white"), (28, "red"), (14, "white")):
            draw.circle(disc, radius, fill=colour)
    picture.save(file)
    return str(file)


def test_every_patch_is_of_unit_length(shop):
    encoder, products, _ = shop
    vectors = encoder.encode(products)
    assert vectors.shape == (8, PATCHES * DIM)
    np.testing.assert_allclose(np.linalg.norm(vectors.reshape(8, PATCHES, DIM), axis=2), 1 / GRID, rtol=1e-4)


def test_what_matches_is_found_where_it_lies(shop):
    encoder, products, moved = shop
    patches = packed(encoder.encode([*products, Product("moved", images=(moved,))]))
    best = matching_patches(patches[0], patches[8], 1)[0]
    assert np.abs(np.subtract(best.one, (80 // 32, 80 // 32))).max() <= 1
    assert np.abs(np.subtract(best.other, (112 // 32, 144 // 32))).max() <= 1
    assert np.argmax(matches(patches[8], patches[:8])) == 0


def test_a_question_with_a_picture_has_the_patches_of_a_product_with_it(shop):
    encoder, products, _ = shop
    asked = encoder.encode_query(Query(image=products[2].images[0]))
    np.testing.assert_allclose(asked @ encoder.encode(products[2:3])[0], 1, atol=1e-3)
    assert encoder.encode_query(Query(text="a red disc")) is None


def test_maps_are_those_on_the_way_through_the_whole_network():
    from sosie.encoders.image import weights_file
    from sosie.encoders.networks.efficientnet_lite import efficientnet_lite0
    from sosie.encoders.networks.patch_maps import EARLY as FIRST
    from sosie.encoders.networks.patch_maps import LATE as LAST
    from sosie.encoders.networks.patch_maps import WIDTHS, PatchMaps

    assert (EARLY, LATE) == WIDTHS
    network = efficientnet_lite0(weights_file())
    seen = {}
    for at in (FIRST - 1, LAST - 1):
        network._blocks[at].register_forward_hook(lambda _, __, out, at=at: seen.update({at: out}))
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        network(pictures)
        maps = PatchMaps(network)(pictures)
    early, late = seen[FIRST - 1], seen[LAST - 1]
    assert (early.shape, late.shape) == ((2, EARLY, 14, 14), (2, LATE, 7, 7))
    for row, column in ((0, 0), (2, 5), (6, 6)):
        corner = early[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].mean((2, 3))
        expected = torch.cat([corner, late[:, :, row, column]], 1)
        torch.testing.assert_close(maps[:, row * 7 + column], expected, atol=1e-4, rtol=1e-4)


def test_whitening_leaves_no_direction_longer_than_another():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((4000, 80)) * np.linspace(3, 1, 80) @ generator.standard_normal((80, 80))
    rows -= rows.mean(axis=0)
    white = rows @ _whitening(rows)
    covariance = white.T @ white / len(rows)
    np.testing.assert_allclose(np.diag(covariance), 1, atol=0.3)  # but for the floor
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3
    assert np.isfinite(_whitening(np.zeros((10, 80)))).all()


def test_a_catalogue_without_pictures_fits_nothing_and_encodes_nothing(shop):
    _, products, _ = shop
    encoder = Patches()
    before = encoder.fingerprint
    encoder.fit(iter([Product("bare"), Product("gone", images=("nowhere.png",))]))
    assert encoder.fingerprint == before
    assert not encoder.encode([Product("bare")]).any()
    assert "nowhere.png" in encoder.problems
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(products[:1])), 1, rtol=1e-4)


def test_a_folder_that_lacks_a_part_is_refused(shop, tmp_path):
    encoder, _, _ = shop
    encoder.save(tmp_path)
    (tmp_path / "late.npy").unlink()
    with pytest.raises(EncoderError, match=r"late\.npy: is missing"):
        Patches.load(tmp_path)
