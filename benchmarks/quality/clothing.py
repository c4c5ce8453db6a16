"""Phone photos of garments, split by who sent them: the same kind of garment."""

from bench import DATA, Bench

HIDDEN = "label sender_id kids split w h orig_w orig_h"


def measure(bench: Bench) -> None:
    """Test photos ask those of train and validation."""
    file = DATA / "clothing-small" / "images.csv"
    bench.build("clothing", file, " ".join(f"--ignore {name}" for name in HIDDEN.split()))
    bench.evaluate("clothing", "same garment (image alone)", "--label label --split split --weights colour=0")
    bench.evaluate("clothing", "same garment", "--label label --split split")
