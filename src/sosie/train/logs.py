"""Where a training is followed: epochs.csv, TensorBoard, and Weights & Biases offline where it is asked for."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from sosie.errors import TrainingError
from sosie.evaluate.thumbnails import thumbnails
from sosie.store import Snapshot
from sosie.types import Matrix, Product, Rows

SHOWN = 2_000  # products in the projector
ASKED, ANSWERS = 8, 6  # sample questions, and the neighbours shown of each
SIDE, SPRITE = 96, 32  # pixels of a picture among neighbours, and of one in the projector


def loggers(run: Path, wandb: bool) -> list[Logger]:
    """Loggers of a run. Raises TrainingError where Weights & Biases is asked for and not installed."""
    there: list[Logger] = [TensorBoardLogger(run, name="", version="tensorboard")]
    if wandb:
        try:
            there.append(WandbLogger(name=run.name, save_dir=run, offline=True, project="sosie"))
        except ModuleNotFoundError as error:
            raise TrainingError("Weights & Biases is not installed: pip install 'sosie[wandb]'.") from error
    return there


def write_epochs(file: Path, epochs: Sequence[Mapping[str, float]]) -> None:
    """Write a line an epoch."""
    names = list(dict.fromkeys(name for line in epochs for name in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(epochs)
    file.write_text(text.getvalue(), encoding="utf-8")


def show_products(there: Sequence[Logger], snapshot: Snapshot, rows: Rows, vectors: Matrix) -> None:
    """Some products in TensorBoard: their embeddings in the projector, and the neighbours of a few.

    `rows` of the snapshot and their vectors, (rows, dim), of unit length; rows of zeros are left out.
    """
    boards = [logger.experiment for logger in there if isinstance(logger, TensorBoardLogger)]
    present = np.flatnonzero(vectors.any(axis=1))
    some = present[np.unique(np.linspace(0, len(present) - 1, min(len(present), SHOWN)).astype(np.int64))]
    if not boards or len(some) <= ANSWERS:
        return
    products = snapshot.products(rows[some])
    refs = [product.images[0] if product.images else "" for product in products]
    pictured = any(refs)
    sprites = torch.from_numpy(thumbnails(refs, side=SPRITE)[0]).permute(0, 3, 1, 2) / 255 if pictured else None
    metadata = [[product.id, _one_line(product.title), _one_line(" ".join(product.category))] for product in products]
    for board in boards:
        board.add_embedding(vectors[some], metadata, sprites, metadata_header=["id", "title", "category"])
        asked, found = _neighbours(vectors[some])
        if pictured:
            board.add_image("neighbours", _grid(refs, asked, found), dataformats="HWC")
        board.add_text("neighbours", _listed(products, asked, found))
        board.flush()


def _neighbours(vectors: Matrix) -> tuple[Rows, Rows]:
    asked = np.linspace(0, len(vectors) - 1, ASKED).astype(np.int64)
    near = vectors[asked] @ vectors.T
    near[np.arange(ASKED), asked] = -np.inf
    return asked, np.argsort(-near, axis=1, kind="stable")[:, :ANSWERS]


def _grid(refs: Sequence[str], asked: Rows, found: Rows) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    """A row a question: the product, and its neighbours."""
    table = np.hstack([asked[:, None], found])
    pictures = thumbnails([refs[at] for at in table.ravel().tolist()], side=SIDE)[0]
    rows = pictures.reshape(len(asked), ANSWERS + 1, SIDE, SIDE, 3)
    return rows.swapaxes(1, 2).reshape(len(asked) * SIDE, (ANSWERS + 1) * SIDE, 3)


def _listed(products: Sequence[Product], asked: Rows, found: Rows) -> str:
    """The same as a table in Markdown."""
    lines = ["|".join(["asked", *(str(rank) for rank in range(1, ANSWERS + 1))]), "|".join(["-"] * (ANSWERS + 1))]
    for one, others in zip(asked.tolist(), found.tolist(), strict=True):
        named = [_one_line(products[at].title) or products[at].id for at in (one, *others)]
        lines.append("|".join(name.replace("|", "/") for name in named))
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:80]
