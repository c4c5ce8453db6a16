"""Augmentation of pictures: whole batches at once, on whatever device they are.

A picture is placed (cropped, moved, mirrored, turned) by one sampling of its pixels, recoloured by one 3 x 3 matrix,
and erased by a mask. Every picture's numbers are one row of one draw, so a batch in two parts gives the same pictures.
"""

import math
from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.config import Settings, Share

OPERATIONS = 4  # that a picture can meet at most
NUMBERS = (
    *("area", "aspect", "x", "y", "flip", "rotate"),
    *("brightness", "contrast", "saturation", "hue", "grey", "blur", "sigma"),
    *("erase", "erased area", "erased aspect", "erased x", "erased y"),
    *(f"operation {at}" for at in range(OPERATIONS)),
    *(f"strength {at}" for at in range(OPERATIONS)),
)  # drawn for every picture, whether its settings need them or not: another setting changes nothing else
PLACING = {"rotate": 30.0, "shear-x": 0.3, "shear-y": 0.3, "move-x": 0.3, "move-y": 0.3}  # at strength 1
COLOURING = {"brightness": 0.9, "contrast": 0.9, "saturation": 0.9, "solarise": 256.0, "posterise": 4.0}
ERASED_AREA, ERASED_ASPECT = (0.02, 0.25), 3.0
MIDDLE = 127.0  # what is erased becomes: nothing to networks that normalise around it
BLUR = (0.1, 2.0)  # standard deviations in pixels of a picture of BLURRED_AT pixels
BLURRED_AT = 224
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow makes grey
TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))  # hue turns its last two


class Augmentation(Settings):
    """What is done to pictures while a network learns. All is off by default: what is written is what is done."""

    crop: Annotated[float, Field(gt=0.01, le=1)] = 1.0  # smallest share of the area that a crop keeps
    aspect: Annotated[float, Field(ge=1, le=4)] = 1.0  # of a crop: from 1/aspect to aspect
    padding: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # share of the side that a crop may reach beyond the picture
    flip: Share = 0.0  # probability of mirroring
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0  # degrees, either way
    brightness: Share = 0.0  # factors from 1 - this to 1 + this; likewise the next two
    contrast: Share = 0.0
    saturation: Share = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0  # turns of the colour circle, either way
    grey: Share = 0.0  # probability of losing all colour
    blur: Share = 0.0  # probability
    erase: Share = 0.0  # probability that a rectangle is erased
    operations: Annotated[int, Field(ge=0, le=OPERATIONS)] = 0  # of RandAugment, for each picture
    magnitude: Share = 0.5  # the most of what an operation can do
    colours: bool | None = None  # False leaves all colours as they are, whatever else is set; None = see `hues`


NONE = Augmentation()
STANDARD = Augmentation(crop=0.35, aspect=4 / 3, flip=0.5, brightness=0.3, contrast=0.3, saturation=0.3, hue=0.02)
TINY = Augmentation(padding=0.125, flip=0.5)  # random crop with padding, flip: pictures of some 32 pixels
SELF_SUPERVISED = Augmentation(
    crop=0.2,
    aspect=4 / 3,
    flip=0.5,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.1,
    grey=0.2,
    blur=0.5,
)  # Chen et al., "SimCLR", 2020; crops are larger, a product being the whole picture


def augment_pictures(pixels: Tensor, size: int, settings: Augmentation, generator: Generator) -> Tensor:
    """Pictures (n, s, s, 3) uint8, drawn anew: (n, size, size, 3) float32 in 0..255, contiguous.

    A pure function of the state of the generator, which is one of the CPU wherever the pictures are. Crops: Szegedy
    et al., "Going deeper with convolutions", 2015; erasing: Zhong et al., 2017; operations: Cubuk et al.,
    "RandAugment", 2019, less those that need a histogram.
    """
    return _augmented(pixels, size, settings, _numbers(pixels, 1, generator))


def two_views(pixels: Tensor, size: int, settings: Augmentation, generator: Generator) -> tuple[Tensor, Tensor]:
    """Two augmentations of each picture, each as of `augment_pictures`, both from one row of one draw."""
    first, second = _numbers(pixels, 2, generator).chunk(2, dim=1)
    return _augmented(pixels, size, settings, first), _augmented(pixels, size, settings, second)


def plain(pixels: Tensor, size: int) -> Tensor:
    """Pictures (n, s, s, 3) uint8 as validation and inference see them: resized, (n, size, size, 3) float32 0..255."""
    return _resized(pixels, size).permute(0, 2, 3, 1).contiguous()


def _numbers(pixels: Tensor, views: int, generator: Generator) -> Tensor:
    return torch.rand(len(pixels), views * len(NUMBERS), generator=generator)


def _augmented(pixels: Tensor, size: int, settings: Augmentation, numbers: Tensor) -> Tensor:
    drawn = dict(zip(NUMBERS, numbers.unbind(1), strict=True))
    done = _operations(settings, drawn)
    pictures = _placed(pixels, size, settings, drawn, done)
    if settings.blur:
        pictures = _blurred(pictures, drawn["blur"] < settings.blur, drawn["sigma"])
    if settings.colours is not False:
        pictures = _recoloured(pictures, settings, drawn, done)
    if settings.erase:
        pictures = _erased(pictures, settings.erase, drawn)
    return pictures.permute(0, 2, 3, 1).contiguous()


def _operations(settings: Augmentation, drawn: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """How strongly each operation meets each picture, name -> (n,) in -1..1 or, where met twice, beyond; 0 = not."""
    if not settings.operations:
        return {}
    names = [*PLACING, *(COLOURING if settings.colours is not False else ())]
    done = {}
    for number, name in enumerate(names, 1):  # 0 = leave it as it is
        done[name] = torch.zeros_like(drawn["area"])
        for at in range(settings.operations):
            chosen = (drawn[f"operation {at}"] * (len(names) + 1)).long() == number
            done[name] += chosen * settings.magnitude * _either(drawn[f"strength {at}"])
    return done


def _placed(
    pixels: Tensor, size: int, settings: Augmentation, drawn: Mapping[str, Tensor], done: Mapping[str, Tensor]
) -> Tensor:
    if settings.crop < 1 or settings.aspect > 1 or settings.rotate or done:
        return _sampled(pixels, _affine(settings, drawn, done), size)
    return _resized(_moved(pixels, settings, drawn), size)


def _moved(pixels: Tensor, settings: Augmentation, drawn: Mapping[str, Tensor]) -> Tensor:
    """Moved by whole pixels and mirrored, (n, s, s, 3) uint8: nothing is blurred."""
    if not (settings.padding or settings.flip):
        return pixels
    side = pixels.shape[1]
    reach = round(settings.padding * side)
    straight = torch.arange(side, device=drawn["x"].device)
    shift = {axis: (drawn[axis] * (2 * reach + 1)).long()[:, None] - reach for axis in "xy"}
    rows = straight + shift["y"]
    columns = torch.where((drawn["flip"] < settings.flip)[:, None], straight.flip(0), straight) + shift["x"]
    rows, columns = (_mirrored(places, side).to(pixels.device) for places in (rows, columns))
    own = torch.arange(len(pixels), device=pixels.device)
    return pixels[own[:, None, None], rows[:, :, None], columns[:, None, :]]


def _mirrored(places: Tensor, side: int) -> Tensor:
    """Places beyond the picture's edges, mirrored at them into 0..side - 1."""
    places = torch.where(places < 0, -1 - places, places)
    return torch.where(places >= side, 2 * side - 1 - places, places)


def _affine(settings: Augmentation, drawn: Mapping[str, Tensor], done: Mapping[str, Tensor]) -> Tensor:
    """Where the wanted picture's places are in the given one, both from -1 to 1: (n, 2, 3)."""
    none = torch.zeros_like(drawn["area"])
    met = {name: done.get(name, none) * most for name, most in PLACING.items()}
    area = settings.crop + (1 - settings.crop) * drawn["area"]
    ratio = torch.exp(math.log(settings.aspect) * _either(drawn["aspect"]) / 2)
    width, height = ((area.sqrt() * side).clamp(max=1) for side in (ratio, 1 / ratio))
    x = (1 - width + 2 * settings.padding) * _either(drawn["x"]) + 2 * met["move-x"]
    y = (1 - height + 2 * settings.padding) * _either(drawn["y"]) + 2 * met["move-y"]
    angle = torch.deg2rad(settings.rotate * _either(drawn["rotate"]) + met["rotate"])
    cos, sin = angle.cos(), angle.sin()
    sheared = met["shear-x"], met["shear-y"]
    mirrored = torch.where(drawn["flip"] < settings.flip, -width, width)
    across = (cos - sin * sheared[1]) * mirrored, (sin + cos * sheared[1]) * mirrored
    down = (cos * sheared[0] - sin) * height, (sin * sheared[0] + cos) * height
    return torch.stack([torch.stack([across[0], down[0], x], 1), torch.stack([across[1], down[1], y], 1)], 1)


def _sampled(pixels: Tensor, affine: Tensor, size: int) -> Tensor:
    pictures = pixels.permute(0, 3, 1, 2).to(torch.float32)
    grid = F.affine_grid(affine.to(pixels.device), [len(pixels), 3, size, size], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _resized(pixels: Tensor, size: int) -> Tensor:
    """As Pillow resizes, but not rounded: (n, 3, size, size) float32."""
    pictures = pixels.permute(0, 3, 1, 2).to(torch.float32)
    if pixels.shape[1] == size:
        return pictures
    return F.interpolate(pictures, (size, size), mode="bicubic", antialias=True).clamp(0, 255)


def _blurred(pictures: Tensor, chosen: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur as two products with matrices of weights, whose rows sum to 1 at the edges, too."""
    rows = chosen.nonzero()[:, 0]
    size = pictures.shape[-1]
    spread = (BLUR[0] + (BLUR[1] - BLUR[0]) * sigma[rows]) * size / BLURRED_AT
    places = torch.arange(size, device=sigma.device, dtype=torch.float32)
    apart = (places[:, None] - places) / spread[:, None, None]
    weights = torch.softmax(-apart.square() / 2, dim=2)[:, None].to(pictures.device)
    rows = rows.to(pictures.device)
    return pictures.index_copy(0, rows, weights @ pictures[rows] @ weights.mT)


def _recoloured(
    pictures: Tensor, settings: Augmentation, drawn: Mapping[str, Tensor], done: Mapping[str, Tensor]
) -> Tensor:
    strengths = {
        name: getattr(settings, name) * _either(drawn[name]) + done.get(name, 0) * COLOURING[name]
        for name in ("brightness", "contrast", "saturation")
    }
    turns = settings.hue * _either(drawn["hue"])
    grey = drawn["grey"] < settings.grey
    if settings.brightness or settings.contrast or settings.saturation or settings.hue or settings.grey or done:
        factors = {name: (1 + value).clamp(0, 2) for name, value in strengths.items()}
        factors["saturation"] = torch.where(grey, 0, factors["saturation"])
        matrix = colour_matrix(factors["brightness"], factors["contrast"], factors["saturation"], turns)
        matrix = matrix.to(pictures.device)
        luma = pictures.new_tensor(LUMA)
        lost = (1 - factors["contrast"]) * factors["brightness"]
        offset = (pictures.mean((2, 3)) @ luma) * lost.to(pictures.device)
        flat = pictures.reshape(len(pictures), 3, -1)
        pictures = torch.baddbmm(offset[:, None, None], matrix, flat).clamp_(0, 255).view(pictures.shape)
    for name, change in (("solarise", _solarised), ("posterise", _posterised)):
        if name in done:
            strength = (done[name].abs().clamp(max=1) * COLOURING[name]).to(pictures.device)
            pictures = change(pictures, strength[:, None, None, None])
    return pictures


def colour_matrix(brightness: Tensor, contrast: Tensor, saturation: Tensor, turns: Tensor) -> Tensor:
    """What colours (r, g, b) are multiplied by: factors (n,), and the turn of the hue in whole turns -> (n, 3, 3).

    Contrast also adds `(1 - contrast)` times the picture's mean grey. All four commute: hue and saturation keep the
    grey of every pixel, so that no order has to be drawn.
    """
    to_yiq = torch.tensor(TO_YIQ, device=turns.device)
    angle = 2 * math.pi * turns
    turned = torch.zeros(len(turns), 3, 3, device=turns.device)
    turned[:, 0, 0] = 1
    turned[:, 1, 1] = turned[:, 2, 2] = saturation * angle.cos()
    turned[:, 2, 1] = saturation * angle.sin()
    turned[:, 1, 2] = -turned[:, 2, 1]
    matrix: Tensor = (contrast * brightness)[:, None, None] * (torch.linalg.inv(to_yiq) @ turned @ to_yiq)
    return matrix


def _solarised(pictures: Tensor, strength: Tensor) -> Tensor:
    return torch.where((pictures >= 256 - strength) & (strength > 0), 255 - pictures, pictures)


def _posterised(pictures: Tensor, bits: Tensor) -> Tensor:
    step = 2 ** bits.round()
    return torch.where(step > 1, (pictures / step).floor() * step, pictures)


def _erased(pictures: Tensor, probability: float, drawn: Mapping[str, Tensor]) -> Tensor:
    size = pictures.shape[-1]
    least, most = ERASED_AREA
    area = least + (most - least) * drawn["erased area"]
    ratio = torch.exp(math.log(ERASED_ASPECT) * _either(drawn["erased aspect"]) / 2)
    places = torch.arange(size, device=area.device)
    within = []
    for axis, side in (("x", ratio), ("y", 1 / ratio)):
        length = (area.sqrt() * side * size).round()
        start = (drawn[f"erased {axis}"] * (size - length + 1)).floor()
        within.append((places >= start[:, None]) & (places < (start + length)[:, None]))
    chosen = (drawn["erase"] < probability)[:, None, None]
    mask = chosen & within[1][:, :, None] & within[0][:, None, :]
    return pictures.masked_fill(mask[:, None].to(pictures.device), MIDDLE)


def _either(drawn: Tensor) -> Tensor:
    """Numbers of 0..1 as numbers of -1..1."""
    return 2 * drawn - 1
