"""Going on from a trained model: its recipe, its weights, its vocabulary."""

import json
import re
import shutil
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from sosie.encoders import load_encoder
from sosie.encoders.learned import VOCABULARY
from sosie.encoders.learned_products import LearnedProducts
from sosie.errors import TrainingError
from sosie.train.networks import WEIGHTS
from sosie.train.recipe import Recipe, changed

RECIPE = "recipe.json"
CENTRE, DIRECTIONS = "centre", "directions"  # what a model that keeps or whitens directions has beside its network
BESIDE = re.compile(r"base_model\.model\.|\.base_layer")  # in the names of layers that low-rank ones are learnt beside


def recipe_of(folder: Path) -> Recipe:
    """The recipe that a model was trained by. Raises TrainingError where the folder holds none."""
    try:
        raw = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{folder}: is no model that `sosie train` wrote: {RECIPE} can't be read.") from error
    return changed(Recipe(), raw, str(folder / RECIPE))


def check_start(recipe: Recipe) -> None:
    """Raise TrainingError where a recipe starts from a model of another network, EncoderError where it was changed."""
    folder = Path(recipe.start)
    old = recipe_of(folder)
    encoder = load_encoder(folder)
    if old.network != recipe.network:
        raise TrainingError(
            f"{folder}: is a model of the network {old.network}, and the recipe trains {recipe.network}; "
            "leave --recipe out to train on as the model was."
        )
    if isinstance(encoder, LearnedProducts) and set(encoder.parts) != set(recipe.signals):
        raise TrainingError(
            f"{folder}: reads the signals {', '.join(encoder.parts)}, and the recipe {', '.join(recipe.signals)}."
        )


def begin_from(network: nn.Module, recipe: Recipe) -> None:
    """Give a network the weights of the model that a recipe starts from.

    Raises TrainingError where it is another network, or one of another size.
    """
    folder = Path(recipe.start)
    state = load_file(folder / WEIGHTS)
    state.pop(CENTRE, None)
    if state.pop(DIRECTIONS, None) is not None:
        state = {name.removeprefix("network."): value for name, value in state.items()}
    own = network.state_dict()
    names = {BESIDE.sub("", name): name for name in own if "lora_" not in name}
    other = sorted(names.keys() ^ state.keys())
    other += sorted(name for name in names.keys() & state.keys() if own[names[name]].shape != state[name].shape)
    if other:
        raise TrainingError(
            f"{folder}: its network has other {other[0]} (and {len(other) - 1} more) than the recipe's; "
            "leave --recipe out, and dim and options as they were."
        )
    network.load_state_dict({names[name]: value for name, value in state.items()}, strict=False)


def keep_start_vocabulary(recipe: Recipe, file: Path) -> None:
    """Put the vocabulary of the model that a recipe starts from where a training reads its own."""
    source = Path(recipe.start) / VOCABULARY
    if recipe.sees == "texts" and not file.is_file():
        shutil.copyfile(source, file)
