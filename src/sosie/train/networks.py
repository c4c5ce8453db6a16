"""From a recipe to a network that learns, and from a trained one to an encoder's folder."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sosie.encoders.export import exported
from sosie.encoders.image import EXACT_CONVOLUTIONS, weights_file
from sosie.encoders.learned import LearnedPictures
from sosie.encoders.learned_products import LearnedProducts
from sosie.encoders.networks.efficientnet_lite import FEATURES, FromPixels, efficientnet_lite0, for_bf16
from sosie.encoders.networks.embedder import Embedder, EmbedderSettings, freeze
from sosie.encoders.networks.heads import Head, HeadSettings
from sosie.errors import TrainingError
from sosie.train.inputs import Inputs
from sosie.train.recipe import Recipe
from sosie.types import Encoder, Matrix, Rows

Made = TypeVar("Made")
WEIGHTS = "weights.safetensors"
LEAST_COSINE = 0.999  # of an exported embedding to the network's own


def make_network(recipe: Recipe, parts: Mapping[str, Encoder], sample: Mapping[str, Matrix]) -> nn.Module:
    """A network that has learnt nothing yet, or is pretrained, as a recipe says.

    `parts` encode what a network of vectors reads; from a `sample` of such vectors its maps begin. Raises
    TrainingError for options that the network doesn't have.
    """
    match recipe.network:
        case "efficientnet-lite0":
            trunk = FromPixels(efficientnet_lite0(weights_file()))
            settings = _settings(EmbedderSettings, recipe, {"features": FEATURES, "dim": recipe.dim})
            network = Embedder(trunk, settings)
            _freeze_blocks(trunk, recipe.freeze)
            return network
        case "head":
            (signal,) = parts
            settings_of_head = _settings(HeadSettings, recipe, {"inside": parts[signal].dim, "dim": recipe.dim})
            head = Head(settings_of_head)
            head.start(torch.from_numpy(sample[signal]), whiten=0.5)
            return OfSignals(head, (signal,))
        case other:
            raise TrainingError(f"the network {other} can't be trained yet.")


class OfSignals(nn.Module):
    """A network of one signal's vectors, called by its name."""

    def __init__(self, network: nn.Module, signals: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.signals = network, signals

    def forward(self, vectors: dict[str, Tensor]) -> Tensor:
        """Vectors by signal -> embeddings (n, dim)."""
        embeddings: Tensor = self.network(*(vectors[signal] for signal in self.signals))
        return embeddings


def _freeze_blocks(trunk: FromPixels, blocks: int) -> None:
    if not blocks:
        return
    network = trunk.network
    layers = [network._conv_stem, network._bn0, *network._blocks]  # type: ignore[misc]
    if blocks > len(layers) - 2:
        raise TrainingError(f"freeze: the network has {len(layers) - 2} blocks, {blocks} can't be frozen.")
    for layer in layers[: blocks + 2]:
        freeze(layer)


def _settings(kind: type[Made], recipe: Recipe, given: Mapping[str, Any]) -> Made:
    """The settings of a network: what the data says, and the recipe's options. Raises TrainingError: unknown ones."""
    known = [field.name for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    for option in recipe.options:
        if option not in known:
            near = get_close_matches(option, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known) or 'none'}."
            raise TrainingError(f"options: {recipe.network} has no option '{option}'; {hint}")
    return kind(**given, **recipe.options)


def write_encoder(folder: Path, network: nn.Module, recipe: Recipe, parts: Mapping[str, Encoder]) -> Encoder:
    """Export a trained network, and write it as an encoder with its weights beside; the encoder, opened from there."""
    network = network.cpu().eval()
    key = _digest_of(network)
    if recipe.sees == "vectors":
        inputs = {signal: np.zeros((2, encoder.dim), np.float32) for signal, encoder in parts.items()}
        axes = dict.fromkeys(inputs, ("n",))
        file = exported("learned-products", key, lambda: network, inputs, axes, nested="vectors")
        encoder: Encoder = LearnedProducts(parts, file, recipe.dim)
    else:
        size = recipe.final_size
        example = {"pixels": np.zeros((2, size, size, 3), np.uint8)}
        file = exported("learned-pictures", f"{key} {size}", lambda: _for_runtime(network), example, {"pixels": ("n",)})
        exact = EXACT_CONVOLUTIONS if recipe.network == "efficientnet-lite0" else 0
        encoder = LearnedPictures(file, _width(network, example), size, exact_convolutions=exact)
    encoder.save(folder)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
    return encoder


def _width(network: nn.Module, example: Mapping[str, Any]) -> int:
    with torch.inference_mode():
        return int(network(**{name: torch.from_numpy(array) for name, array in example.items()}).shape[1])


def _for_runtime(network: nn.Module) -> nn.Module:
    """The same network in a form that loses little in bf16."""
    if isinstance(network, Embedder) and isinstance(network.trunk, FromPixels):
        network = deepcopy(network)
        network.trunk = FromPixels(for_bf16(network.trunk.network, EXACT_CONVOLUTIONS))  # type: ignore[arg-type]
    return network


def _digest_of(network: nn.Module) -> str:
    state = blake2b(digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        state.update(name.encode())
        state.update(value.contiguous().numpy().tobytes())
    return state.hexdigest()


@torch.inference_mode()
def check_export(encoder: Encoder, network: nn.Module, inputs: Inputs, items: Rows) -> float:
    """The least cosine of an exported embedding to the network's own. Raises TrainingError where one is too low."""
    fetched = inputs.plain(inputs.fetch(items))
    if isinstance(encoder, LearnedProducts):
        exported_ones = encoder.combine({signal: vectors.numpy() for signal, vectors in fetched["vectors"].items()})
    else:
        assert isinstance(encoder, LearnedPictures)
        fetched = {"pixels": fetched["pixels"].round().to(torch.uint8)}
        exported_ones = encoder.encode_decoded(fetched["pixels"].numpy())
    own = nn.functional.normalize(network.eval()(**fetched), dim=1).numpy()
    least = float((own * exported_ones).sum(axis=1).min())
    if not least >= LEAST_COSINE:
        raise TrainingError(f"the exported network differs from the trained one: a cosine of {least:.4f} to its own.")
    return least
