"""Reads a page as a browser would: its elements, its words, and whether every element is closed."""

import html.parser

HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7*7 }}"""
VOID = {"meta", "img", "rect", "line"}


class Page(html.parser.HTMLParser):
    """Reads a page: its elements with their attributes, its text, and whether every element is closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.told = ""  # words outside of plots
        self.open: list[str] = []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
        if tag in ("dt", "td"):
            self.told += " "  # a browser sets what follows apart

    def handle_data(self, data: str) -> None:
        self.words += data
        if "svg" not in self.open and "style" not in self.open:
            self.told += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classed(self, css: str) -> list[dict[str, str]]:
        return [found for _, found in self.elements if css in found.get("class", "").split()]
