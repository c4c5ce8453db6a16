"""Folders of transformers of texts, Hugging Face's or sentence-transformers': what is in them, by their JSON alone."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sosie.encoders.windows import LONGEST
from sosie.errors import EncoderError

CONFIG, VOCABULARY, MODULES = "config.json", "tokenizer.json", "modules.json"
POOLINGS = ("mean", "cls", "max", "lasttoken")
ACTIVATIONS = ("Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid")  # of torch.nn
_KNOWN = ("Transformer", "Pooling", "Dense", "Normalize")  # modules of sentence-transformers, in their order
_LEGACY = {"cls_token": "cls", "max_tokens": "max", "mean_tokens": "mean", "mean_sqrt_len_tokens": "mean"}


@dataclass(frozen=True, slots=True)
class Dense:
    """A layer behind the pooling: its weights, and what follows them."""

    folder: Path
    activation: str  # one of ACTIVATIONS


@dataclass(frozen=True, slots=True)
class TextFolder:
    """A transformer, how its states become one vector, and what that vector goes through."""

    transformer: Path
    vocabulary: Path
    pooling: str  # one of POOLINGS
    layers: tuple[Dense, ...]
    longest: int  # tokens at once, marks included
    lowercase: bool
    prompt: str  # what the folder wants before each text


def read_text_folder(folder: Path) -> TextFolder:
    """What lies in a folder. Raises EncoderError: a part is missing, unknown, or would need a program to be run."""
    modules = _json(folder / MODULES) if (folder / MODULES).is_file() else []
    places: dict[str, list[Path]] = {}
    for module in modules:
        kind = str(module["type"]).rpartition(".")[2]
        if not str(module["type"]).startswith("sentence_transformers.") or kind not in _KNOWN:
            raise EncoderError(
                f"{folder / MODULES}: '{module['type']}' can't be brought; known are {', '.join(_KNOWN)} of "
                "sentence-transformers. Programs in a folder are never run."
            )
        places.setdefault(kind, []).append(folder / module["path"])
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds != sorted(kinds, key=_KNOWN.index) or len(places.get("Transformer", [folder])) != 1:
        raise EncoderError(f"{folder / MODULES}: {', '.join(kinds)} in this order can't be brought.")
    (transformer,) = places.get("Transformer", [folder])
    config = _json(transformer / CONFIG)
    settings = _json(transformer / "sentence_bert_config.json") if modules else {}
    names = _json(transformer / "tokenizer_config.json") if (transformer / "tokenizer_config.json").is_file() else {}
    if not (transformer / VOCABULARY).is_file():
        raise EncoderError(
            f"{transformer / VOCABULARY}: is missing. transformers writes it: "
            "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
        )
    limits = (settings.get("max_seq_length"), names.get("model_max_length"), _positions(config), LONGEST)
    return TextFolder(
        transformer,
        transformer / VOCABULARY,
        _pooling(places.get("Pooling", []), folder),
        tuple(_dense(place) for place in places.get("Dense", [])),
        min(int(limit) for limit in limits if limit),
        bool(settings.get("do_lower_case", False)),
        _prompt(folder / "config_sentence_transformers.json"),
    )


def _positions(config: dict[str, Any]) -> int:
    """Tokens for which a transformer has positions, 0 where there is no limit; some count from behind the padding."""
    positions = int(config.get("max_position_embeddings") or config.get("n_positions") or 0)
    return max(positions - 2, 0) if int(config.get("pad_token_id") or 0) == 1 else positions


def _pooling(places: list[Path], folder: Path) -> str:
    if not places:
        return "mean"
    values = _json(places[0] / CONFIG)
    found = values.get("pooling_mode")
    if found is None:
        on = [
            key.removeprefix("pooling_mode_")
            for key, value in values.items()
            if key.startswith("pooling_mode_") and value
        ]
        found = [_LEGACY.get(mode, mode) for mode in on] or "mean"
    modes = [found] if isinstance(found, str) else list(found)
    mode = modes[0].replace("mean_sqrt_len_tokens", "mean")  # points where the mean does
    if len(modes) > 1 or mode not in POOLINGS:
        raise EncoderError(
            f"{places[0] / CONFIG}: pooling by {' and '.join(modes)} can't be brought; known are {', '.join(POOLINGS)}."
        )
    return mode


def _dense(place: Path) -> Dense:
    named = str(_json(place / CONFIG).get("activation_function", "torch.nn.modules.activation.Tanh"))
    activation = named.rpartition(".")[2]
    if not named.startswith("torch.nn.") or activation not in ACTIVATIONS:
        raise EncoderError(
            f"{place / CONFIG}: '{named}' can't be brought; known are {', '.join(ACTIVATIONS)} of torch.nn."
        )
    return Dense(place, activation)


def _prompt(file: Path) -> str:
    values = _json(file) if file.is_file() else {}
    return str((values.get("prompts") or {}).get(values.get("default_prompt_name"), ""))


def _json(file: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"{file}: can't be read ({error}).") from error
