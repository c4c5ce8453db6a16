"""Self-contained pages: look-alikes with their reasons, what is wrong with a catalogue, what was measured."""

from sosie.pages.calibration import calibration_page
from sosie.pages.check import check_page
from sosie.pages.comparison import comparison_page
from sosie.pages.evaluation import evaluation_page
from sosie.pages.health import health_page
from sosie.pages.hits import Section, hits_page
from sosie.pages.reasons import reasons
from sosie.pages.tuning import tuning_page

__all__ = [
    "Section",
    "calibration_page",
    "check_page",
    "comparison_page",
    "evaluation_page",
    "health_page",
    "hits_page",
    "reasons",
    "tuning_page",
]
