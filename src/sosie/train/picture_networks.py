"""Networks of pictures: made as a recipe says, and written as an encoder."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from sosie.encoders.export import exported, file_key
from sosie.encoders.image import CHUNK, EXACT_CONVOLUTIONS, weights_file
from sosie.encoders.learned import LearnedPictures
from sosie.encoders.networks.bounds import Chance, Count
from sosie.encoders.networks.cnn import Cnn, CnnSettings
from sosie.encoders.networks.efficientnet_lite import (
    FEATURES,
    EfficientNetLite0,
    FromPixels,
    Start,
    efficientnet_lite0,
    for_bf16,
)
from sosie.encoders.networks.embedder import Embedder, EmbedderSettings, Reduced, Rest, Whitened, freeze, hold_norms
from sosie.encoders.networks.residual import Residual, ResidualSettings
from sosie.encoders.networks.vae import PictureVae, PictureVaeSettings
from sosie.encoders.runtime import Runtime
from sosie.errors import TrainingError
from sosie.train.inputs import Inputs, Maps, Pictures
from sosie.train.options import settings_of
from sosie.train.recipe import Recipe


@dataclass(frozen=True)
class SmallSettings:
    """The first `blocks` of the pretrained network, and `features` that are made of them: 0.95 million numbers."""

    blocks: Annotated[int, Field(ge=1, le=16)] = 11
    features: Count = 640
    dropout: Chance = 0.0


def make_picture_network(recipe: Recipe) -> nn.Module:
    """A network of pictures that has learnt nothing of the shop yet. Raises TrainingError for unknown options."""
    match recipe.network:
        case "efficientnet-lite0":
            trunk = efficientnet_lite0(weights_file())
            settings = settings_of(EmbedderSettings, recipe, {"features": FEATURES, "dim": recipe.dim})
            hold_norms(trunk)
            _freeze_blocks(trunk, recipe.freeze)
            return Embedder(FromPixels(trunk), settings)
        case "small":
            small = settings_of(SmallSettings, recipe, {})
            trunk = efficientnet_lite0(weights_file(), small.blocks, small.features)
            hold_norms(trunk._blocks)
            assert isinstance(trunk._bn1, nn.BatchNorm2d)
            trunk._bn1.momentum = 0.1  # it begins at random, and has few steps
            _freeze_blocks(trunk, recipe.freeze)
            return Embedder(FromPixels(trunk), EmbedderSettings(small.features, recipe.dim, small.dropout))
        case "residual":
            residual = settings_of(ResidualSettings, recipe, {"dim": recipe.dim})
            least = min(recipe.final_size, *recipe.sizes)
            if least >> len(residual.widths) < 1:
                raise TrainingError(
                    f"options.widths: {len(residual.widths)} stages halve pictures of {least} pixels to nothing; "
                    "leave some out, or take larger sizes."
                )
            return Residual(residual)
        case "cnn":
            return Cnn(settings_of(CnnSettings, recipe, _of_one_size(recipe)))
        case "vae":
            return OfPixels(PictureVae(settings_of(PictureVaeSettings, recipe, _of_one_size(recipe))))
        case other:
            raise TrainingError(f"the network {other} can't be trained yet.")


class OfPixels(nn.Module):
    """A network of pictures, called with their pixels by that name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB (n, h, w, 3), uint8 or float in 0..255 -> embeddings (n, dim)."""
        embeddings: Tensor = self.network(pixels)
        return embeddings


def _of_one_size(recipe: Recipe) -> dict[str, int]:
    if {*recipe.sizes} != {recipe.final_size}:
        raise TrainingError(f"sizes: the network {recipe.network} sees pictures of one size, from first to last.")
    return {"size": recipe.final_size, "dim": recipe.dim}


def from_maps(network: nn.Module, recipe: Recipe, inputs: Inputs) -> tuple[nn.Module, Inputs]:
    """What of a network learns, and what it reads: where its first blocks are frozen, their maps.

    The quick runtime makes them from the augmented pictures in a seventh of the time that torch takes; a GPU needs no
    such help. Another network, or one that learns as a whole, stays as it is.
    """
    if not (isinstance(network, Embedder) and recipe.freeze and isinstance(inputs, Pictures)):
        return network, inputs
    if torch.cuda.is_available():
        return network, inputs
    assert isinstance(network.trunk, FromPixels)
    trunk = network.trunk.network
    assert isinstance(trunk, EfficientNetLite0)
    start = Start(for_bf16(trunk, EXACT_CONVOLUTIONS), recipe.freeze)
    weights = Path(recipe.start) / "weights.safetensors" if recipe.start else weights_file()
    key = f"{file_key(weights)} {recipe.freeze}"

    runtimes = {size: _start_runtime(start, key, size) for size in {*recipe.sizes, recipe.final_size}}
    maps = Maps(inputs, lambda pixels: runtimes[pixels.shape[1]].run(pixels, chunk=CHUNK))
    return Rest(network, recipe.freeze), maps


def _start_runtime(start: nn.Module, key: str, size: int) -> Runtime:
    pixels = {"pixels": np.zeros((2, size, size, 3), np.uint8)}
    file = exported("efficientnet-lite0-start", f"{key} {size}", lambda: start, pixels, {"pixels": ("n",)})
    return Runtime(file, exact_convolutions=EXACT_CONVOLUTIONS)


def whole(network: nn.Module) -> nn.Module:
    """The network that a trained rest belongs to."""
    return network.embedder if isinstance(network, Rest) else network


def _freeze_blocks(trunk: EfficientNetLite0, blocks: int) -> None:
    if blocks > len(trunk._blocks):
        raise TrainingError(f"freeze: the network has {len(trunk._blocks)} blocks, {blocks} can't be frozen.")
    if blocks:
        for layer in (trunk._conv_stem, trunk._bn0, *list(trunk._blocks)[:blocks]):
            freeze(layer)


def write_pictures(network: nn.Module, recipe: Recipe, key: str) -> LearnedPictures:
    """The encoder of a trained network, exported under a key that names its weights."""
    size = recipe.final_size
    pixels = {"pixels": np.zeros((2, size, size, 3), np.uint8)}
    file = exported("learned-pictures", f"{key} {size}", lambda: _for_runtime(network), pixels, {"pixels": ("n",)})
    exact = EXACT_CONVOLUTIONS if recipe.network in ("efficientnet-lite0", "small") else 0
    with torch.inference_mode():
        dim = network(torch.from_numpy(pixels["pixels"])).shape[1]
    return LearnedPictures(file, int(dim), size, exact_convolutions=exact)


def _for_runtime(network: nn.Module) -> nn.Module:
    """The same network in a form that loses little in bf16."""
    network = deepcopy(network)
    embedder = network.network if isinstance(network, Reduced | Whitened) else network
    if isinstance(embedder, Embedder) and isinstance(embedder.trunk, FromPixels):
        inner = embedder.trunk.network
        assert isinstance(inner, EfficientNetLite0)
        embedder.trunk = FromPixels(for_bf16(inner, EXACT_CONVOLUTIONS))
    return network
