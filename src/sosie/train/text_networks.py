"""Networks that read texts: their vocabulary, how they begin, and the encoder that comes of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sosie.encoders.brought.texts import TextFolder, read_text_folder
from sosie.encoders.export import exported
from sosie.encoders.learned import LearnedTexts
from sosie.encoders.minilm import package
from sosie.encoders.networks.bounds import CountOrNone
from sosie.encoders.networks.embedder import freeze
from sosie.encoders.networks.hugging_face import PooledTexts, text_network
from sosie.encoders.networks.recurrent import Recurrent, RecurrentSettings
from sosie.encoders.networks.text_cnn import TextCnn, TextCnnSettings
from sosie.encoders.networks.vae import TextVae, TextVaeSettings
from sosie.errors import TrainingError
from sosie.train.options import settings_of
from sosie.train.recipe import Recipe
from sosie.train.tokens import keep_vocabulary, learn_vocabulary
from sosie.types import Matrix

LORA_SCALE = 2  # of what is added to a layer, by its rank


@dataclass(frozen=True)
class TransformerSettings:
    """`folder` of Hugging Face or sentence-transformers, MiniLM's if empty; `lora` is the rank of what is learnt.

    0 = all weights are learnt.
    """

    folder: str = ""
    lora: CountOrNone = 0


class OfTokens(nn.Module):
    """A network of token numbers, called with their mask."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token numbers and their mask (1 = token), both (n, length) int64 -> embeddings (n, dim)."""
        embeddings: Tensor = self.network(tokens * mask)
        return embeddings


class OfStates(nn.Module):
    """A pretrained transformer as one that learns: `trunk` and, where the embedding is to be of another length, `head`.

    The head begins as random directions at right angles, which keep the angles of what they are given.
    """

    def __init__(self, trunk: PooledTexts, features: int, dim: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head: nn.Module = nn.Identity()
        if dim != features:
            self.head = nn.Linear(features, dim, bias=False)
            nn.init.orthogonal_(self.head.weight)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token numbers and their mask (1 = token), both (n, length) int64 -> embeddings (n, dim)."""
        embeddings: Tensor = self.head(self.trunk(tokens, mask))
        return embeddings


def begin_vocabulary(recipe: Recipe, texts: Sequence[str], file: Path) -> None:
    """Write the vocabulary that a recipe's network reads: its own, or one learnt from texts.

    A file that is there stays: a training that goes on needs the same. Raises TrainingError, EncoderError.
    """
    if file.is_file():
        return
    if recipe.network == "transformer":
        plan = _plan(recipe)
        keep_vocabulary(plan.vocabulary, file, plan.lowercase)
    else:
        learn_vocabulary(texts, file)


def longest_of(recipe: Recipe) -> int:
    """Tokens that a recipe's network reads at once. Raises TrainingError, EncoderError."""
    return min(recipe.longest, _plan(recipe).longest) if recipe.network == "transformer" else recipe.longest


def make_text_network(recipe: Recipe, vectors: Matrix) -> nn.Module:
    """A network of tokens and their mask that has learnt nothing yet, or is pretrained.

    The small ones begin with `vectors` of tokens, (vocabulary, width). Raises TrainingError, EncoderError.
    """
    if recipe.network == "transformer":
        return _transformer(recipe)
    given = {"words": len(vectors), "width": vectors.shape[1], "dim": recipe.dim}
    network: Recurrent | TextCnn | TextVae
    if recipe.network == "gru":
        network = Recurrent(settings_of(RecurrentSettings, recipe, given))
    elif recipe.network == "text-vae":
        network = TextVae(settings_of(TextVaeSettings, recipe, given))
    else:
        network = TextCnn(settings_of(TextCnnSettings, recipe, given))
    network.start(torch.from_numpy(vectors))
    return OfTokens(network)


def write_texts(network: nn.Module, vocabulary: Path, longest: int, dim: int, key: str) -> LearnedTexts:
    """An encoder of texts from a trained network, on the CPU and in evaluation mode; not saved yet."""
    example = {"tokens": np.ones((2, 8), np.int64), "mask": np.ones((2, 8), np.int64)}
    file = exported("learned-texts", key, lambda: network, example, dict.fromkeys(example, ("n", "length")))
    return LearnedTexts(file, vocabulary, dim, longest=longest)


def merge(network: nn.Module) -> nn.Module:
    """The same network with what was learnt beside its layers added to them."""
    if isinstance(network, OfStates):
        adapted: Any = network.trunk.transformer
        if hasattr(adapted, "merge_and_unload"):
            network.trunk.transformer = adapted.merge_and_unload()
    return network


def _transformer(recipe: Recipe) -> OfStates:
    settings = settings_of(TransformerSettings, recipe, {})
    if settings.lora and recipe.freeze:
        raise TrainingError("freeze: with options.lora all layers stay as they are; set freeze=0.")
    trunk = text_network(_plan(recipe))
    assert isinstance(trunk, PooledTexts)
    with torch.inference_mode():
        features = trunk(torch.ones(1, 2, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64)).shape[1]
    _freeze_layers(trunk.transformer, recipe.freeze)
    if settings.lora:
        trunk.transformer = _adapted(trunk.transformer, settings.lora)
    return OfStates(trunk, features, recipe.dim).train()


def _freeze_layers(transformer: nn.Module, count: int) -> None:
    """The first layers, and the vectors of tokens before them."""
    if not count:
        return
    stacks = [module for module in transformer.modules() if isinstance(module, nn.ModuleList)]
    layers = max(stacks, key=len, default=nn.ModuleList())
    if count > len(layers):
        raise TrainingError(f"freeze: the network has {len(layers)} layers, {count} can't be frozen.")
    for layer in layers[:count]:
        freeze(layer)
    for module in transformer.modules():
        if isinstance(module, nn.Embedding):
            freeze(module)


def _adapted(transformer: nn.Module, rank: int) -> nn.Module:
    """A transformer that stays as it is, but for what is learnt beside its linear layers (Hu et al., "LoRA", 2022)."""
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise TrainingError("options.lora needs peft: pip install 'sosie[train]'.") from error
    settings: Any = LoraConfig(r=rank, lora_alpha=LORA_SCALE * rank, target_modules="all-linear")
    adapted: nn.Module = get_peft_model(transformer, settings)
    return adapted


def _plan(recipe: Recipe) -> TextFolder:
    folder = settings_of(TransformerSettings, recipe, {}).folder
    return read_text_folder(Path(folder) if folder else package())
