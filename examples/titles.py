"""A recurrent and a convolutional network that learn from titles alone what kind of product it is.

    python examples/titles.py catalogue.csv type

Both are small, begin with word vectors of the catalogue, and take minutes for some thousand titles. The better one of
them is put to use: `store.search("…")` then finds products of the kind that the words mean.
"""

import sys
from pathlib import Path

import sosie
from sosie.config import Config
from sosie.engine.activate import activate


def main(
    catalogue: Path, label: str, store: Path = Path("titles.store"), config: Config | None = None, **settings: object
) -> None:
    """Train both on the column `label`, beside the text signal in use; put the better one to use and ask it."""
    shop = sosie.build(catalogue, store, ignore=(label,), config=config)
    reports = []
    for recipe in ("gru", "text-cnn"):
        report = sosie.train(shop, label, recipe=recipe, settings=settings, activate=False, progress=show)
        figure = report.figures[0]
        print(f"\n{recipe}, {report.parameters:,} parameters")
        for epoch in report.epochs:
            print(f"epoch {epoch['epoch']:.0f}  loss {epoch['loss']:.3f}  hit@1 {epoch['hit@1']:.3f}")
        print(f"{figure.measure} {figure.trained.value:.3f}, before {figure.before.value:.3f}, p {figure.p:.3g}")
        reports.append(report)

    best = max(reports, key=lambda report: report.figures[0].trained.value)
    activate(shop.folder, best.model)
    title = shop[shop.table()["id"][0]].title
    print(f"{best.model.name} for '{title}':")
    for hit in shop.search(title, limit=5, weights={"text": 1, "words": 0}):
        print(f"  {hit.score:.3f}  {hit.product.title}")


def show(stage: str, done: int, total: int | None) -> None:
    """What is being done, in one line."""
    print(f"\r{stage:70}", end="", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
