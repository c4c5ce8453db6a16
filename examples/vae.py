"""A variational autoencoder: nobody says what is alike, and the mean of a product's code is its embedding.

    python examples/vae.py fashion-mnist/ vae label        # of tiny pictures
    python examples/vae.py catalogue.csv text-vae type     # of titles and descriptions

The label is not learnt from: it judges each epoch, beside what the store used before.
"""

import sys
from pathlib import Path

import sosie
from sosie.config import Config


def main(
    catalogue: Path,
    recipe: str,
    label: str,
    store: Path = Path("vae.store"),
    config: Config | None = None,
    **settings: object,
) -> None:
    """Learn to make products again from few numbers, print what that costs, and ask for look-alikes."""
    hidden = ("category", label) if recipe == "vae" else (label,)  # archives tell their labels twice
    shop = sosie.build(catalogue, store, ignore=hidden, config=config)
    report = sosie.train(shop, label, recipe=recipe, settings=settings, progress=show)
    print()
    for epoch in report.epochs:
        print(f"epoch {epoch['epoch']:.0f}  errors and divergence {epoch['loss']:.1f}  hit@1 {epoch['hit@1']:.3f}")
    figure = report.figures[0]
    print(f"{report.recipe['dim']} numbers a product: {figure.measure} {figure.trained.value:.3f}")

    kinds = dict(shop.table().select("id", label).iter_rows())
    asked = next(iter(kinds))
    print(f"nearest to {asked} ({kinds[asked]}):")
    for hit in shop.similar(asked, limit=5, weights={report.signal: 1}):
        print(f"  {hit.score:.3f}  {kinds[hit.product.id]}  {hit.product.id}")


def show(stage: str, done: int, total: int | None) -> None:
    """What is being done, in one line."""
    print(f"\r{stage:70}", end="", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
