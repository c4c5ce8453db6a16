"""Everything `check` can find: how much each kind harms look-alikes, what is wrong, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from sosie.config import Signals

ALL = ("image", "colour", "text", "words", "price", "category", "attributes", "reviews")
LOOK = ("image", "colour")
TEXT = ("text", "words")


@dataclass(frozen=True, slots=True)
class Kind:
    """`degree` 0..1 says how much of each of the `signals` it spoils; `wrong` and `advice` are told to people."""

    signals: tuple[str, ...]
    degree: float
    wrong: str
    advice: str

    @property
    def weight(self) -> float:
        """Share of a product's similarity that is harmed, at default weights."""
        weights = {signal: float(getattr(Signals(), signal).weight) for signal in ALL}
        return round(self.degree * sum(weights[signal] for signal in self.signals) / sum(weights.values()), 4)


KINDS: Mapping[str, Kind] = {
    "rejected-row": Kind(
        ALL,
        1,
        "Rows that can't be used: their products are not in the store.",
        "Mend the rows; each is named with field and reason.",
    ),
    "repeated-id": Kind(
        ALL,
        1,
        "Ids that occur more than once: only the first row of each is used.",
        "Give every product its own id; for variants of one product name the column they share: --map group=COLUMN.",
    ),
    "dropped-field": Kind(
        ALL,
        0.1,
        "Values that could not be read: the product is used without them.",
        "Mend the values, or name the right column with --map field=COLUMN.",
    ),
    "no-title": Kind(TEXT, 0.5, "Products without a title.", "Fill it in, or name its column: --map title=COLUMN."),
    "no-text": Kind(
        TEXT,
        0.4,
        "Products without a description: their meaning is judged by the title alone.",
        "Fill it in, or name its column: --map text=COLUMN.",
    ),
    "no-category": Kind(
        ("category",), 1, "Products without a category.", "Fill it in, or name its column: --map category=COLUMN."
    ),
    "no-brand": Kind(
        ("attributes",), 0.3, "Products without a brand.", "Fill it in, or name its column: --map brand=COLUMN."
    ),
    "no-price": Kind(("price",), 1, "Products without a price.", "Fill it in, or name its column: --map price=COLUMN."),
    "no-attributes": Kind(
        ("attributes",),
        0.7,
        "Products without any attribute (material, size, colour …).",
        "Add the columns that tell products apart; every column nobody mapped is taken as an attribute.",
    ),
    "no-picture": Kind(
        LOOK,
        1,
        "Products without a picture: nothing can look like them.",
        "Add a picture; for files elsewhere give --images FOLDER, for addresses --download-images.",
    ),
    "unreadable-picture": Kind(
        LOOK,
        1,
        "Pictures that can't be opened.",
        "Replace them; missing files are looked for beside the catalogue and in --images FOLDER.",
    ),
    "blank-picture": Kind(LOOK, 1, "Pictures of one plain colour.", "Replace them by photos of the product."),
    "shared-picture": Kind(
        LOOK,
        1,
        "One picture on many products: a placeholder, a logo or a size chart makes strangers look alike.",
        "Take it out, or replace it by a photo of each product.",
    ),
    "same-picture": Kind(
        LOOK,
        0.5,
        "The same picture on different products: they will look the same whatever they are.",
        "Give each its own photo; for variants of one product name the column they share: --map group=COLUMN.",
    ),
    "near-same-picture": Kind(
        LOOK,
        0.3,
        "Nearly the same picture on different products (saved again, resized, or one series of photos).",
        "Look whether these are one product listed twice.",
    ),
    "tiny-picture": Kind(
        LOOK,
        0.5,
        "Pictures smaller than 64 pixels on a side: details can't be told.",
        "Use larger ones; 224 pixels are enough.",
    ),
    "price-not-positive": Kind(
        ("price",), 1, "Prices of zero or below.", "Mend them, or leave the field empty where there is no price."
    ),
    "sale-above-price": Kind(("price",), 0.5, "Sale prices above the price.", "Swap the two columns or mend the rows."),
    "price-outlier": Kind(
        ("price",),
        1,
        "Prices far from all others of their category, by a factor of five or more.",
        "Look for a slipped decimal point, another currency or a wrong category.",
    ),
    "other-currency": Kind(
        ("price",),
        0.5,
        "Prices in another currency than most: they are not compared with the others.",
        "Give what one unit of each is worth (signals.price.rates in sosie.toml), or build a store a currency.",
    ),
    "placeholder-text": Kind(
        TEXT,
        1,
        'Texts that only hold a place ("test", "n/a", "lorem ipsum", "待补充").',
        "Write the real text, or leave the field empty.",
    ),
    "short-text": Kind(
        TEXT, 0.4, "Titles or descriptions that say next to nothing.", "Write a sentence about what the product is."
    ),
    "garbled-text": Kind(
        TEXT,
        1,
        "Garbled texts: read with the wrong encoding, damaged, or mostly symbols.",
        "Export the file again as UTF-8; the value beside each row shows what arrived.",
    ),
    "same-title": Kind(
        TEXT,
        0.25,
        "The same title on different products: words can't tell them apart.",
        "Add what differs to the title; for variants of one product name the column they share: --map group=COLUMN.",
    ),
    "same-text": Kind(
        TEXT,
        0.4,
        "The same description on different products.",
        "Describe the product itself; shop-wide sentences (delivery, guarantee) belong elsewhere.",
    ),
    "identical": Kind(
        ALL,
        0.5,
        "Products that differ in nothing but their id: each fills the other's answers.",
        "Remove the copies; for variants of one product name the column they share: --map group=COLUMN.",
    ),
    "other-language": Kind(
        TEXT,
        0.5,
        "Texts in another language than most of the catalogue.",
        "Translate them, or build a store a language.",
    ),
    "expired": Kind(
        ALL,
        0.25,
        "Products whose date of sale or availability is over.",
        "Remove them from the feed, or renew the dates.",
    ),
    "past-season": Kind(ALL, 0.1, "Products of a season two years back or more.", "Check that they are still sold."),
    "stale-feed": Kind(
        ALL, 0.1, "A feed in which nothing has changed for half a year.", "Check that this is the newest export."
    ),
}
