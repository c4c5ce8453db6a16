"""Where a training is followed: TensorBoard in the run's folder, Weights & Biases offline where it is asked for."""

from pathlib import Path

from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger

from sosie.errors import TrainingError


def loggers(run: Path, wandb: bool) -> list[Logger]:
    """Loggers of a run. Raises TrainingError where Weights & Biases is asked for and not installed."""
    there: list[Logger] = [TensorBoardLogger(run, name="", version="tensorboard")]
    if wandb:
        try:
            there.append(WandbLogger(name=run.name, save_dir=run, offline=True, project="sosie"))
        except (ImportError, ModuleNotFoundError) as error:
            raise TrainingError("Weights & Biases is not installed: pip install 'sosie[wandb]'.") from error
    return there
