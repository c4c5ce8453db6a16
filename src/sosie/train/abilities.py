"""What each network can do, so that no setting of a recipe goes unheard."""

import json
from collections.abc import Mapping
from typing import Literal, NamedTuple

Network = Literal[
    "efficientnet-lite0",
    "small",
    "residual",
    "cnn",
    "vae",
    "text-cnn",
    "gru",
    "text-vae",
    "transformer",
    "head",
    "multimodal",
    "two-towers",
]
OF_PICTURES = ("efficientnet-lite0", "small", "residual", "cnn", "vae")
OF_TEXTS = ("text-cnn", "gru", "text-vae", "transformer")
OF_VECTORS = ("head", "multimodal", "two-towers")
PRETRAINED = ("efficientnet-lite0", "small", "transformer")
AUTOENCODERS = ("vae", "text-vae")


class _For(NamedTuple):
    """The networks that heed a setting."""

    networks: tuple[str, ...]
    told: str


_FOR: Mapping[str, _For] = {
    **dict.fromkeys(
        ("sizes", "size", "photos", "augmentation", "settle", "keep", "whiten"), _For(OF_PICTURES, "of pictures")
    ),
    "longest": _For(OF_TEXTS, "of texts"),
    "words": _For((*OF_TEXTS, *OF_VECTORS), "that read words"),
    **dict.fromkeys(("signals", "clusters"), _For(OF_VECTORS, "of vectors")),
    **dict.fromkeys(("freeze", "start_rate", "layer_decay"), _For(PRETRAINED, "that are pretrained")),
    **dict.fromkeys(("rebuild", "beta"), _For(AUTOENCODERS, "that make products again")),
    **dict.fromkeys(("imitate", "teacher"), _For((*OF_PICTURES, *OF_TEXTS), "of pictures and of texts")),
    "towers": _For(("two-towers",), "with a tower for pictures and one for words"),
}
_NEEDS = {"teacher": "imitate", "beta": "rebuild"}  # that is above 0


def unheard(network: str, values: Mapping[str, object], defaults: Mapping[str, object]) -> list[str]:
    """Which settings of a recipe, other than the defaults, would say nothing to its network, each with what to do."""
    found = []
    for key, default in defaults.items():
        if values[key] == default:
            continue
        heard, needed = _FOR.get(key), _NEEDS.get(key)
        if heard and network not in heard.networks:
            why = f"is for the networks {heard.told} ({', '.join(heard.networks)}), not for {network}"
        elif needed and not values[needed]:
            why = f"does nothing unless {needed} is above 0"
        else:
            continue
        found.append(f"{key}: {why}; leave it out, or {_set_back(key, default)}")
    return found


def _set_back(key: str, default: object) -> str:
    """How to undo what a recipe that one begins from sets."""
    one_value = isinstance(default, bool | int | float | str | tuple)
    return f"set {key}={json.dumps(default)}" if one_value else "begin from another recipe"
