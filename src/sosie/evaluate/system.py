"""Ways to answer the questions of a task, each as one inner product."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from sosie.reports import Kind
from sosie.types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class Literal:
    """Shares of words found literally, (questions, gallery): mostly 0, so kept sparse, read as a matrix."""

    kept: Any

    def __getitem__(self, at: Any) -> Matrix:  # noqa: ANN401 - whatever NumPy takes
        found = self.kept[at]
        return np.asarray(found.toarray() if sparse.issparse(found) else found)

    def __mul__(self, factor: np.float32) -> "Literal":
        return Literal(self.kept * factor)

    @property
    def shape(self) -> tuple[int, int]:
        """Questions, gallery."""
        questions, gallery = self.kept.shape
        return questions, gallery


@dataclass(frozen=True, eq=False)
class System:
    """One way to answer: the score of a product is the inner product of the question's row and its own.

    A row of zeros says nothing: such a question gets no answer, such a product is never one.
    """

    name: str
    kind: Kind
    questions: "Matrix | Any"  # (questions, dim), or a SciPy sparse array
    gallery: "Matrix | Any"  # (gallery, dim), or a SciPy sparse array, in the order of `Task.gallery`
    more: "Matrix | Any | None" = None  # (questions, gallery), or `Literal`, added to the score: words found
    mass: Vector | None = None  # (questions,) that the scores are divided by: 1 is then the product itself
