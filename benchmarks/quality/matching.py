"""Offers of the same product in two shops: F1 of judged pairs, and the offers found for each."""

from bench import Bench, read, table

SHOPS = ("abt_buy", "amazon_google")
OFFERS = ("computers", "cameras", "watches", "shoes")


def measure(bench: Bench) -> None:
    """The threshold is chosen on the valid split, and judged on test."""
    for name in SHOPS:
        sides = {side: read(f"matching/{name}/{side}.csv") for side in ("left", "right")}
        both = [row | {"id": f"{side}-{row['id']}"} for side, rows in sides.items() for row in rows]
        bench.build(name, table(f"{name}.csv", both))
        pairs = [
            {"a": f"left-{row['ltable_id']}", "b": f"right-{row['rtable_id']}", "similar": row["label"], "split": split}
            for split in ("train", "valid", "test")
            for row in read(f"matching/{name}/{split}.csv")
        ]
        judge(bench, name, pairs)
    for kind in OFFERS:
        name = f"wdc_{kind}_small"
        splits = {split: read(f"matching/{name}/{split}.csv") for split in ("train", "valid", "test")}
        titles = {row[side] for rows in splits.values() for row in rows for side in ("left_title", "right_title")}
        numbers = {title: f"offer-{at}" for at, title in enumerate(sorted(titles))}
        bench.build(name, table(f"{name}.csv", [{"id": id, "title": title} for title, id in numbers.items()]))
        pairs = [
            {"a": numbers[row["left_title"]], "b": numbers[row["right_title"]], "similar": row["label"], "split": split}
            for split, rows in splits.items()
            for row in rows
        ]
        judge(bench, name, pairs)


def judge(bench: Bench, name: str, pairs: list[dict[str, str]]) -> None:
    """F1 on the pairs of test."""
    file = table(f"{name}-pairs.csv", pairs)
    bench.evaluate(name, "same product", f"--pairs {file} --split split --measure f1")
