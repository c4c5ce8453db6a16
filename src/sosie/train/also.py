"""What a training makes of an older skill: the same encoder judged on another catalogue, before and after."""

from dataclasses import dataclass
from pathlib import Path

from sosie.encoders import load_encoder
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.metrics.intervals import interval, paired
from sosie.scoring import apply_scale, fit_scale
from sosie.train.inputs import vectors_of
from sosie.train.judging import Beside, TaskJudge
from sosie.train.lesson import parted
from sosie.train.lesson_labels import labels_lesson
from sosie.types import Encoder, Matrix, Progress


@dataclass(frozen=True, eq=False)
class Also:
    """Another catalogue's own questions of the split val."""

    store: Store
    judge: TaskJudge

    def beside(self, trained: Encoder, before: Encoder | None, progress: Progress) -> tuple[Beside, ...]:
        """The trained encoder beside the one it was `before`; None: the catalogue's own of the signal."""
        snapshot = self.store.snapshot
        old = before or load_encoder(snapshot.encoder_folder(trained.signal))
        found = []
        judged = (self.judge.values(self._vectors(encoder, progress)) for encoder in (trained, old))
        for task, now, then in zip(self.judge.tasks, *judged, strict=True):
            less, p = paired(then, now, task.clusters)
            both = interval(now, task.clusters), interval(then, task.clusters)
            found.append(Beside(f"{self.store.folder.name}: {task.name}", self.judge.measure, *both, less, p))
        return tuple(found)

    def _vectors(self, encoder: Encoder, progress: Progress) -> Matrix:
        raw = vectors_of(encoder, self.store.snapshot, self.judge.rows, self.store.cache, progress)
        scaled: Matrix = apply_scale(raw, fit_scale(raw))
        return scaled


def also_of(told: str) -> Also:
    """`STORE:LABEL[:SPLIT]` as what it means. Raises TrainingError, StoreError, TruthError."""
    store, *rest = told.rsplit(":", 2 if told.count(":") > 1 else 1)
    if len(rest) not in (1, 2) or not all(rest):
        raise TrainingError(f"--also '{told}': is not STORE:LABEL or STORE:LABEL:SPLIT, such as old.store:kind:split.")
    opened = Store(Path(store))
    truth = Truth((rest[0],), options=TaskOptions(split=rest[1] if len(rest) == 2 else ""))
    lesson = labels_lesson(opened.snapshot, truth, parted(opened.snapshot, truth, 0))
    assert isinstance(lesson.judge, TaskJudge)
    return Also(opened, lesson.judge)
