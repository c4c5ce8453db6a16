"""How many epochs fit into so many minutes, by the time that some steps take."""

import time
from copy import deepcopy

import torch
from torch import nn

from sosie.train.fit import Course
from sosie.train.learner import Batch, Learner, make_optimiser
from sosie.types import Progress

TRIED = 4  # steps that are timed, after one that isn't
OVERHEAD = 1.15  # validation, averaging and checkpoints, beside the steps


def epochs_within(network: nn.Module, course: Course, minutes: float, progress: Progress) -> int:
    """Epochs of a course that fit into `minutes`, at least 1 and at most what its recipe says.

    Steps of each of the recipe's sizes are timed on a copy, which is thrown away.
    """
    recipe = course.recipe
    batches = course.batches(0)
    parts = max(len(recipe.sizes), 1)
    firsts = [min(-(-at * recipe.epochs // parts), recipe.epochs - 1) for at in range(parts)]  # of each size
    seconds = []
    for number, epoch in enumerate(firsts):
        progress("timing some steps", number, len(firsts))
        seconds.append(_seconds_a_step(deepcopy(network), course, epoch))
    whole = sum(seconds) / len(seconds) * len(batches) * OVERHEAD
    return max(1, min(recipe.epochs, int(minutes * 60 / whole)))


def _seconds_a_step(network: nn.Module, course: Course, epoch: int) -> float:
    objectives = [objective._replace(loss=deepcopy(objective.loss)) for objective in course.objectives]
    learner = Learner(network, course.inputs, objectives, course.recipe, 1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    learner.to(device)
    optimiser = make_optimiser(learner.network, learner.losses, course.recipe)
    batches = course.batches(epoch)
    times = []
    for step in range(TRIED + 1):
        started = time.perf_counter()
        items = batches[step % len(batches)]
        fetched = learner.transfer_batch_to_device(course.inputs.fetch(items), learner.device, 0)
        loss = learner.training_step(Batch(step, epoch, torch.from_numpy(items), fetched), step)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        times.append(time.perf_counter() - started)
    return sorted(times[1:])[TRIED // 2]
