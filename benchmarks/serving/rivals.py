"""Products with vectors given to other servers, by their own clients, in a process of its own.

    python rivals.py chroma|pgvector FOLDER ONE.npy TWO.npy THREE.npy

Runs in an environment with chromadb, or with pgserver and psycopg; prints one line of JSON: seconds until all products
were acknowledged, and until an index answers for all of them.
"""

import json
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

LOT = 1_000


def chroma(folder: Path, signals: list[np.ndarray]) -> dict[str, float]:
    """One vector a product, the signals side by side: a collection has one. Its index grows as products come."""
    import chromadb

    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    command = [str(Path(sys.executable).parent / "chroma"), "run", "--path", str(folder), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        client = None
        while client is None:
            try:
                client = chromadb.HttpClient("127.0.0.1", port)
            except Exception:  # it is not up yet, and says so in many ways
                time.sleep(0.2)
        products = client.create_collection("products", embedding_function=None)
        vectors = np.concatenate(signals, axis=1)
        started = time.perf_counter()
        for start in range(0, len(vectors), LOT):
            rows = range(start, min(start + LOT, len(vectors)))
            products.add(
                ids=[f"n{at}" for at in rows],
                embeddings=vectors[start : rows.stop],
                metadatas=[{"title": f"New {at}", "price": at % 100} for at in rows],
            )
        spent = time.perf_counter() - started
        found = products.query(query_embeddings=vectors[-1:], n_results=10)
        assert found["ids"][0][0] == f"n{len(vectors) - 1}"
        return {"acknowledged": spent, "indexed": time.perf_counter() - started}
    finally:
        server.terminate()
        server.wait()


def pgvector(folder: Path, signals: list[np.ndarray]) -> dict[str, float]:
    """A column a signal, filled by binary COPY; then an HNSW index a column, which takes both cores."""
    import pgserver
    import psycopg

    server = pgserver.get_server(folder)
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("create extension if not exists vector")
            connection.execute("set maintenance_work_mem = '2GB'")
            connection.execute("drop table if exists products")
            columns = ", ".join(f"v{at} vector({len(matrix[0])})" for at, matrix in enumerate(signals))
            connection.execute(f"create table products (id text primary key, title text, price int4, {columns})")
            started = time.perf_counter()
            copy = "copy products from stdin (format binary)"
            with connection.cursor().copy(copy) as out:
                out.write(b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0))
                for at in range(len(signals[0])):
                    fields = [f"n{at}".encode(), f"New {at}".encode(), struct.pack("!i", at % 100)]
                    fields += [struct.pack("!hh", len(m[at]), 0) + m[at].astype(">f4").tobytes() for m in signals]
                    row = b"".join(struct.pack("!i", len(field)) + field for field in fields)
                    out.write(struct.pack("!h", len(fields)) + row)
                out.write(struct.pack("!h", -1))
            spent = time.perf_counter() - started
            for at in range(len(signals)):
                connection.execute(f"create index on products using hnsw (v{at} vector_cosine_ops)")
            return {"acknowledged": spent, "indexed": time.perf_counter() - started}
    finally:
        server.cleanup()


if __name__ == "__main__":
    matrices = [np.load(name) for name in sys.argv[3:]]
    json.dump({"chroma": chroma, "pgvector": pgvector}[sys.argv[1]](Path(sys.argv[2]), matrices), sys.stdout)
