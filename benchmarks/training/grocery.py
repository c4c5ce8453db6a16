"""Phone photos of groceries: the same product, the same kind, its studio picture, and photos found by words."""

from bench import DATA, Bench, Question, read, table

FOLDER = DATA / "grocery"
HIDDEN = "class_id coarse_id source_path split w h orig_w orig_h"
SHOWN = "image class_id split"
LEARNT = "--recipe pictures --label class_id --split split --set hold_back=false"  # settings were chosen on val before


def measure(bench: Bench) -> None:
    """Test photos ask those of train and val; then the 81 studio pictures, which are learnt from beside the photos."""
    store = bench.store("grocery", FOLDER / "images.csv", " ".join(f"--ignore {name}" for name in HIDDEN.split()))
    asked = [
        Question("same product", "--label class_id --split split", bar=0.86, published="CNN .860 (accuracy)"),
        Question("same kind", "--label coarse_id --split split", bar=0.92, published="CNN .920 (accuracy)"),
    ]
    bench.train("pictures", store, LEARNT, asked)

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
    bench.train("studio-too", store, LEARNT, asked, seeds=(0,))

    # Photos of train are told what they show by the description of their product; those of test are pictures alone.
    told = {row["class_id"]: row for row in read("grocery/classes.csv")}
    nothing = {"class_name": "", "description": ""}
    worded = []
    for at, row in enumerate(photos):
        words = told[row["class_id"]] if row["split"] != "test" else nothing
        worded.append({"id": f"photo-{at}", **row, "title": words["class_name"], "text": words["description"]})
    frozen = bench.store("grocery-frozen", table("grocery-words.csv", worded), f"--images {FOLDER} {ignored}")
    store = bench.begun("grocery-words", frozen, LEARNT)
    queries = [{"query": id, "text": row["description"]} for id, row in sorted(told.items())]
    judged = [{"query": r["class_id"], "product": r["id"], "grade": 1} for r in worded if r["split"] == "test"]
    files = f"--qrels {table('grocery-qrels.csv', judged)} --queries {table('grocery-queries.csv', queries)}"
    asked = [Question("photos of what is described", f"{files} --split split --gallery-split test", bar=0.60)]
    bench.train("two-towers", store, "--recipe two-towers --split split --set hold_back=false", asked)
