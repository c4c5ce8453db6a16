"""What answers are judged by, read from a shop's own data: labels, pairs, judgements, links, events."""

from sosie.evaluate.places import Gallery, places_of
from sosie.evaluate.relevance import Labelled, Listed, Nothing
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.truth_events import events_task
from sosie.evaluate.truth_labels import every_product, label_task
from sosie.evaluate.truth_links import links_task
from sosie.evaluate.truth_pairs import PairsTask, pairs_task
from sosie.evaluate.truth_qrels import qrels_task

__all__ = [
    "Gallery",
    "Labelled",
    "Listed",
    "Nothing",
    "PairsTask",
    "TaskOptions",
    "events_task",
    "every_product",
    "label_task",
    "links_task",
    "pairs_task",
    "places_of",
    "qrels_task",
]
