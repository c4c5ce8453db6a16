"""From studio pictures of one shop to phone photos of garments, of which five of each kind have a label."""

import random

from bench import DATA, Bench, Question, read, sosie, table

EACH, DRAWS = 5, 20
FASHION = (
    "gender masterCategory subCategory articleType baseColour season year usage title w h orig_w orig_h group split"
)
FEW = "--epochs 40 --set rate=1e-3 --set average=0 --set validate_every=40 --set patience=0"  # nothing is chosen on val


def measure(bench: Bench) -> None:
    """Test photos ask the fifty drawn ones; mean of the draws. `frozen` asks the same."""
    ignored = " ".join(f"--ignore {name}" for name in FASHION.split())
    source = bench.store("fashion-pictures", DATA / "myntra" / "products.csv", ignored)
    model = source / "models" / "kinds"
    if not model.is_dir():
        sosie(
            f"train --store {source} --recipe head --label articleType --split split --name kinds --no-activate --json"
        )

    rows = read("clothing-small/images.csv")
    drawn = [draw(rows, seed) for seed in range(DRAWS)]
    columns = [
        {"image": row["image"], "label": row["label"]} | {f"draw{seed}": one[at] for seed, one in enumerate(drawn)}
        for at, row in enumerate(rows)
    ]
    hidden = " ".join(f"--ignore {name}" for name in ("label", *(f"draw{seed}" for seed in range(DRAWS))))
    images = f"--images {DATA / 'clothing-small'}"
    store = bench.with_frozen("few-garments", table("few-garments.csv", columns), f"{images} {hidden}")
    few = f"--recipe head --label label --split drawSEED --set items={EACH} --set batch=50 {FEW}"
    test = "--label label --split drawSEED --query-split test --gallery-split train --measure hit@1"
    asked = [Question("same kind, 5 of each shown", test, bar=0.05, above=("frozen",))]
    bench.train("from-fashion", store, f"{few} --start {model}", asked, seeds=range(DRAWS))
    bench.train("from-nothing", store, few, asked, seeds=range(DRAWS))


def draw(rows: list[dict[str, str]], seed: int) -> list[str]:
    """The split of each row in which only some of train are left."""
    kinds: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        if row["split"] == "train":
            kinds.setdefault(row["label"], []).append(at)
    chosen = {at for kind in sorted(kinds) for at in random.Random(f"{seed} {kind}").sample(kinds[kind], EACH)}
    others = {"train": "", "validation": "val", "test": "test"}
    return ["train" if at in chosen else others[row["split"]] for at, row in enumerate(rows)]
