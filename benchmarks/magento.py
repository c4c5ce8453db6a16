"""Magento's sample store: does the picture find the same design in another colour, do the answers find upsell links?

    SOSIE_DATA=... .venv/bin/python benchmarks/magento.py

Upsell recall@10 over whole products (variants collapsed), ties broken by id, beside each signal alone and beside
category alone; 95% intervals by bootstrap over the products asked about.
"""

import csv
import os
import random
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

import sosie
from sosie.types import Query

DATA = Path(os.environ["SOSIE_DATA"]) / "magento"


def same_design(store: sosie.Store) -> tuple[float, int]:
    """R@1 of the picture signal among the distinct pictures of variants: nearest other picture is the same design."""
    with (DATA / "products.csv").open(encoding="utf-8") as file:
        variants = [row for row in csv.DictReader(file) if row["kind"] == "variant" and row["image"]]
    first: dict[str, dict[str, str]] = {}
    for row in variants:
        first.setdefault(row["image"], row)
    rows = list(first.values())
    vectors = store.vectors("image", [row["sku"] for row in rows])
    parents = np.array([row["parent_sku"] for row in rows])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return float(np.mean(parents[cosines.argmax(axis=1)] == parents)), len(rows)


def links(kind: str) -> dict[str, set[str]]:
    """The products that merchandisers linked to each product."""
    wanted: dict[str, set[str]] = defaultdict(set)
    with (DATA / "links.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["link_type"] == kind:
                wanted[row["sku"]].add(row["linked_sku"])
    return wanted


def recall(
    store: sosie.Store, wanted: dict[str, set[str]], weights: dict[str, float] | None, seed: int | None = None
) -> np.ndarray:
    """recall@10 of each product asked about that the store has, groups collapsed; `seed` shuffles ties."""
    draw = random.Random(seed)
    groups = {product.id: product.group for product in all_products(store)}
    values = []
    for sku, linked in sorted(wanted.items()):
        relevant = {groups[other] for other in linked if other in groups} - {groups.get(sku, sku)}
        if sku not in groups or not relevant:
            continue
        hits = store.ask(Query(like=(sku,), limit=10 if seed is None else 200, weights=weights)).hits
        if seed is not None:
            hits = sorted(hits, key=lambda hit: (-round(hit.score, 4), draw.random()))[:10]
        values.append(len(relevant & {hit.product.group for hit in hits}) / min(10, len(relevant)))
    return np.array(values)


def all_products(store: sosie.Store) -> list[sosie.Product]:
    """Every product of a store."""
    snapshot = store.snapshot
    return snapshot.products(np.flatnonzero(snapshot.alive))


def interval(values: np.ndarray) -> str:
    """Mean with its 95% bootstrap interval."""
    draws = np.random.default_rng(0).choice(values, (2_000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]  n={len(values)}"


def main() -> None:
    """Build, ask, print."""
    with tempfile.TemporaryDirectory() as folder:
        store = sosie.build(DATA / "products.csv", Path(folder) / "store", reviews=DATA / "reviews.csv")
        value, count = same_design(store)
        print(f"same design in another colour, image signal, R@1: {value:.3f}  n={count}")
        wanted = links("upsell")
        signals = store.snapshot.signals
        print(f"upsell recall@10, default weights: {interval(recall(store, wanted, None))}")
        for alone in signals:
            weights = {signal: float(signal == alone) for signal in signals}
            print(f"  {alone:<12} {interval(recall(store, wanted, weights))}")
        alone_in_category = {signal: float(signal == "category") for signal in signals}
        shuffled = np.mean([recall(store, wanted, alone_in_category, seed) for seed in range(20)], axis=0)
        print(f"  category, ties shuffled (mean of 20 orders): {interval(shuffled)}")


if __name__ == "__main__":
    main()
