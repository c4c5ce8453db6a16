"""What households and users took next, by what their histories look like: content alone, nothing learnt from events."""

import gzip
import json
from collections.abc import Iterator

from bench import DATA, Bench, table

FOLDER = DATA / "interactions"


def measure(bench: Bench) -> None:
    """A supermarket by time (products new to the household), and sequences whose last item is to be found."""
    bench.build("journey", FOLDER / "products.csv", "--ignore manufacturer_id")
    bench.evaluate("journey", "new to the household", f"--events {FOLDER / 'purchases.parquet'} --split split")

    with gzip.open(FOLDER / "amazon_beauty_item2attributes.json.gz", "rt", encoding="utf-8") as file:
        attributes = json.load(file)
    items = [{"id": id, "title": " ".join(f"tag{one}" for one in tags)} for id, tags in attributes.items()]
    bench.build("beauty", table("beauty.csv", items))
    bench.evaluate("beauty", "the last item of a user", f"--events {table('beauty-events.csv', sequences())}")


def sequences() -> Iterator[dict[str, object]]:
    """An event each, in the order of the user's sequence."""
    with gzip.open(FOLDER / "amazon_beauty_sequences.txt.gz", "rt", encoding="utf-8") as file:
        for one in file:
            user, *items = one.split()
            for at, item in enumerate(items):
                yield {"user": user, "item": item, "time": at}
