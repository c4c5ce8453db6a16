"""Questions with their first answers as pictures, right and wrong ones told apart."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sosie.pages.render import picture
from sosie.reports import Answered, Case

ASKED_SIZE, ANSWER_SIZE = 240, 160  # pixels; a page shows some two hundred of the small ones

COLUMNS = 10  # of a row of answers, as style.css has it


@dataclass(frozen=True, slots=True)
class Shot:
    """A product as it is shown in a row of answers."""

    id: str
    title: str
    source: str  # the picture as data: "" where there is none
    lacking: str  # what is said in its stead
    right: bool
    rank: int = 0  # 0 = it is not among the answers
    score: str = ""
    grade: str = ""  # "" where grades are only 0 and 1
    change: str = ""  # "new" or "gone"


@dataclass(frozen=True, slots=True)
class Lineup:
    """A question beside its answers."""

    case: Case
    source: str
    lacking: str
    hits: Sequence[Shot]
    missed: Sequence[Shot]


class Camera:
    """Makes line-ups; a picture is opened once a page, grades are told where the page has more than 0 and 1."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.graded = any(hit.grade not in (0, 1) for case in cases for hit in (*case.hits, *case.missed))
        self._answer: Callable[[str], str] = cache(lambda ref: picture(ref, ANSWER_SIZE))

    def lineup(self, case: Case) -> Lineup:
        """One question with its answers and what was missed."""
        source = picture(case.picture, ASKED_SIZE) if case.picture else ""
        return Lineup(
            case=case,
            source=source,
            lacking=_lacking(case.picture),
            hits=[self.shot(hit, rank) for rank, hit in enumerate(case.hits, 1)],
            missed=[self.shot(hit) for hit in case.missed],
        )

    def shot(self, hit: Answered, rank: int = 0, change: str = "") -> Shot:
        """One answer."""
        return Shot(
            id=hit.id,
            title=hit.title or hit.id,
            source=self._answer(hit.picture) if hit.picture else "",
            lacking=_lacking(hit.picture),
            right=hit.grade > 0,
            rank=rank,
            score=f"{hit.score:.3f}" if rank else "",
            grade=f"{hit.grade:g}" if self.graded else "",
            change=change,
        )


def _lacking(ref: str) -> str:
    return "picture can’t be read" if ref else "no picture"
