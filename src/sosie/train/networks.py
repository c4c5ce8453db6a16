"""From a recipe to a network that learns, and from a trained one to an encoder's folder."""

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from sosie.encoders.export import exported
from sosie.encoders.learned import LearnedPictures, LearnedTexts
from sosie.encoders.learned_products import LearnedProducts
from sosie.encoders.networks.fusion import AllSignals, Multimodal, MultimodalSettings, TwoTower, TwoTowerSettings
from sosie.encoders.networks.heads import Head, HeadSettings
from sosie.errors import TrainingError
from sosie.train.inputs import WORDS, Inputs, Tensors
from sosie.train.options import settings_of
from sosie.train.picture_networks import make_picture_network, write_pictures
from sosie.train.recipe import Recipe
from sosie.train.text_networks import make_text_network, merge, write_texts
from sosie.train.tokens import Texts
from sosie.types import Encoder, Matrix, Rows

WEIGHTS = "weights.safetensors"
LEAST_COSINE = 0.999  # of an exported embedding to the network's own


def make_network(recipe: Recipe, parts: Mapping[str, Encoder], sample: Mapping[str, Matrix]) -> nn.Module:
    """A network that has learnt nothing yet, or is pretrained, as a recipe says.

    `parts` encode what a network of vectors reads; from a `sample` of such vectors its maps begin, a network of texts
    from those of "tokens". Raises TrainingError for options that the network doesn't have.
    """
    match recipe.network:
        case "head":
            (signal,) = parts
            settings_of_head = settings_of(HeadSettings, recipe, {"inside": parts[signal].dim, "dim": recipe.dim})
            head = Head(settings_of_head)
            head.start(torch.from_numpy(sample[signal]), whiten=0.5)
            return OfSignals(head, (signal,))
        case "multimodal":
            return AllSignals(_multimodal(recipe, parts, sample))
        case "two-towers":
            sides = [{s: e for s, e in parts.items() if (s in WORDS) == words} for words in (False, True)]
            if not all(sides):
                raise TrainingError(f"two towers need pictures and words; there are only {', '.join(parts)}.")
            looks, words = (_multimodal_settings(recipe, side) for side in sides)
            network = TwoTower(TwoTowerSettings(looks, words))
            for tower, side in zip((network.tower_a, network.tower_b), sides, strict=True):
                tower.start({signal: torch.from_numpy(sample[signal]) for signal in side})
            return AllSignals(network)
        case "text-cnn" | "gru" | "text-vae" | "transformer":
            return make_text_network(recipe, sample.get("tokens", np.zeros((0, 0), np.float32)))
        case _:
            return make_picture_network(recipe)


def _multimodal_settings(recipe: Recipe, parts: Mapping[str, Encoder]) -> MultimodalSettings:
    signals = tuple((signal, encoder.dim) for signal, encoder in parts.items())
    return settings_of(MultimodalSettings, recipe, {"signals": signals, "dim": recipe.dim})


def _multimodal(recipe: Recipe, parts: Mapping[str, Encoder], sample: Mapping[str, Matrix]) -> Multimodal:
    network = Multimodal(_multimodal_settings(recipe, parts))
    network.start({signal: torch.from_numpy(sample[signal]) for signal in parts})
    return network


class OfSignals(nn.Module):
    """A network of one signal's vectors, called by its name."""

    def __init__(self, network: nn.Module, signals: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.signals = network, signals

    def forward(self, vectors: dict[str, Tensor]) -> Tensor:
        """Vectors by signal -> embeddings (n, dim)."""
        embeddings: Tensor = self.network(*(vectors[signal] for signal in self.signals))
        return embeddings


def write_encoder(
    folder: Path, network: nn.Module, recipe: Recipe, parts: Mapping[str, Encoder], inputs: Inputs
) -> Encoder:
    """Export a trained network, and write it as an encoder with its weights beside; the encoder, opened from there."""
    network = merge(network.cpu().eval())
    key = _digest_of(network)
    if isinstance(inputs, Texts):
        encoder: Encoder = write_texts(network, inputs.vocabulary, inputs.longest, recipe.dim, key)
    elif recipe.sees == "vectors":
        example = {signal: np.zeros((2, part.dim), np.float32) for signal, part in parts.items()}
        axes = dict.fromkeys(example, ("n",))
        file = exported("learned-products", key, lambda: network, example, axes, nested="vectors")
        encoder = LearnedProducts(parts, file, recipe.dim)
    else:
        encoder = write_pictures(network, recipe, key)
    encoder.save(folder)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
    return encoder


def _digest_of(network: nn.Module) -> str:
    state = blake2b(digest_size=16)
    for name, value in sorted(network.state_dict().items()):
        state.update(name.encode())
        state.update(value.contiguous().numpy().tobytes())
    return state.hexdigest()


def encoded(encoder: Encoder, read: Tensors) -> Matrix:
    """What an exported encoder makes of what a network reads, as `Inputs.plain` gives it, (n, dim) of unit length."""
    if isinstance(encoder, LearnedProducts):
        return encoder.combine({signal: vectors.numpy() for signal, vectors in read["vectors"].items()})
    if isinstance(encoder, LearnedTexts):
        return encoder.encode_tokens(read["tokens"].numpy(), read["mask"].numpy())
    assert isinstance(encoder, LearnedPictures)
    return encoder.encode_decoded(read["pixels"].round().to(torch.uint8).numpy())


@torch.inference_mode()
def check_export(encoder: Encoder, network: nn.Module, inputs: Inputs, items: Rows) -> float:
    """The least cosine of an exported embedding to the network's own. Raises TrainingError where one is too low."""
    read = inputs.plain(inputs.fetch(items))
    own = nn.functional.normalize(network.eval()(**read), dim=1).numpy()
    least = float((own * encoded(encoder, read)).sum(axis=1).min())
    if not least >= LEAST_COSINE:
        raise TrainingError(f"the exported network differs from the trained one: a cosine of {least:.4f} to its own.")
    return least
