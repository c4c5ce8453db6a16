"""Ways to answer the questions of a task, each as one inner product."""

from dataclasses import dataclass
from typing import Any

from sosie.reports import Kind
from sosie.types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class System:
    """One way to answer: the score of a product is the inner product of the question's row and its own.

    A row of zeros says nothing: such a question gets no answer, such a product is never one.
    """

    name: str
    kind: Kind
    questions: "Matrix | Any"  # (questions, dim), or a SciPy sparse array
    gallery: "Matrix | Any"  # (gallery, dim), or a SciPy sparse array, in the order of `Task.gallery`
    more: Any = None  # matrix or SciPy sparse array, (questions, gallery), added to the score: words found literally
    mass: Vector | None = None  # (questions,) that the scores are divided by: 1 is then the product itself
