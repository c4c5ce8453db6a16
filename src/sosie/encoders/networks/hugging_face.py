"""Transformers in folders of Hugging Face: opened from local safetensors alone, never with programs of their own."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sosie.encoders.brought.texts import Dense, TextFolder
from sosie.errors import EncoderError


class PooledTexts(nn.Module):
    """A transformer of texts, its states brought to one vector, and the layers behind."""

    def __init__(self, transformer: nn.Module, pooling: str, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.transformer, self.pooling, self.layers = transformer, pooling, nn.Sequential(*layers)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token numbers and their mask (1 = token), both (n, length) int64, padded at the end -> (n, dim)."""
        states = self.transformer(input_ids=tokens, attention_mask=mask).last_hidden_state
        kept = mask[:, :, None].to(states.dtype)
        if self.pooling == "cls":
            pooled = states[:, 0]
        elif self.pooling == "max":
            pooled = (states + (kept - 1) * 1e9).amax(1)
        elif self.pooling == "lasttoken":
            last = mask * torch.arange(1, mask.shape[1] + 1, device=mask.device) == mask.sum(1, keepdim=True)
            pooled = (states * last[:, :, None].to(states.dtype)).sum(1)
        else:
            pooled = (states * kept).sum(1) / kept.sum(1).clamp(min=1)
        vectors: Tensor = self.layers(pooled)
        return vectors


class PooledPictures(nn.Module):
    """A transformer of pictures, or another network of the same library, and the vector it gives of each."""

    def __init__(self, network: nn.Module, pooled: bool) -> None:
        super().__init__()
        self.network, self.pooled = network, pooled

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures as the network wants them (n, 3, h, w) -> (n, dim), or maps (n, dim, h, w)."""
        of_pictures = getattr(self.network, "get_image_features", None)  # one of pictures and texts
        found = of_pictures(pixel_values=pictures) if of_pictures else self.network(pixel_values=pictures)
        if isinstance(found, Tensor):
            return found
        vector: Tensor | None = getattr(found, "pooler_output", None)
        if self.pooled and vector is not None:
            return vector.flatten(1)
        states: Tensor = found.last_hidden_state
        return states[:, 0] if states.ndim == 3 else states


def text_network(plan: TextFolder) -> nn.Module:
    """The network of a folder of texts in evaluation mode. Raises EncoderError."""
    transformer, _ = _open(plan.transformer)
    if transformer.config.is_encoder_decoder:
        transformer = transformer.get_encoder()
    return PooledTexts(transformer, plan.pooling, [layer for dense in plan.layers for layer in _dense(dense)]).eval()


def picture_network(folder: Path) -> nn.Module:
    """The network of a folder of pictures in evaluation mode. Raises EncoderError."""
    network, missing = _open(folder)
    return PooledPictures(network, pooled=not missing).eval()


def safe_weights(folder: Path) -> Path:
    """A folder's file of weights (the first of several). Raises EncoderError where none is safetensors."""
    found = sorted(folder.glob("*.safetensors"))
    if found:
        return found[0]
    raise EncoderError(
        f"{folder}: holds no weights as safetensors; others (.bin, .pt, .h5) may run a program when they are opened. "
        "Where you trust them, convert them once: AutoModel.from_pretrained(FOLDER).save_pretrained(NEW)."
    )


def _open(folder: Path) -> tuple[Any, list[str]]:
    """A model, and which of its poolers the weights lack."""
    safe_weights(folder)
    if (folder / "adapter_config.json").is_file():
        raise EncoderError(
            f"{folder}: holds an adapter; merge it first: model.merge_and_unload().save_pretrained(NEW)."
        )
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from transformers import AutoModel
        from transformers.utils import logging
    except ImportError as error:
        raise EncoderError("Folders of transformers need them once: pip install transformers.") from error
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, loaded = AutoModel.from_pretrained(
            folder,
            attn_implementation="eager",
            dtype=torch.float32,
            local_files_only=True,
            output_loading_info=True,
            trust_remote_code=False,
            use_safetensors=True,
        )
    except Exception as error:  # transformers raises many kinds
        raise EncoderError(f"{folder}: can't be opened by transformers ({_short(error)}).") from error
    missing = sorted(loaded["missing_keys"])
    if wrong := [name for name in missing if "pooler" not in name] + sorted(map(str, loaded["mismatched_keys"])):
        raise EncoderError(f"{folder}: its weights lack {len(wrong)} of the network's, such as {wrong[0]}.")
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = False
    return model.eval(), missing


def _dense(dense: Dense) -> list[nn.Module]:
    state = load_file(safe_weights(dense.folder))
    weight, bias = state["linear.weight"], state.get("linear.bias")
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    linear.load_state_dict({name.removeprefix("linear."): value for name, value in state.items()})
    activation: nn.Module = getattr(nn, dense.activation)()
    return [linear, activation]


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
