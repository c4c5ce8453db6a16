"""Phone photos of groceries seen by a network of under a million numbers, which learns from the pretrained one."""

from bench import DATA, Bench, Question

HIDDEN = "class_id coarse_id source_path split w h orig_w orig_h"
LEARNT = "--label class_id --split split"  # labels only judge: what is learnt is the teacher's embedding


def measure(bench: Bench) -> None:
    """Test photos ask those of train and val; the teacher, 3.4 million numbers, stands beside as `frozen`."""
    ignored = " ".join(f"--ignore {name}" for name in HIDDEN.split())
    store = bench.with_frozen("distilled", DATA / "grocery" / "images.csv", ignored)
    asked = [Question("same product", LEARNT, share=0.95, above=("frozen",))]
    bench.train("small-pictures", store, f"--recipe small-pictures {LEARNT}", asked, seeds=(0,))
