"""Two Chinese shops: the category of which no column tells, and the same model by its brief."""

from bench import Bench, read, table


def measure(bench: Bench) -> None:
    """Every product asks all others; the titles of the second shop, which name the model, are hidden."""
    rows = read("chinese/products.csv")
    file = table("yanxuan.csv", [row for row in rows if row["source"] == "litemall-yanxuan"])
    bench.build("yanxuan", file, "--ignore category1 --ignore category2 --ignore image_url")
    for label in ("category1", "category2"):
        bench.evaluate("yanxuan", f"same {label}", f"--label {label}")

    briefs = [
        {"product_id": row["product_id"], "description": row["brief"], "model": row["title"]}
        for row in rows
        if row["source"] == "newbee-mall" and row["brief"]
    ]
    file = table("newbee.csv", briefs)
    bench.build("newbee", file, "--ignore model")
    bench.evaluate("newbee", "brief to the same model", "--label model")
