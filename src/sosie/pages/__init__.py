"""Self-contained pages: look-alikes with their reasons, what is wrong, was measured, or would be learnt from."""

from sosie.pages.calibration import calibration_page
from sosie.pages.check import check_page
from sosie.pages.comparison import comparison_page
from sosie.pages.evaluation import evaluation_page
from sosie.pages.health import health_page
from sosie.pages.hits import Section, hits_page
from sosie.pages.preview import Draws, Preview, Sample, Triplet, preview_page
from sosie.pages.reasons import reasons
from sosie.pages.tuning import tuning_page

__all__ = [
    "Draws",
    "Preview",
    "Sample",
    "Section",
    "Triplet",
    "calibration_page",
    "check_page",
    "comparison_page",
    "evaluation_page",
    "health_page",
    "hits_page",
    "preview_page",
    "reasons",
    "tuning_page",
]
