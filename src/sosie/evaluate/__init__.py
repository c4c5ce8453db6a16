"""How good the answers are: truths, leaks, figures with intervals, comparisons, calibration, health.

`evaluate`, `compare_sides` and `tune` are what the verbs of the same names call.
"""

from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import Options
from sosie.evaluate.sides import compare_sides
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.tune import Effort, tune

__all__ = ["Effort", "Options", "TaskOptions", "Truth", "compare_sides", "evaluate", "tune"]
