"""Everything that is known of a product in one vector: picture, words, price, category, brand, reviews, video.

    python examples/multimodal.py catalogue.csv type

The network reads the vectors that the store has already, so no picture is opened again. While it learns, signals are
withheld at random: afterwards a photo alone, or words alone, find what the whole product would.
"""

import sys
from pathlib import Path

import sosie
from sosie.config import Config


def main(
    catalogue: Path,
    label: str,
    store: Path = Path("multimodal.store"),
    config: Config | None = None,
    **settings: object,
) -> None:
    """Learn from the column `label`, print each epoch, and ask with the whole product, its words, its photo."""
    shop = sosie.build(catalogue, store, ignore=(label,), config=config)
    report = sosie.train(shop, label, recipe="multimodal", settings=settings, progress=show)
    print()
    for epoch in report.epochs:
        print(f"epoch {epoch['epoch']:.0f}  loss {epoch['loss']:.3f}  hit@1 {epoch['hit@1']:.3f}")
    figure = report.figures[0]
    print(f"{figure.measure} {figure.trained.value:.3f}, before ({report.before}) {figure.before.value:.3f}")

    kinds = dict(shop.table().select("id", label).iter_rows())
    alone = {**dict.fromkeys(shop.snapshot.signals, 0.0), "exact": 0.0, report.signal: 1.0}
    asked = next(shop[id] for id in kinds if shop[id].title and shop[id].images)
    answers = {
        "whole": shop.similar(asked.id, limit=5, weights=alone),
        "words": shop.search(asked.title, limit=5, weights=alone),
        "photo": shop.search(image=asked.images[0], limit=5, weights=alone),
    }
    for given, hits in answers.items():
        print(f"{given} of {asked.id} ({kinds[asked.id]}): {', '.join(kinds[hit.product.id] for hit in hits)}")


def show(stage: str, done: int, total: int | None) -> None:
    """What is being done, in one line."""
    print(f"\r{stage:70}", end="", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
