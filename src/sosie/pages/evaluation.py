"""The page of an evaluation: the verdict, leaks, figures beside baselines, slices, the worst and the best answers."""

from sosie.pages.render import render
from sosie.pages.wording import headline, rivals
from sosie.reports import Evaluation


def evaluation_page(report: Evaluation, title: str = "How good the answers are") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    sentence, reach = headline(report.measure, report.metrics[report.measure])
    return render(
        "evaluation.html.j2", title=title, report=report, sentence=sentence, reach=reach, rivals=rivals(report)
    )
