"""Self-contained pages: look-alikes with their reasons, and what is wrong with a catalogue."""

from sosie.pages.check import check_page
from sosie.pages.hits import Section, hits_page
from sosie.pages.reasons import reasons

__all__ = ["Section", "check_page", "hits_page", "reasons"]
