"""The classic convolutional network on a labelled archive of pictures in the layout of CIFAR-10.

    python examples/cnn.py cifar-10-batches-py/

The recipe `cnn` is all there is to it: random crops with padding, flips, normalised pixels, twice convolution, ReLU and
pooling, then linear layers, learnt by Adam. Of the training pictures a tenth is kept back, and judges each epoch.
"""

import sys
from pathlib import Path

import sosie
from sosie.config import Config


def main(archive: Path, store: Path = Path("cnn.store"), config: Config | None = None, **settings: object) -> None:
    """Learn from an archive, print each epoch's loss and share of right first answers, and ask for look-alikes."""
    shop = sosie.build(archive, store, ignore=("category", "label"), config=config)
    report = sosie.train(shop, "label", split="split", recipe="cnn", settings=settings, progress=show)
    print()
    for epoch in report.epochs:
        print(f"epoch {epoch['epoch']:.0f}  loss {epoch['loss']:.3f}  hit@1 {epoch['hit@1']:.3f}")
    figure = report.figures[0]
    print(f"{figure.truth}: {figure.trained.value:.3f} [{figure.trained.low:.3f}, {figure.trained.high:.3f}]")

    labels = dict(shop.table().select("id", "label").iter_rows())
    asked = next(iter(labels))
    print(f"nearest to {asked} ({labels[asked]}):")
    for hit in shop.similar(asked, limit=5):
        print(f"  {hit.score:.3f}  {labels[hit.product.id]}  {hit.product.id}")


def show(stage: str, done: int, total: int | None) -> None:
    """What is being done, in one line."""
    print(f"\r{stage:70}", end="", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
