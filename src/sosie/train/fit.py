"""Fitting: steps, averaged weights, validation by the real measure, checkpoints, and what is written down of it."""

import logging
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers import Logger
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from sosie.errors import TrainingError
from sosie.train.batches import shard
from sosie.train.checkpoint import read_checkpoint, write_checkpoint, writing
from sosie.train.inputs import Inputs
from sosie.train.learner import Batch, Cost, Learner, NotANumberError, Objective
from sosie.train.logs import write_epochs
from sosie.train.recipe import Recipe
from sosie.types import Matrix, Progress, Rows

KEEP_EVERY = 120.0  # seconds between checkpoints within an epoch
EMBEDDED = 64  # items that are embedded at a time
PLAIN = ("residual", "cnn")  # networks of convolutions over all channels
KEPT = "kept.safetensors"  # weights that validated best, or of the last epoch, before a loss was no number
SHORT = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)

Several = tuple[Tensor, ...] | list[Tensor]


class Embed(Protocol):
    """Items -> their embeddings, of unit length, as the network sees them or as other inputs show them."""

    def __call__(self, items: Rows, inputs: Inputs | None = None) -> Matrix:
        """(items, dim)."""


@dataclass(frozen=True)
class Course:
    """A training as it is set up: what `fit` needs beside the network."""

    recipe: Recipe
    inputs: Inputs
    objectives: Sequence[Objective | Cost]
    batches: Callable[..., list[Rows]]  # of an epoch, and of what was mined; the same whenever asked
    judge: Callable[[Embed], float] | None
    measure: str
    folder: Path  # of the run: checkpoint, epochs.csv
    key: Mapping[str, str]  # what may not change where a run is gone on with: catalogue, recipe
    mine: Callable[[Embed, int], Rows] | None = None  # what goes with each batch, after an epoch; None = nothing
    from_start: bool = True  # what it begins with is judged, too; False where that could be best without any use


@dataclass(frozen=True)
class Fitted:
    """A fitted network, and how it got there."""

    network: nn.Module  # in evaluation mode, with the weights that were kept
    best: float | None  # their measure; None without a judge
    began: float | None  # that of the weights it began with
    epochs: tuple[Mapping[str, float], ...]  # a line each, as in epochs.csv
    seconds: float  # of its steps
    samples_per_second: float
    waiting: float  # share of the time in which the network waited for its input
    stopped: str  # why before the last epoch; "" = it wasn't
    leader: bool  # of several processes the one that goes on


def fit(
    network: nn.Module, course: Course, progress: Progress, loggers: Sequence[Logger] = (), processes: int = 1
) -> Fitted:
    """Train a network, or go on where a run in the course's folder was cut off: the same numbers come of both.

    The weights that validate best are kept (averaged ones, where the recipe averages), without a judge the last ones.
    Raises TrainingError: the folder's run is of other data or another recipe, a loss is no number, the disk is full.
    """
    recipe = course.recipe
    course = replace(course, key={**course.key, "number of processes": str(processes)})
    _quiet()
    seed_everything(recipe.seed, verbose=False)
    ends = np.cumsum([len(shard(course.batches(epoch), 0, processes)) for epoch in range(recipe.epochs)]).tolist()
    if recipe.sees == "pictures":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = Learner(network, course.inputs, course.objectives, recipe, ends[-1])
    watch = _Watch(learner, course, ends, progress)
    trainer = Trainer(
        accelerator="auto",
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        precision="bf16-mixed" if _bf16(recipe) else "32-true",
        max_epochs=1,
        gradient_clip_val=recipe.clip or None,
        callbacks=[watch],
        logger=list(loggers),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=course.folder,
    )
    if watch.step < ends[-1] and not watch.stopped:
        try:
            with writing(course.folder, course.folder):
                trainer.fit(learner, train_dataloaders=_Steps(course, watch, processes))
        except SystemExit as ending:  # Lightning makes it of an interruption
            if trainer.interrupted:
                raise KeyboardInterrupt from ending
            raise
        except NotANumberError:
            with writing(course.folder, course.folder / KEPT):
                watch.rescue()
            raise
        except (RuntimeError, MemoryError) as error:
            if isinstance(error, MemoryError) or SHORT.search(str(error)):
                raise OutOfMemoryError("memory ran out.") from error
            raise
    return watch.fitted()


class OutOfMemoryError(TrainingError):
    """A batch is too large for the memory there is."""


class _Steps:
    """Batches from where a run stands to its end."""

    def __init__(self, course: Course, watch: "_Watch", processes: int) -> None:
        self.course, self.watch, self.start, self.processes = course, watch, watch.step, processes

    def __len__(self) -> int:
        return self.watch.ends[-1] - self.start

    def __iter__(self) -> Iterator[Batch]:
        for epoch, end in enumerate(self.watch.ends):
            if end <= self.start:
                continue
            mined = None if self.watch.mined is None else self.watch.mined.numpy()
            batches = shard(self.course.batches(epoch, mined), self.watch.learner.global_rank, self.processes)
            first = end - len(batches)
            for step in range(max(self.start, first), end):
                started = time.perf_counter()
                items = batches[step - first]
                batch = Batch(step, epoch, torch.from_numpy(items), self.course.inputs.fetch(items))
                self.watch.waited += time.perf_counter() - started
                yield batch


class _Watch(Callback):
    """Averages, validates, keeps and tells; all that a run that is gone on with needs is in `state`."""

    def __init__(self, learner: Learner, course: Course, ends: Sequence[int], progress: Progress) -> None:
        self.learner, self.course, self.ends, self.progress = learner, course, ends, progress
        keep = course.recipe.average
        self.average = AveragedModel(learner.network, multi_avg_fn=_averaging(keep), use_buffers=True) if keep else None
        self.step, self.samples, self.seconds, self.waited = 0, 0, 0.0, 0.0
        self.losses: list[float] = []
        self.epochs: list[dict[str, float]] = []
        self.best: float | None = None
        self.began: float | None = None
        self.kept: dict[str, Tensor] | None = None
        self.mined: Tensor | None = None
        self.fruitless = 0
        self.stopped = ""
        self.leader = True
        self._restored: dict[str, Any] | None = None
        self._saved = time.monotonic()
        self._restore()

    @property
    def network(self) -> nn.Module:
        """The network whose weights would be kept now."""
        return self.learner.network if self.average is None else self.average.module

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put back what Lightning has made since: the optimiser and the place on the curve of its rate."""
        self.leader = trainer.is_global_zero
        if self.average is not None:
            self.average.to(pl_module.device)
        self._began = time.perf_counter()
        if self._restored is not None:
            trainer.optimizers[0].load_state_dict(self._restored["optimiser"])
            trainer.lr_scheduler_configs[0].scheduler.load_state_dict(self._restored["schedule"])
            self._restored = None
        elif self.course.judge is not None and self.course.from_start:  # so that no run ends worse than it began
            self.began = self._figure(trainer)
            self._judged(self.began)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - as Lightning has it
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """After each step."""
        self.step = batch.step + 1
        self.samples += len(batch.items) * trainer.world_size
        self.losses.append(float(outputs["loss"]))
        if self.average is not None:
            self.average.update_parameters(self.learner.network)
        if self.step == self.ends[batch.epoch]:
            self.seconds += time.perf_counter() - self._began
            if self.course.judge is None:
                self._keep_last(batch)
            self._end_of_epoch(trainer, batch.epoch)
            self._began = time.perf_counter()
            return
        self._tell(batch.epoch, float(np.mean(self.losses)))
        if time.monotonic() - self._saved > KEEP_EVERY:
            self._save(trainer)

    def rescue(self) -> None:
        """Write the weights that were kept so far where somebody can find them."""
        if self.kept is not None:
            save_file(self.kept, self.course.folder / KEPT)

    def fitted(self) -> Fitted:
        """What came of it."""
        network = self.network
        if self.kept is not None:
            network.load_state_dict(self.kept)
        seconds = max(self.seconds, 1e-9)
        return Fitted(
            network=network.cpu().eval(),
            best=self.best,
            began=self.began,
            epochs=tuple(self.epochs),
            seconds=self.seconds,
            samples_per_second=self.samples / seconds,
            waiting=self.waited / seconds,
            stopped=self.stopped,
            leader=self.leader,
        )

    def _tell(self, epoch: int, loss: float) -> None:
        told = f"training: epoch {epoch + 1} of {self.course.recipe.epochs}, loss {loss:.3f}"
        if self.best is not None:
            told += f", best {self.course.measure} {self.best:.3f}"
        self.progress(told, self.step, self.ends[-1])

    def _end_of_epoch(self, trainer: Trainer, epoch: int) -> None:
        recipe = self.course.recipe
        line = {"epoch": epoch + 1, "loss": float(np.mean(self.losses)), "seconds": round(self.seconds, 1)}
        self.losses = []
        last = epoch + 1 == recipe.epochs
        if self.course.judge is not None and (last or (epoch + 1) % recipe.validate_every == 0):
            figure = self._figure(trainer)
            line[self.course.measure] = figure
            self._judged(figure)
        self.epochs.append(line)
        if trainer.is_global_zero:
            with writing(self.course.folder, file := self.course.folder / "epochs.csv"):
                write_epochs(file, self.epochs)
        for logger in trainer.loggers:
            logger.log_metrics({name: value for name, value in line.items() if name != "epoch"}, step=epoch + 1)
        if recipe.patience and self.fruitless >= recipe.patience:
            self.stopped = f"{self.fruitless} validations in a row were no better"
            trainer.should_stop = True
        self._tell(epoch, line["loss"])
        if self.course.mine is not None and recipe.mining is not None and (epoch + 1) % recipe.mining.every == 0:
            mined = self.course.mine(self._embed, epoch) if trainer.is_global_zero else None
            self.mined = torch.from_numpy(trainer.strategy.broadcast(mined))
        self._save(trainer)

    def _figure(self, trainer: Trainer) -> float:
        assert self.course.judge is not None
        figure = self.course.judge(self._embed) if trainer.is_global_zero else 0.0
        return trainer.strategy.broadcast(figure)

    def _judged(self, figure: float) -> None:
        better = self.best is None or figure > self.best
        self.fruitless = 0 if better else self.fruitless + 1
        if better or figure == self.best:  # of equals the later one has learnt more
            self.best = figure
            self.kept = self._weights()

    def _keep_last(self, batch: Batch) -> None:
        """Where nothing judges: the weights of the last epoch, unless its last step spoilt them."""
        weights = self._weights()
        if not all(bool(value.isfinite().all()) for value in weights.values()):
            raise NotANumberError(batch.step, batch.epoch, batch.items.cpu().numpy())
        self.kept = weights

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}

    def _embed(self, items: Rows, inputs: Inputs | None = None) -> Matrix:
        return embed(self.network, inputs or self.course.inputs, items)

    def _save(self, trainer: Trainer) -> None:
        self._saved = time.monotonic()
        if not trainer.is_global_zero:
            return
        state = {
            "key": dict(self.course.key),
            "size": {"epochs": self.course.recipe.epochs, "batch": self.course.recipe.batch},
            "network": self.learner.network.state_dict(),
            "losses": self.learner.losses.state_dict(),
            "memories": self.learner.memories.state_dict(),
            "mined": self.mined,
            "average": None if self.average is None else self.average.state_dict(),
            "optimiser": trainer.optimizers[0].state_dict(),
            "schedule": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
            "kept": self.kept,
            "told": {name: getattr(self, name) for name in _TOLD},
        }
        write_checkpoint(self.course.folder, state)

    def _restore(self) -> None:
        state = read_checkpoint(self.course.folder)
        if state is None:
            return
        key = self.course.key
        other = [name for name in key if state["key"].get(name) != key[name]]
        if other:
            raise TrainingError(
                f"{self.course.folder}: the training that was cut off there had another {' and another '.join(other)}; "
                "give what it had, or remove the folder to begin anew."
            )
        self.learner.network.load_state_dict(state["network"])
        self.learner.losses.load_state_dict(state["losses"])
        self.learner.memories.load_state_dict(state["memories"])
        self.mined = state["mined"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.kept = state["kept"]
        for name in _TOLD:
            setattr(self, name, state["told"][name])
        self._restored = state


def _averaging(keep: float) -> Callable[[Several, Several, Tensor | int], None]:
    """Exponential averages that forget their beginning sooner: weights of the first steps are hardly trained."""

    @torch.no_grad()
    def average(averaged: Several, current: Several, number: Tensor | int) -> None:
        share = 1 - min(keep, float(number) / (10 + float(number)))
        for old, new in zip(averaged, current, strict=True):
            if old.is_floating_point():
                old.lerp_(new, share)
            else:
                old.copy_(new)

    return average


_TOLD = ("step", "samples", "seconds", "waited", "losses", "epochs", "best", "began", "fruitless", "stopped")


@torch.inference_mode()
def embed(network: nn.Module, inputs: Inputs, items: Rows) -> Matrix:
    """Embeddings of items as a trained encoder makes them, (items, dim), of unit length; in bf16 where quick."""
    device = next(network.parameters()).device
    was = network.training
    network.eval()
    parts = []
    for start in range(0, len(items), EMBEDDED):
        fetched = move_data_to_device(inputs.fetch(items[start : start + EMBEDDED]), device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" or _computes_bf16()):
            embedded = network(**inputs.plain(fetched))
        parts.append(nn.functional.normalize(embedded.float(), dim=1).cpu().numpy())
    network.train(was)
    return np.concatenate(parts)


def _quiet() -> None:
    """Keep Lightning from telling what a user can do nothing about."""
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    warnings.filterwarnings("ignore", message=r".*(treespec|does not have many workers|`training_step`).*")


def _bf16(recipe: Recipe) -> bool:
    """Whether steps are computed in bf16: where asked for, on a GPU that has it, on a processor with tiles for it.

    One that only multiplies vectors of it gains with plain convolutions alone.
    """
    if recipe.precision != "auto":
        return recipe.precision == "bf16"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_amx_tile_supported()) or (recipe.network in PLAIN and _computes_bf16())


def _computes_bf16() -> bool:
    return bool(torch.cpu._is_avx512_bf16_supported())
