"""Fashion with pictures and titles: kind and colour, of which no column tells; and questions in words."""

from bench import DATA, Bench

FOLDER = DATA / "myntra"
SIZES = "w h orig_w orig_h split group"
LABELS = "gender masterCategory subCategory articleType baseColour season year usage"
SPLIT = "--split split --gallery-split train"
IMAGE = "--weights colour=0,text=0,words=0"


def measure(bench: Bench) -> None:
    """Test products ask those of train; words ask the products of test, by their titles."""
    hidden = " ".join(f"--ignore {name}" for name in f"{SIZES} {LABELS}".split())
    bench.build("myntra", FOLDER / "products.csv", hidden)
    bench.evaluate("myntra", "kind of article (image alone)", f"--label articleType {SPLIT} {IMAGE}")
    bench.evaluate("myntra", "colour", f"--label baseColour {SPLIT}")
    graded = f"--label articleType --label baseColour {SPLIT} --measure ndcg@10"
    bench.evaluate("myntra", "kind and colour, graded", graded)
    judged = f"--qrels {FOLDER / 'qrels.csv'} --queries {FOLDER / 'queries.csv'} --split split --gallery-split test"
    bench.evaluate("myntra", "words to titles", judged)
    bench.evaluate("myntra", "the same, gain 2^grade − 1 as published", f"{judged} --measure ndcg_burges@10")
