"""A shop of patterns: each product in three photos, on another colour in each."""

import numpy as np
from PIL import Image
from shop_of import shop_of

PRODUCTS, PHOTOS, SIDE = 200, 3, 24


def photo_shop(folder):
    """Each pattern is a little lighter than what it lies on; every tenth product has one photo; every fifth is test."""
    draw = np.random.default_rng(0)
    (folder / "pictures").mkdir()
    cells = []
    for at in range(PRODUCTS):
        pattern = draw.random((4, 4, 1)) < 0.5
        names = [f"pictures/{at}-{photo}.png" for photo in range(PHOTOS if at % 10 else 1)]
        for name in names:
            back = draw.integers(0, 200, 3)
            pixels = np.where(pattern, back + 40, back).astype(np.uint8).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)
            Image.fromarray(pixels).save(folder / name)
        cells.append("|".join(names))
    titles = [f"thing {at}" for at in range(PRODUCTS)]
    split = ["train" if at % 5 else "test" for at in range(PRODUCTS)]
    columns = {"title": titles, "images": cells, "split": split, "half": [at % 2 for at in range(PRODUCTS)]}
    return shop_of(folder, columns, {}, on=("words",), ignore=("split", "half"))
