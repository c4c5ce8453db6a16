"""Phone photos of garments, split by who sent them: the same kind of garment."""

from bench import DATA, Bench, Question

HIDDEN = "label sender_id kids split w h orig_w orig_h"
LEARNT = "--label label --split split"


def measure(bench: Bench) -> None:
    """Test photos ask those of train and validation."""
    file = DATA / "clothing-small" / "images.csv"
    store = bench.store("clothing", file, " ".join(f"--ignore {name}" for name in HIDDEN.split()))
    asked = [Question("same kind of garment", LEARNT, bar=0.90, published="Xception, 299 px .903 (accuracy)")]
    bench.train("pictures", store, f"--recipe pictures {LEARNT}", asked)
