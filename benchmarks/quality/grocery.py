"""Phone photos of groceries: the same product, the same kind, and the studio picture of what was photographed."""

from bench import DATA, Bench, read, table

FOLDER = DATA / "grocery"
HIDDEN = "class_id coarse_id source_path split w h orig_w orig_h"
IMAGE = "--weights colour=0"


def measure(bench: Bench) -> None:
    """Test photos ask those of train and val; then the 81 studio pictures."""
    bench.build("grocery", FOLDER / "images.csv", " ".join(f"--ignore {name}" for name in HIDDEN.split()))
    for label, what in (("class_id", "same product"), ("coarse_id", "same kind")):
        bench.evaluate("grocery", f"{what} (image alone)", f"--label {label} --split split {IMAGE}")
        bench.evaluate("grocery", what, f"--label {label} --split split")

    classes = read("grocery/classes.csv")
    fields = {"id": "class_id", "title": "class_name", "description": "description", "image": "iconic_image"}
    file = table("grocery-classes.csv", [{new: row[old] for new, old in fields.items()} for row in classes])
    bench.build("grocery-classes", file, f"--images {FOLDER}")
    asked = [
        {"query": row["image"], "picture": FOLDER / row["image"], "id": row["class_id"], "grade": 1}
        for row in read("grocery/images.csv")
        if row["split"] == "test"
    ]
    file = table("grocery-photos.csv", asked)
    bench.evaluate("grocery-classes", "studio picture of a phone photo", f"--qrels {file} --measure hit@1")
