"""A catalogue of a little shop, written for tests that build a store of it."""

import polars as pl
from PIL import Image, ImageDraw

COLOURS = ["red", "green", "blue", "yellow", "purple"]
KINDS = ["shirt", "mug", "lamp"]


def catalogue(folder, rows=30, **changes):
    """Products of three kinds and five colours; `changes` maps an id to other cells."""
    records = []
    for at in range(rows):
        kind, colour = KINDS[at % 3], COLOURS[at % 5]
        records.append(
            {
                "id": f"p{at}",
                "title": f"{colour} {kind} number {at}",
                "description": f"A {kind} in {colour}, made for everyday use.",
                "price": f"{10 + at}.50 EUR",
                "category": f"Home > {kind.title()}s",
                "color": colour,
                "image": f"pictures/{colour}-{kind}.png",
            }
            | changes.get(f"p{at}", {})
        )
    (folder / "pictures").mkdir(exist_ok=True)
    for colour in COLOURS:
        for kind in KINDS:
            picture = Image.new("RGB", (64, 64), "white")
            draw = ImageDraw.Draw(picture)
            shape = {"shirt": draw.rectangle, "mug": draw.ellipse, "lamp": draw.rounded_rectangle}[kind]
            shape((12, 12, 52, 52), fill=colour)
            file = folder / "pictures" / f"{colour}-{kind}.png"
            if not file.exists():
                picture.save(file)
    pl.DataFrame(records).write_csv(folder / "catalogue.csv")
    return folder / "catalogue.csv"
