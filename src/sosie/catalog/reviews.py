"""Reviews in a file of their own, matched to products by id."""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sosie.catalog.frames import ROW, Table
from sosie.catalog.ids import Seen
from sosie.catalog.names import FIELDS, compact
from sosie.catalog.values import parse_rating, rating_scale
from sosie.errors import CatalogueError
from sosie.text import plain
from sosie.types import Reject, Review

_ID = ("product", "productname", "商品", *FIELDS["group"])
_TEXT = (*FIELDS["reviews"], "text", "body", "content", "description", "summary", "message", "内容", "评语")
_TITLE = ("title", "reviewtitle", "headline", "subject", "标题", "reviewheadline")
_RATING = (*FIELDS["rating"], "score", "overall", "note", "grade", "分数", "得分")
MOST = 200  # reviews of one product that are kept


class Reviews:
    """All reviews of a file, by product id."""

    def __init__(self, file: Path, table: Table) -> None:
        self.file = file
        named = {compact(column): column for column in reversed(table.columns)}

        def find(names: tuple[str, ...], taken: tuple[str, ...] = ()) -> str:
            return next((named[name] for name in names if name in named and named[name] not in taken), "")

        # An id of its own that each review has comes before the product's, when both are there.
        self.id = find(("productid", "sku", "productsku", "itemid", "asin", "商品编号", "商品id", *FIELDS["id"], *_ID))
        self.text = find(_TEXT, (self.id,))
        self.rating = find(_RATING, (self.id, self.text))
        self.title = find(_TITLE, (self.id, self.text))
        if not self.id or not (self.text or self.rating):
            raise CatalogueError(
                f"{file}: reviews need a column that names the product and one with the text or the rating. "
                f"Columns: {', '.join(table.columns)}. Name them product_id, text and rating."
            )
        wanted = [name for name in (self.id, self.text, self.rating, self.title) if name]
        frames = []
        self.rejects: list[Reject] = []
        for chunk in table.chunks():
            frames.append(chunk.frame.select([ROW, *wanted]))
            self.rejects += chunk.rejects
        frame = pl.concat(frames)
        cleaned = pl.col(self.id).str.strip_chars().str.strip_prefix("'")
        self.frame = frame.with_columns(cleaned.alias(self.id)).sort(self.id, maintain_order=True)
        self.keys = self.frame[self.id]
        hashed = self.frame.select(self.id, pl.Series("stamp", self.frame.drop(ROW).hash_rows()))
        self._stamps = hashed.group_by(self.id).agg(pl.col("stamp").sum())
        self._unknown = self.frame.clear()
        self.scale = rating_scale(self.frame[self.rating].head(10_000).to_list()) if self.rating else 5.0

    def stamps(self, ids: pl.Series) -> NDArray[np.uint64]:
        """A hash of the reviews of each product; 0 where there are none."""
        joined = pl.DataFrame({self.id: ids}).join(self._stamps, on=self.id, how="left", maintain_order="left")
        found: NDArray[np.uint64] = joined["stamp"].fill_null(0).to_numpy()
        return found

    def of(self, ids: list[str]) -> dict[str, tuple[Review, ...]]:
        """The reviews of some products, at most 200 of each; products without any are left out."""
        found = self.frame.filter(self.keys.is_in(pl.Series(ids, dtype=pl.String).implode()))
        out: dict[str, list[Review]] = {}
        for row in found.iter_rows(named=True):
            kept = out.setdefault(row[self.id], [])
            review = self._review(row)
            if review and len(kept) < MOST:
                kept.append(review)
        return {id: tuple(reviews) for id, reviews in out.items()}

    def _review(self, row: dict[str, str]) -> Review | None:
        try:
            rating = parse_rating(row[self.rating], self.scale) if self.rating else None
        except ValueError:
            rating = None
        text = plain(row[self.text]) if self.text else ""
        title = plain(row[self.title]) if self.title else ""
        if title and not text.startswith(title.rstrip(" .…")):
            text = f"{title}. {text}" if text else title
        return Review(text, rating) if text or rating is not None else None

    def match(self, seen: Seen) -> None:
        """Find out which reviews name no product of the catalogue."""
        known = seen.contains(self.keys) if len(self.keys) else np.zeros(0, np.bool_)
        self._unknown = self.frame.filter(pl.Series(~known))

    def leftovers(self) -> list[Reject]:
        """Reviews that can't be used, by row of their file."""
        return self.rejects + [
            Reject(
                row[ROW],
                "reviews",
                f"{self.file.name}: names a product that is not in the catalogue",
                row[self.id],
                False,
            )
            for row in self._unknown.sort(ROW).iter_rows(named=True)
        ]
