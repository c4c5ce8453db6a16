"""The page of what is wrong with a catalogue, what harms most first, with the pictures concerned."""

from collections.abc import Sequence
from dataclasses import dataclass

from sosie.pages.render import picture, render
from sosie.types import CatalogueReport, Example, Finding

SHOT_SIZE = 200  # pixels
SHOTS, CASES = 12, 6  # of a finding shown at once


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding as it is shown."""

    finding: Finding
    wrong: str
    detail: str
    shots: Sequence[tuple[Example, str]]
    cases: Sequence[Example]
    others: Sequence[Example]

    @property
    def left_out(self) -> int:
        """Cases that the report counts but does not name."""
        return max(0, self.finding.count - len(self.finding.examples))


def check_page(report: CatalogueReport, title: str = "What this catalogue needs") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    return render(
        "check.html.j2", title=title, report=report, problems=[_problem(finding) for finding in report.findings]
    )


def _problem(finding: Finding) -> Problem:
    wrong, _, detail = finding.wrong.partition(": ")
    named = [example for example in finding.examples if example.picture][:SHOTS]
    shots = [(example, shown) for example in named if (shown := picture(example.picture, SHOT_SIZE))]
    return Problem(
        finding=finding,
        wrong=wrong.rstrip("."),
        detail=detail[:1].upper() + detail[1:],
        shots=shots,
        cases=finding.examples[:CASES],
        others=finding.examples[CASES:],
    )
