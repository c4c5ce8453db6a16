"""Phone photos of groceries: the same product, the same kind, and the studio picture of what was photographed."""

from bench import DATA, Bench, Question, read, table

FOLDER = DATA / "grocery"
HIDDEN = "class_id coarse_id source_path split w h orig_w orig_h"
SHOWN = "image class_id split"


def measure(bench: Bench) -> None:
    """Test photos ask those of train and val; then the 81 studio pictures, which are learnt from beside the photos."""
    store = bench.store("grocery", FOLDER / "images.csv", " ".join(f"--ignore {name}" for name in HIDDEN.split()))
    asked = [
        Question("same product", "--label class_id --split split", bar=0.86, published="CNN .860 (accuracy)"),
        Question("same kind", "--label coarse_id --split split", bar=0.92, published="CNN .920 (accuracy)"),
    ]
    bench.train("pictures", store, "--recipe pictures --label class_id --split split", asked, seeds=(0,))

    photos = [{key: row[key] for key in SHOWN.split()} for row in read("grocery/images.csv")]
    photos = [{**row, "from": row["split"]} for row in photos]
    studio = [
        {"image": row["iconic_image"], "class_id": row["class_id"], "split": "train", "from": "studio"}
        for row in read("grocery/classes.csv")
    ]
    ignored = "--ignore class_id --ignore split --ignore from"
    store = bench.store("grocery-studio", table("grocery-studio.csv", photos + studio), f"--images {FOLDER} {ignored}")
    test = "--label class_id --split from --query-split test --gallery-split studio --measure hit@1"
    asked = [Question("studio picture of a phone photo", test, bar=0.60)]
    bench.train("studio-too", store, "--recipe pictures --label class_id --split split", asked, seeds=(0,))
