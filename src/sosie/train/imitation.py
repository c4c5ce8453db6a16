"""Learning from another encoder: a small network whose embeddings are as near to each other as its teacher's are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sosie.encoders import load_encoder
from sosie.encoders.networks.embedder import kept_directions
from sosie.engine.encode import encode_products
from sosie.engine.encode import kept_directions as kept_of
from sosie.errors import TrainingError
from sosie.scoring import apply_scale, fit_scale
from sosie.store import Snapshot, VectorCache
from sosie.train.losses import Targets
from sosie.types import Encoder, Matrix, Product, Progress

BATCH = 256  # products that the teacher sees at a time


class Imitated(nn.Module):
    """Costs 1 - cosine to what the teacher made of the same item, and how far cosines in the batch are from its own.

    Park et al., "Relational knowledge distillation", 2019. Items of which the teacher made nothing count neither way.
    """

    def forward(self, anchors: Tensor, candidates: Tensor, targets: Targets) -> Tensor:
        """Anchors (n, dim) beside `targets.wanted` (n, dim) -> a scalar."""
        assert targets.wanted is not None
        there = targets.wanted.any(dim=1)
        own = functional.normalize(anchors.float()[there], dim=1)
        wanted = targets.wanted[there]
        if not len(wanted):
            return anchors.float().sum() * 0
        apart = own @ own.T - wanted @ wanted.T
        return (1 - (own * wanted).sum(1)).mean() + apart.square().mean()


def teacher_of(snapshot: Snapshot, signal: str, folder: str) -> Encoder:
    """The encoder in a folder, or the one that a store uses for a signal. Raises EncoderError, TrainingError."""
    if folder:
        encoder = load_encoder(Path(folder))
        if encoder.signal != signal:
            raise TrainingError(f"teacher: {folder} encodes the signal '{encoder.signal}'; one of {signal} is needed.")
        return encoder
    if signal not in snapshot.signals:
        raise TrainingError(f"teacher: the store has no encoder of the signal {signal}; name a folder: teacher=FOLDER.")
    return load_encoder(snapshot.encoder_folder(signal))


def photos_taught(encoder: Encoder, refs: Sequence[str], cache: VectorCache, progress: Progress) -> Matrix:
    """Raw vectors that a teacher makes of single photos, (refs, its dim)."""
    out = np.zeros((len(refs), encoder.dim), np.float32)
    for start in range(0, len(refs), BATCH):
        part = [Product(str(at), images=(ref,) if ref else ()) for at, ref in enumerate(refs[start : start + BATCH])]
        out[start : start + len(part)] = encode_products(encoder, part, cache)[0]
        progress("asking the teacher", start + len(part), len(refs))
    return out


def in_use(snapshot: Snapshot, encoder: Encoder, raw: Matrix) -> Matrix:
    """Raw vectors brought to the form in which a store compares them, of unit length."""
    scaled: Matrix = apply_scale(raw, fit_scale(raw, kept_of(snapshot.config, encoder)))
    return scaled


def as_long(vectors: Matrix, dim: int) -> Tensor:
    """The main directions of vectors, or zeros behind them: (n, dim) whose cosines are nearly the same."""
    found = torch.from_numpy(vectors)
    if found.shape[1] > dim:
        found = functional.normalize(found @ kept_directions(found, dim).T, dim=1)
    return functional.pad(found, (0, dim - found.shape[1]))
