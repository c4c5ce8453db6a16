"""The page of a comparison: which of two is better, and what changed."""

from sosie.pages.render import render
from sosie.reports import Comparison


def comparison_page(report: Comparison, title: str = "Which of two is better") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    return render("comparison.html.j2", title=title, report=report)
