"""The shops that the benchmark of the service asks, ours and the plain script's files beside; made once, kept."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

import sosie
from serving.plain import prepare
from sosie.config import parse_config
from synthetic import SIGNALS, store_of, structured

PICTURES = 2_000  # different ones; products share them
LISTS = (
    "red blue green yellow black white striped dotted plain woven folded round square long short vintage",
    "linen cotton wool silk denim leather oak pine steel glass ceramic brass velvet jute bamboo cork",
    "dress shirt lamp chair table mug vase rug bag belt jacket scarf bowl shelf mirror clock blanket stool",
    "summer winter garden office kitchen travel children evening sport reading guests walls floors beds",
)


def words(generator: np.random.Generator) -> str:
    manner, material, kind, use = (generator.choice(some.split()) for some in LISTS)
    return f"{manner} {material} {kind} for {use}"


def photo(generator: np.random.Generator, side: int = 800) -> bytes:
    """A picture like a photo to a decoder: smooth patches and some grain, as JPEG."""
    coarse = Image.fromarray(generator.integers(0, 255, (9, 9, 3), np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    grain = generator.integers(-8, 8, (side, side, 1), np.int16)
    out = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(coarse, np.int16) + grain, 0, 255).astype(np.uint8)).save(
        out, "JPEG", quality=85
    )
    return out.getvalue()


def vectors_shop(folder: Path, size: int) -> tuple[sosie.Store, Path]:
    """Three signals of synthetic vectors; and the plain script's files: the signals scaled, side by side."""
    store = store_of(folder / f"vectors-{size}", size, SIGNALS, structured)
    snapshot = store.snapshot
    plain = folder / f"vectors-{size}" / "plain"
    if not (plain / "index.json").exists():
        weight = np.float32(1 / np.sqrt(len(SIGNALS)))
        prepare(plain, snapshot, {"index": np.concatenate([snapshot.matrix(s) for s in SIGNALS], axis=1) * weight})
    return store, plain


def words_shop(folder: Path, size: int) -> tuple[sosie.Store, Path]:
    """Titles and pictures, as three signals: image, text, words; and the plain script's files."""
    home = folder / f"words-{size}"
    generator = np.random.default_rng(0)
    if not (home / "store").exists():
        (home / "pictures").mkdir(parents=True, exist_ok=True)
        for at in range(min(PICTURES, size)):
            (home / "pictures" / f"{at}.jpg").write_bytes(photo(generator, 256))
        pl.DataFrame(
            {
                "id": [f"p{at}" for at in range(size)],
                "title": [f"{words(generator)}, model {at % 997}" for at in range(size)],
                "price": np.round(generator.random(size) * 100, 2),
                "image": [f"pictures/{at % PICTURES}.jpg" for at in range(size)],
            }
        ).write_parquet(home / "products.parquet")
        off = {name: {"enabled": False} for name in ("colour", "price", "category", "attributes", "reviews")}
        sosie.build(home / "products.parquet", home / "store", config=parse_config({"signals": off}, "benchmark"))
    store = sosie.open(home / "store")
    plain = home / "plain"
    if not (plain / "image.json").exists():
        snapshot = store.snapshot
        pictures = snapshot.products(np.arange(min(PICTURES, size)))
        distinct = store.encoder("image").encode(pictures)
        spread = distinct[np.arange(size) % len(distinct)]
        spread = spread + generator.normal(0, 0.002, spread.shape).astype(np.float32)  # equal rows are no fair graph
        prepare(plain, snapshot, {"text": snapshot.matrix("text"), "image": spread})
    return store, plain


def write_questions(file: Path, asked: list[dict[str, object]]) -> Path:
    """Questions for the load process."""
    file.write_text("".join(json.dumps(one) + "\n" for one in asked))
    return file


def by_id(prefix: str, rows: np.ndarray) -> list[dict[str, object]]:
    return [{"method": "GET", "path": f"{prefix}/products/p{row}/similar?limit=10"} for row in rows.tolist()]


def by_words(path: str, count: int) -> list[dict[str, object]]:
    generator = np.random.default_rng(1)
    texts = [f"{words(generator)} {at}" for at in range(count)]  # the number makes each another
    bodies = [base64.b64encode(json.dumps({"text": text, "limit": 10}).encode()).decode() for text in texts]
    return [{"method": "POST", "path": path, "type": "application/json", "body": body} for body in bodies]


def by_photo(path: str, count: int) -> list[dict[str, object]]:
    generator = np.random.default_rng(2)
    found = []
    for _ in range(count):
        head = b'--sosie\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n'
        head += b"Content-Type: image/jpeg\r\n\r\n"
        body = base64.b64encode(head + photo(generator) + b"\r\n--sosie--\r\n").decode()
        found.append({"method": "POST", "path": path, "type": "multipart/form-data; boundary=sosie", "body": body})
    return found
