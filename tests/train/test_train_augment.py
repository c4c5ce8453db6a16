import colorsys
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from sosie.train.augment import (
    NONE,
    SELF_SUPERVISED,
    STANDARD,
    TINY,
    Augmentation,
    augment_pictures,
    colour_matrix,
    plain,
    two_views,
)
from sosie.train.inputs import Pictures
from sosie.train.recipe import Recipe

EVERYTHING = Augmentation(
    crop=0.3,
    aspect=1.5,
    padding=0.1,
    flip=0.5,
    rotate=20,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.2,
    grey=0.2,
    blur=0.5,
    erase=0.5,
    operations=3,
    magnitude=0.8,
)
PRESETS = {"none": NONE, "standard": STANDARD, "tiny": TINY, "self": SELF_SUPERVISED, "everything": EVERYTHING}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n: int, side: int) -> Tensor:
    return torch.randint(0, 256, (n, side, side, 3), dtype=torch.uint8, generator=seeded(99))


def smooth(n: int, side: int) -> Tensor:
    """Pictures without fine detail, all different."""
    coarse = Image.fromarray(noise(1, 6)[0].numpy()).resize((4 * side, 4 * side), Image.Resampling.BICUBIC)
    whole = torch.from_numpy(np.array(coarse))
    return torch.stack([whole[at : at + side, 2 * at : 2 * at + side] for at in range(n)])


def ramps(n: int, side: int) -> Tensor:
    """Pictures whose red tells the column and whose green tells the row: 2 a pixel."""
    places = 2 * torch.arange(side, dtype=torch.uint8)
    one = torch.stack([places.expand(side, side), places[:, None].expand(side, side), places.expand(side, side)], 2)
    return one.repeat(n, 1, 1, 1)


def drawn(pixels: Tensor, size: int, seed: int = 0, **fields: object) -> Tensor:
    return augment_pictures(pixels, size, Augmentation.model_validate(fields), seeded(seed))


def test_without_augmentation_a_picture_stays_itself() -> None:
    pixels = noise(5, 24)
    assert torch.equal(augment_pictures(pixels, 24, NONE, seeded()), pixels.float())


def test_plain_is_what_pillow_makes() -> None:
    pixels = 64 + noise(3, 56) // 2  # nothing overshoots: Pillow would cut that off twice
    wanted = [np.array(Image.fromarray(one.numpy()).resize((40, 40), Image.Resampling.BICUBIC)) for one in pixels]
    found = plain(pixels, 40)
    assert (found - torch.from_numpy(np.stack(wanted)).float()).abs().max() < 1.3  # Pillow rounds twice
    assert torch.equal(found, augment_pictures(pixels, 40, NONE, seeded()))


def test_mirroring_mirrors_about_half_and_nothing_else() -> None:
    pixels = noise(200, 8)
    out = drawn(pixels, 8, flip=0.5)
    kept = (out == pixels).flatten(1).all(1)
    mirrored = (out == pixels.flip(2)).flatten(1).all(1)
    assert (kept ^ mirrored).all()
    assert 70 < mirrored.sum() < 130
    assert torch.equal(drawn(pixels, 8, flip=1), pixels.flip(2).float())


def test_padding_moves_by_whole_pixels_and_mirrors_at_the_edges() -> None:
    side, reach = 16, 4
    pixels = noise(300, side)
    out = drawn(pixels, side, padding=reach / side)
    shifts = set()
    for one, moved in zip(pixels.numpy(), out.numpy(), strict=True):
        padded = np.pad(one, ((reach, reach), (reach, reach), (0, 0)), mode="symmetric")
        found = [
            (y, x)
            for y in range(2 * reach + 1)
            for x in range(2 * reach + 1)
            if np.array_equal(padded[y : y + side, x : x + side], moved)
        ]
        assert len(found) == 1
        shifts.add(found[0])
    assert len(shifts) > 70  # of 81


def test_crops_are_those_of_pillow() -> None:
    side, size = 120, 90
    fields = {"crop": 0.3, "aspect": 1.5, "flip": 0.5}
    told = drawn(ramps(40, side), size, **fields)  # pixel (row, column) of the crop shows where it comes from
    out = drawn(smooth(40, side), size, **fields)
    areas = []
    for where, found, source in zip(told, out, smooth(40, side), strict=True):
        step_x = (where[5, 60, 0] - where[5, 20, 0]).item() / 40 / 2  # pixels of the source a pixel of the crop
        step_y = (where[60, 5, 1] - where[20, 5, 1]).item() / 40 / 2
        left = where[5, 20, 0].item() / 2 + 0.5 - 20.5 * step_x
        top = where[20, 5, 1].item() / 2 + 0.5 - 20.5 * step_y
        if step_x < 0:
            left, found = left + size * step_x, found.flip(1)
        right, bottom = left + size * abs(step_x), top + size * step_y
        assert -0.1 < left < right < side + 0.1
        assert -0.1 < top < bottom < side + 0.1
        areas.append((right - left) * (bottom - top) / side**2)
        box = (max(left, 0), max(top, 0), min(right, side), min(bottom, side))
        wanted = Image.fromarray(source.numpy()).resize((size, size), Image.Resampling.BILINEAR, box)
        assert np.abs(found.numpy() - np.array(wanted, np.float32)).max() < 3
    assert 0.29 < min(areas) < 0.4
    assert 0.85 < max(areas) < 1.01


@pytest.mark.parametrize("direction", [1, -1])
def test_turning_turns_about_the_middle(direction: int) -> None:
    side = 61
    out = drawn(ramps(30, side), side, rotate=40)
    assert torch.allclose(out[:, 30, 30, :2], torch.full((30, 2), 60.0), atol=0.1)
    right = (out[:, 30, 40, :2] - 60) / 20  # what lies ten pixels right of the middle, in tens of pixels
    below = (out[:, 40, 30, :2] - 60) / 20
    assert torch.allclose(right.norm(dim=1), torch.ones(30), atol=0.01)
    assert torch.allclose(below, torch.stack([-right[:, 1], right[:, 0]], 1), atol=0.01)
    angles = torch.atan2(right[:, 1], right[:, 0]).rad2deg()
    assert 20 < (direction * angles).max() < 40.1


def test_matrices_by_hand() -> None:
    one = torch.ones(1)
    assert torch.allclose(colour_matrix(one, one, one, 0 * one)[0], torch.eye(3), atol=1e-5)
    assert torch.allclose(colour_matrix(0.5 * one, 3 * one, one, 0 * one)[0], 1.5 * torch.eye(3), atol=1e-5)
    grey = colour_matrix(one, one, 0 * one, 0 * one)[0]
    assert torch.allclose(grey, torch.tensor([0.299, 0.587, 0.114]).expand(3, 3), atol=1e-3)
    half = colour_matrix(one, one, 0.5 * one, 0 * one)[0]
    assert torch.allclose(half, (torch.eye(3) + grey) / 2, atol=1e-3)


def test_hue_keeps_grey_and_turns_colours_around() -> None:
    turns = torch.tensor([1 / 3, -1 / 3, 1.0])
    matrices = colour_matrix(torch.ones(3), torch.ones(3), torch.ones(3), turns)
    assert torch.allclose(matrices.sum(2), torch.ones(3, 3), atol=1e-4)
    assert torch.allclose(matrices[0] @ matrices[1], torch.eye(3), atol=1e-4)
    assert torch.allclose(matrices[2], torch.eye(3), atol=1e-4)
    red = torch.tensor([0.6, 0.4, 0.4])
    hues = [colorsys.rgb_to_hsv(*(matrix @ red).tolist())[0] for matrix in matrices[:2]]
    assert sorted(hues) == pytest.approx([1 / 3, 2 / 3], abs=0.06)


def test_colours_change_as_their_matrix_says_and_contrast_around_the_mean_grey() -> None:
    pixels = 90 + noise(50, 6) // 8  # nothing reaches 0 or 255
    luma = torch.tensor([0.299, 0.587, 0.114])
    means = (pixels.float() @ luma).mean((1, 2))
    for name, level in (("brightness", 0 * means), ("contrast", means)):
        out = drawn(pixels, 6, **{name: 0.3})
        before = (pixels.float() - level[:, None, None, None]).flatten(1)
        after = (out - level[:, None, None, None]).flatten(1)
        factors = (before * after).sum(1) / before.square().sum(1)
        assert torch.allclose(after, factors[:, None] * before, atol=0.05)
        assert 0.7 <= factors.min() < 0.8
        assert 1.2 < factors.max() <= 1.3
    grey = drawn(pixels, 6, grey=1)
    assert torch.allclose(grey, (pixels.float() @ luma)[..., None].expand(-1, -1, -1, 3), atol=0.1)


def test_where_colour_is_learnt_no_colour_changes() -> None:
    pixels = torch.tensor([200, 40, 90], dtype=torch.uint8).expand(60, 12, 12, 3).contiguous()
    fields = EVERYTHING.model_dump() | {"erase": 0}
    assert (drawn(pixels, 10, **fields) - pixels[:, :10, :10].float()).abs().max() > 20
    assert (drawn(pixels, 10, **fields | {"colours": False}) - pixels[:, :10, :10].float()).abs().max() < 0.01


def test_blur_is_a_gaussian_and_keeps_what_is_even() -> None:
    side = 224
    point = torch.zeros(8, side, side, 3, dtype=torch.uint8)
    point[:, 100, 100] = 255
    out = drawn(point, side, blur=1)[..., 0]
    assert torch.allclose(out.sum((1, 2)), torch.full((8,), 255.0), atol=0.1)
    row = out.sum(1) / 255
    spread = ((torch.arange(side) - 100).square() * row).sum(1).sqrt()
    assert spread.max() <= 2.01
    for one, sigma in zip(row, spread, strict=True):
        if sigma > 0.7:  # below, the pixels are too coarse for the formula
            wanted = torch.exp(-((torch.arange(side) - 100) ** 2) / (2 * sigma**2))
            assert torch.allclose(one, wanted / wanted.sum(), atol=0.01)
    even = torch.full((4, 32, 32, 3), 77, dtype=torch.uint8)
    assert torch.allclose(drawn(even, 32, blur=1), even.float(), atol=0.01)


def test_erasing_takes_one_rectangle_within_the_picture() -> None:
    side = 40
    out = drawn(torch.full((200, side, side, 3), 10, dtype=torch.uint8), side, erase=0.5)
    gone = (out == 127).all(3)
    assert (gone | (out == 10).all(3)).all()
    assert 70 < gone.flatten(1).any(1).sum() < 130
    for mask in gone[gone.flatten(1).any(1)]:
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        height, width = (int(ends.max() - ends.min()) + 1 for ends in (rows, columns))
        assert mask.sum() == height * width
        assert 0.01 < height * width / side**2 < 0.28
        assert 1 / 3.6 < height / width < 3.6


def test_operations_leave_some_pictures_and_change_most() -> None:
    pixels = smooth(30, 48).repeat(10, 1, 1, 1)
    same = (drawn(pixels, 48, operations=1, magnitude=0.9) - pixels).abs().flatten(1).amax(1) < 0.01
    assert 5 < same.sum() < 120  # of 300: one of eleven choices is to do nothing, posterising may be by no bit
    assert torch.allclose(drawn(pixels, 48, operations=2, magnitude=0), pixels.float(), atol=0.01)


@pytest.mark.parametrize("name", PRESETS)
def test_a_batch_in_parts_gives_the_same_pictures(name: str) -> None:
    pixels, chosen = smooth(21, 40), PRESETS[name]
    whole = augment_pictures(pixels, 32, chosen, seeded(5))
    generator = seeded(5)
    parts = [augment_pictures(part, 32, chosen, generator) for part in pixels.split([1, 9, 11])]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-3)
    assert name == "none" or not torch.allclose(whole, augment_pictures(pixels, 32, chosen, seeded(6)), atol=1)


def test_a_setting_more_changes_nothing_of_the_others() -> None:
    pixels = smooth(9, 30)
    few = drawn(pixels, 20, crop=0.3, flip=0.5, brightness=0.2)
    more = drawn(pixels, 20, crop=0.3, flip=0.5, brightness=0.2, erase=1)
    kept = (more != 127).any(3)
    assert 0.7 < kept.float().mean() < 0.98
    assert torch.equal(few[kept], more[kept])


def test_two_views_differ_and_hold_in_parts() -> None:
    pixels = smooth(10, 40)
    first, second = two_views(pixels, 32, SELF_SUPERVISED, seeded(3))
    assert ((first - second).abs().flatten(1).mean(1) > 1).all()
    generator = seeded(3)
    parts = [two_views(part, 32, SELF_SUPERVISED, generator) for part in pixels.split(5)]
    assert torch.allclose(torch.cat([one for one, _ in parts]), first, atol=1e-3)
    assert torch.allclose(torch.cat([other for _, other in parts]), second, atol=1e-3)


def test_bounds_of_settings() -> None:
    for fields in ({"crop": 0}, {"flip": 1.1}, {"hue": 0.6}, {"operations": 5}, {"padding": 0.6}, {"flipp": 1}):
        with pytest.raises(ValueError, match=next(iter(fields))):
            Augmentation.model_validate(fields)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 5),
    side=st.integers(8, 40),
    size=st.integers(8, 32),
    seed=st.integers(0, 2**32),
    crop=st.floats(0.02, 1),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "aspect": st.floats(1, 4),
            "padding": st.floats(0, 0.5),
            "rotate": st.floats(0, 180),
            "operations": st.integers(0, 4),
            **dict.fromkeys(
                ("flip", "brightness", "contrast", "saturation", "grey", "blur", "erase", "magnitude"), st.floats(0, 1)
            ),
        },
    ),
)
def test_whatever_is_set_pictures_are_pictures(
    n: int, side: int, size: int, seed: int, crop: float, fields: dict[str, float]
) -> None:
    out = drawn(noise(n, side), size, seed, crop=crop, **fields)
    assert out.shape == (n, size, size, 3)
    assert out.dtype == torch.float32
    assert out.is_contiguous()
    assert math.isfinite(out.sum().item())
    assert out.min() >= -0.01
    assert out.max() <= 255.01


def test_pictures_settle_at_the_end_of_a_course():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)
    recipe = Recipe(network="residual", sizes=(8, 16), epochs=4, settle=0.3, augmentation=Augmentation(padding=0.25))
    inputs = Pictures(pixels, recipe)

    def drawn(epoch, of=inputs):
        return of.learning(of.fetch(np.arange(6)), epoch, torch.Generator().manual_seed(1))["pixels"]

    assert [drawn(epoch).shape[1] for epoch in range(4)] == [8, 8, 16, 16]
    as_they_are = torch.from_numpy(pixels).float()
    assert torch.equal(drawn(3), as_they_are)
    assert not torch.equal(drawn(2), as_they_are)
    shorter = inputs.following(recipe.model_copy(update={"epochs": 2}))
    assert torch.equal(drawn(1, shorter), as_they_are)
    views = inputs.following(recipe.model_copy(update={"views": 1.0}))  # both would be the same picture
    assert not torch.equal(drawn(3, views), as_they_are)
