"""A sample store: are merchandisers' links found, and the same design in another colour by its picture?"""

from bench import DATA, Bench, read, table

FOLDER = DATA / "magento"


def measure(bench: Bench) -> None:
    """Upsell and related links are look-alikes; cross-sell links are complements and should be found less."""
    bench.build("magento", FOLDER / "products.csv", f"--reviews {FOLDER / 'reviews.csv'}")
    for kind in ("upsell", "related", "crosssell"):
        bench.evaluate("magento", f"{kind} links", f"--links {FOLDER / 'links.csv'} --kind {kind}")

    first = {row["image"]: row for row in read("magento/products.csv") if row["kind"] == "variant" and row["image"]}
    pictures = [{"id": row["sku"], "image": row["image"], "parent": row["parent_sku"]} for row in first.values()]
    file = table("magento-pictures.csv", pictures)
    bench.build("magento-pictures", file, f"--images {FOLDER} --ignore parent")
    bench.evaluate("magento-pictures", "same design, other colour (image alone)", "--label parent --weights colour=0")
