"""Recipes: what is trained, from what, how; some ready ones by name, others as a TOML file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from sosie.config import Settings, Share, explain
from sosie.engine.reading import PRESENT
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.store import Snapshot
from sosie.train.abilities import OF_TEXTS, OF_VECTORS, Network, unheard
from sosie.train.augment import NONE, SELF_SUPERVISED, STANDARD, TINY, Augmentation
from sosie.train.clustering import ClusterSettings
from sosie.train.losses import OF_CLASSES, LossSettings
from sosie.train.mining import MiningSettings
from sosie.train.words import WordChanges

UNREAD = {"patches", "learned"}  # signals that no network of vectors reads
_ONE_SIGNAL = "signals: the network head reads a single one; name one, or take the network multimodal"
Option = bool | int | float | str | tuple[int, ...]


class Recipe(Settings):
    """All settings of a training.

    `network` learns from pictures (the first five), from texts (the next four), or from the vectors that the encoders
    of `signals` make (head: of one signal; multimodal and two-towers: of several). `alike`, `views`, `towers` are what
    it learns, each with its weight.
    """

    network: Network = "head"
    options: Mapping[str, Option] = Field(default_factory=dict)  # of the network
    signals: tuple[str, ...] = ()  # that a network of vectors reads
    dim: Annotated[int, Field(ge=2, le=4096)] = 256
    keep: Annotated[int, Field(ge=0, le=4096)] = 0  # main directions of the trained embedding that are kept; 0 = all
    whiten: bool = False  # the trained embedding's directions are half-whitened: for few classes
    freeze: Annotated[int, Field(ge=0)] = 0  # blocks of a pretrained network, from its input on, that stay as they are
    start: str = ""  # folder of a trained model whose weights it begins with
    shots: Annotated[int, Field(ge=0)] = 0  # products of each label that are learnt from, at most; 0 = all
    hold_back: bool = True  # False: what would judge is learnt from, too, once all settings are chosen

    alike: Annotated[float, Field(ge=0)] = 1.0  # weight of: what is labelled, paired or linked as alike
    views: Annotated[float, Field(ge=0)] = 0.0  # of: two augmentations of a product are alike, others are not
    towers: Annotated[float, Field(ge=0)] = 0.0  # of: a product's pictures are alike to its own words
    rebuild: Annotated[float, Field(ge=0)] = 0.0  # of: a product is made again from its embedding (of an autoencoder)
    beta: Annotated[float, Field(ge=0)] = 1.0  # weight of an autoencoder's divergence beside its errors
    imitate: Annotated[float, Field(ge=0)] = 0.0  # of: embeddings are as another encoder's
    teacher: str = ""  # the folder of that encoder; "" = the store's own of the same signal
    loss: LossSettings = LossSettings()
    mining: MiningSettings | None = None  # hard negatives in every batch, of which they are half; None = none
    memory: Annotated[int, Field(ge=0)] = 0  # embeddings of the last steps that are compared with, too
    augmentation: Augmentation = NONE
    settle: Share = 0.0  # of the epochs, the last: no augmentation, and pictures of the final size; not of `views`
    clusters: ClusterSettings | None = None  # that are found, learnt, and found again; labels then only judge

    photos: Annotated[int, Field(ge=1, le=64)] = 4  # of each product, at most, that are learnt from as alike
    sizes: tuple[Annotated[int, Field(ge=8, le=1024)], ...] = ()  # pixels a side, each for an equal part of the epochs
    size: Annotated[int, Field(ge=0, le=1024)] = 0  # that the trained network sees; 0 = the last of `sizes`

    words: WordChanges = WordChanges()  # how texts are drawn anew
    longest: Annotated[int, Field(ge=8, le=512)] = 64  # tokens that are read at once

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 20
    batch: Annotated[int, Field(ge=2)] = 64
    items: Annotated[int, Field(ge=0)] = 0  # of each class in a batch; 0 = batches are drawn evenly
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    rate: Annotated[float, Field(gt=0)] = 1e-3
    start_rate: Annotated[float, Field(gt=0)] | None = None  # of pretrained weights; None = `rate`
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0  # of the rate, for each block further from the output
    decay: Annotated[float, Field(ge=0)] = 1e-4  # of weights
    warmup: Share = 0.1  # share of the steps in which the rate grows; then it falls as a cosine
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0  # what averaged weights keep each step; 0 = not averaged
    clip: Annotated[float, Field(ge=0)] = 5.0  # longest gradient; 0 = any
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    validate_every: Annotated[int, Field(ge=1)] = 1  # epochs
    patience: Annotated[int, Field(ge=0)] = 0  # validations without a better one, after which it stops; 0 = never
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _of_its_network(self) -> Self:
        defaults = {
            name: field.get_default(call_default_factory=True) for name, field in type(self).model_fields.items()
        }
        wrong = unheard(self.network, dict(self), defaults)
        if self.sees == "pictures" and not self.sizes:
            wrong.append(
                "sizes: say how many pixels a side the pictures have that are learnt from, such as sizes=[192]"
            )
        if self.network == "head" and len(self.signals) > 1:
            wrong.append(_ONE_SIGNAL)
        if wrong:
            raise ValueError(". ".join(wrong))
        return self

    @property
    def sees(self) -> Literal["pictures", "texts", "vectors"]:
        """What the network reads."""
        if self.network in OF_TEXTS:
            return "texts"
        return "vectors" if self.network in OF_VECTORS else "pictures"

    @property
    def final_size(self) -> int:
        """Pixels a side that the trained network sees."""
        return self.size or self.sizes[-1]

    @property
    def augmented(self) -> int:
        """Epochs in which pictures are drawn anew, from the first on."""
        return self.epochs if self.views else self.epochs - round(self.settle * self.epochs)

    def size_at(self, epoch: int) -> int:
        """Pixels a side of an epoch's pictures."""
        return self.sizes[min(epoch * len(self.sizes) // self.epochs, len(self.sizes) - 1)]


RECIPES: dict[str, Recipe] = {
    # A head on the vectors that the store's picture encoder makes: minutes, and no picture is opened again.
    "head": Recipe(
        network="head",
        signals=("image",),
        options={"hidden": 0},
        loss=LossSettings(name="supcon"),
        epochs=100,
        batch=256,
        items=4,
        rate=3e-3,
        decay=1e-2,
        average=0.99,
        patience=20,
    ),
    # The pretrained picture network, trained on: an hour for some thousand pictures on two cores.
    "pictures": Recipe(
        network="efficientnet-lite0",
        dim=1280,
        keep=256,
        freeze=11,
        loss=LossSettings(name="cosface", margin=0.35, temperature=0.04),
        augmentation=STANDARD.model_copy(update={"rotate": 15.0, "erase": 0.3}),
        sizes=(192,),
        size=224,
        epochs=16,
        batch=64,
        rate=1e-3,
        layer_decay=0.9,
        decay=0.05,
        average=0.97,
        validate_every=2,
    ),
    # The first blocks of the pretrained picture network, which learn to see as the store's picture encoder does.
    "small-pictures": Recipe(
        network="small",
        alike=0.0,
        imitate=1.0,
        freeze=5,
        augmentation=STANDARD,
        sizes=(192,),
        size=224,
        epochs=20,
        rate=2e-3,
        decay=0.02,
        average=0.97,
        validate_every=2,
    ),
    # A residual network from scratch, for tens of thousands of tiny pictures.
    "tiny-pictures": Recipe(
        network="residual",
        loss=LossSettings(name="cosface", margin=0.35, temperature=1 / 16),
        augmentation=TINY.model_copy(update={"padding": 0.07}),
        settle=1 / 3,
        whiten=True,
        sizes=(28,),
        epochs=12,
        batch=256,
        optimiser="sgd",
        rate=0.1,
        decay=5e-4,
        warmup=0.2,
        average=0.99,
        validate_every=2,
    ),
    "cnn": Recipe(
        network="cnn",
        loss=LossSettings(name="cross-entropy"),
        augmentation=TINY,
        sizes=(32,),
        epochs=20,
        optimiser="adam",
    ),
    # A variational autoencoder of tiny pictures: no labels are needed.
    "vae": Recipe(
        network="vae",
        alike=0.0,
        rebuild=1.0,
        dim=64,
        sizes=(28,),
        epochs=20,
        batch=128,
        rate=2e-3,
        warmup=0.2,
    ),
    # All that the store knows of a product in one vector, any of which may lack.
    "multimodal": Recipe(
        network="multimodal",
        loss=LossSettings(name="supcon"),
        epochs=60,
        batch=256,
        items=4,
        rate=1e-3,
        decay=1e-2,
        average=0.99,
        patience=15,
    ),
    # Clusters that nobody named, in what pictures and words agree on: found, learnt, and found again.
    "clusters": Recipe(
        network="multimodal",
        signals=("image", "words"),
        dim=128,
        loss=LossSettings(name="cross-entropy", temperature=0.1, smoothing=0.1),
        clusters=ClusterSettings(),
        epochs=10,
        batch=256,
        rate=2e-3,
        decay=1e-2,
        average=0.98,
    ),
    # Pictures and words in one space, learnt from products that have both: words then find what has only pictures.
    "two-towers": Recipe(
        network="two-towers",
        alike=0.0,
        towers=1.0,
        loss=LossSettings(name="info-nce", temperature=0.1),
        words=WordChanges(drop=0.4),  # questions say less than titles do
        options={"dropout": 0.4},
        epochs=20,
        batch=512,
        rate=1e-3,
        decay=1e-2,
        average=0.99,
    ),
    # Small networks of words, from scratch: minutes for some thousand titles.
    "text-cnn": Recipe(
        network="text-cnn",
        loss=LossSettings(name="cross-entropy", temperature=0.1),
        words=WordChanges(drop=0.2),
        epochs=10,
        batch=128,
        rate=3e-3,
        decay=1e-2,
        average=0.98,
    ),
    "gru": Recipe(
        network="gru",
        options={"pooling": "max", "dropout": 0.4},
        loss=LossSettings(name="cross-entropy", temperature=0.1),
        words=WordChanges(drop=0.2),
        epochs=10,
        batch=128,
        rate=3e-3,
        decay=1e-2,
        average=0.98,
    ),
    # A variational autoencoder of words: no labels are needed.
    "text-vae": Recipe(
        network="text-vae",
        alike=0.0,
        rebuild=1.0,
        dim=64,
        words=WordChanges(drop=0.2),
        epochs=30,
        batch=128,
        rate=3e-3,
        warmup=0.2,
        average=0.98,
    ),
    # The pretrained network of English texts (or another: options.folder), trained on.
    "texts": Recipe(
        network="transformer",
        dim=384,
        loss=LossSettings(name="cross-entropy", temperature=0.1),
        words=WordChanges(drop=0.1),
        epochs=5,
        batch=64,
        rate=1e-4,
        decay=1e-2,
        average=0.98,
    ),
}


def read_recipe(named: str) -> Recipe:
    """A recipe by its name, or from a TOML file, which may start from a named one (`base = "pictures"`).

    Raises TrainingError for an unknown name, an unreadable file, a misspelt key (offering the near one), and values
    out of bounds.
    """
    if named in RECIPES:
        return RECIPES[named]
    file = Path(named)
    if file.suffix != ".toml" and not file.is_file():
        raise TrainingError(f"there is no recipe '{named}'; there are {', '.join(RECIPES)}, or name a TOML file.")
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TrainingError(f"{file}: can't be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{file}: is not valid TOML ({error}).") from error
    base = raw.pop("base", None)
    if base is not None and base not in RECIPES:
        raise TrainingError(f"{file}: base: there is no recipe '{base}'; there are {', '.join(RECIPES)}.")
    return changed(RECIPES[base] if base else Recipe(), raw, str(file))


def suited(named: str, truth: Truth) -> Recipe:
    """The recipe of a name or file; a ready one with a loss that fits the truth. Raises as `read_recipe`."""
    recipe = read_recipe(named)
    return fitting(recipe, truth) if named in RECIPES else recipe


def fitting(recipe: Recipe, truth: Truth) -> Recipe:
    """The same recipe with a loss that a truth can be learnt by.

    Only labels have classes: without any, products are compared with each other. Where nothing is told, two
    augmentations of a picture or a text are alike.
    """
    if truth.labels or recipe.clusters:
        return recipe
    changes: dict[str, object] = {}
    if recipe.loss.name in OF_CLASSES:
        changes["loss"] = LossSettings()
    if (
        recipe.sees != "vectors"
        and not (recipe.rebuild or recipe.imitate)
        and not (truth.pairs or truth.links or truth.events)
    ):
        changes["views"] = 1.0
        if recipe.sees == "pictures":
            changes["augmentation"] = SELF_SUPERVISED
    return recipe.model_copy(update=changes)


def filled(recipe: Recipe, snapshot: Snapshot) -> Recipe:
    """The recipe with the signals of a store that its network can read, where it names none.

    Clusters can do without some of those that a recipe names. Raises TrainingError where the store has none of its own,
    or several for a network of one.
    """
    if recipe.clusters and (known := tuple(signal for signal in recipe.signals if signal in snapshot.signals)):
        return recipe.model_copy(update={"signals": known})
    if recipe.network not in OF_VECTORS or recipe.signals:
        return recipe
    there = tuple(signal for signal in snapshot.signals if signal in PRESENT.keys() - UNREAD)
    if not there:
        raise TrainingError(
            f"signals: the network {recipe.network} reads what encoders make; this store has only "
            f"{', '.join(snapshot.signals)}."
        )
    if recipe.network == "head" and len(there) > 1:
        raise TrainingError(f"{_ONE_SIGNAL}. The store has {', '.join(there)}.")
    return recipe.model_copy(update={"signals": there})


def changed(recipe: Recipe, values: dict[str, object], source: str) -> Recipe:
    """A recipe with some values replaced, tables key by key. Raises TrainingError as `read_recipe` does."""
    whole = recipe.model_dump()
    for key, value in values.items():
        table = whole.get(key)
        merge = isinstance(value, dict) and isinstance(table, dict) and key != "options"
        whole[key] = {**table, **value} if merge and isinstance(table, dict) and isinstance(value, dict) else value
    try:
        return Recipe.model_validate(whole)
    except ValidationError as error:
        told = [f"{source}: {explain(Recipe, e['loc'], e['type'], e['msg'])}" for e in error.errors()]
        raise TrainingError("\n".join(told)) from error
