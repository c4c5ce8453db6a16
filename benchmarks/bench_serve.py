"""The service beside a plain FastAPI + faiss + SQLite script, on the same cores, asked from a process of its own.

    python benchmarks/bench_serve.py --folder /somewhere/with/20GB [--products 200000] [--only similar,words,…]

Rows: similar, words, photos, writes, overload, import, start. With `--rivals PYTHON`, that of an environment with
chromadb, pgserver and psycopg, products are imported into Chroma and PostgreSQL with pgvector, too. Both servers have
as many processes as there are cores; questions are all different, and what was encoded is not kept (`encodings = 0`).
The two are asked in turns, several times; figures are medians. See serving/ for the script, the shops and the load.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil

from serving import shops
from synthetic import DIM, SIGNALS, Table, store_of, structured

HERE = Path(__file__).parent
CORES = os.cpu_count() or 2
SECONDS, ROUNDS = 8.0, 3
WRITES = 200  # a second
RIVALS: Path | None = None  # the Python of an environment with other servers


@contextmanager
def running(
    command: list[str], port: int, ready: str, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server as its own process, until it answers at `ready`."""
    server = subprocess.Popen(
        command, env=os.environ | (environment or {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 300
        while fetched(port, ready) != 200:
            if time.monotonic() > until or server.poll() is not None:
                raise SystemExit(f"{' '.join(command)} does not answer")
            time.sleep(0.05)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def fetched(
    port: int, path: str, method: str = "GET", body: bytes | None = None, kind: str = "application/json"
) -> int:
    """The status of one request; 0 where nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0
    finally:
        connection.close()
    return answer.status


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@contextmanager
def ours(store: Path, workers: int = CORES, **settings: object) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`sosie serve`, with nothing that was encoded kept."""
    port = free_port()
    file = store.parent / "serve.toml"
    told = {"encodings": 0, "deadline": 60.0, **settings}
    file.write_text("[serve]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
    command = [sys.executable, "-c", "from sosie.cli import main; main()", "serve", "--store", str(store)]
    command += ["--port", str(port), "--workers", str(workers), "--config", str(file)]
    with running(command, port, "/ready") as server:
        yield port, server


@contextmanager
def plain(folder: Path, ready: str, opened: str = "") -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The plain script under uvicorn."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "serving.plain:app", "--port", str(port)]
    command += ["--workers", str(CORES), "--no-access-log"]
    threads = str(max(1, CORES // CORES))
    with running(
        command,
        port,
        ready,
        {
            "PLAIN_FOLDER": str(folder),
            "PLAIN_THREADS": threads,
            "PLAIN_OPEN": opened,
            "OMP_NUM_THREADS": "1",  # 40 questions at once need no threads each
        },
    ) as server:
        yield port, server


def load(port: int, questions: Path, clients: int, seconds: float = SECONDS, rate: float = 0) -> dict[str, object]:
    """What the load process tells."""
    command = [sys.executable, str(HERE / "serving" / "load.py"), f"http://127.0.0.1:{port}", str(questions)]
    command += ["--clients", str(clients), "--seconds", str(seconds), "--rate", str(rate)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def processor(server: subprocess.Popen[bytes]) -> dict[int, float]:
    """Seconds of processor time that a server and each of its processes took so far."""
    root = psutil.Process(server.pid)
    times = {process.pid: process.cpu_times() for process in (root, *root.children(recursive=True))}
    return {pid: one.user + one.system for pid, one in times.items()}


Side = tuple[int, subprocess.Popen[bytes], Path]  # port, process, questions


def beside(table: Table, what: str, bar: str, clients: int, sides: tuple[Side, Side]) -> None:
    """Two servers in turns: answers a second of ours as a multiple of the other's; and processor time an answer."""
    rates, slow, cost = ([], []), ([], []), ([], [])
    for port, _, questions in sides:
        load(port, questions, clients, 2)  # every process has opened what it needs
    for _ in range(ROUNDS):
        for at, (port, server, questions) in enumerate(sides):
            before = processor(server)
            run = load(port, questions, clients)
            rates[at].append(run["per_second"])
            slow[at].append(run["ms"]["p99"])
            spent = sum(seconds - before.get(pid, seconds) for pid, seconds in processor(server).items())
            cost[at].append(spent / (run["per_second"] * run["seconds"]) * 1000)
    ours, other = map(statistics.median, rates)
    table.add(
        what, ours / other, "× plain", bar, ours=ours, plain=other, p99=statistics.median(slow[0]),
        p99_plain=statistics.median(slow[1]),
        cpu_ms=statistics.median(cost[0]), cpu_ms_plain=statistics.median(cost[1]),
    )  # fmt: skip


def similar(table: Table, folder: Path, size: int) -> None:
    store, script = shops.vectors_shop(folder, size)
    rows = np.random.default_rng(3).permutation(size)[:20_000]
    asked = [
        shops.write_questions(folder / f"{name}.jsonl", shops.by_id(prefix, rows))
        for name, prefix in (("ours", "/v1"), ("plain", ""))
    ]
    with ours(store.folder) as one, plain(script, "/products/p1/similar") as other:
        beside(table, "similar by id, 64 clients", "≥ 2, p99 ≤ 100 ms", 64, ((*one, asked[0]), (*other, asked[1])))


def words(table: Table, folder: Path, size: int) -> None:
    store, script = shops.words_shop(folder, size)
    asked = [
        shops.write_questions(folder / f"words-{side}.jsonl", shops.by_words(path, 20_000))
        for side, path in enumerate(("/v1/search", "/search"))
    ]
    with ours(store.folder) as one, plain(script, "/openapi.json", "sentences") as other:
        beside(table, "search by words, 64 clients", "≥ 3", 64, ((*one, asked[0]), (*other, asked[1])))


def photos(table: Table, folder: Path, size: int) -> None:
    store, script = shops.words_shop(folder, size)
    asked = [
        shops.write_questions(folder / f"photos-{side}.jsonl", shops.by_photo(path, 400))
        for side, path in enumerate(("/v1/search", "/photo"))
    ]
    with ours(store.folder) as one, plain(script, "/openapi.json", "network") as other:
        beside(table, "search by photo, 16 clients", "≥ 5", 16, ((*one, asked[0]), (*other, asked[1])))


def copied(store: Path, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    return Path(shutil.copytree(store, to))


def lines(size: int, first: int) -> Iterator[bytes]:
    """Products with vectors, as lines of an import."""
    made = [structured(seed + 10, size) for seed in range(len(SIGNALS))]
    at = first
    for blocks in zip(*made, strict=True):
        for vectors in zip(*(block.tolist() for block in blocks), strict=True):
            said = {
                signal: [round(number, 6) for number in vector] for signal, vector in zip(SIGNALS, vectors, strict=True)
            }
            yield (
                json.dumps({"id": f"n{at}", "title": f"New {at}", "price": at % 100, "vectors": said}).encode() + b"\n"
            )
            at += 1


def writes(table: Table, folder: Path, size: int) -> None:
    """Reads alone, and while so many products a second are written; and how long until each can be asked about."""
    store, _ = shops.vectors_shop(folder, size)
    own = copied(store.folder, folder / "written")
    rows = np.random.default_rng(4).permutation(size)[:20_000]
    reads = shops.write_questions(folder / "reads.jsonl", shops.by_id("/v1", rows))
    put = [
        {
            "method": "PUT",
            "path": f"/v1/products/w{at}",
            "type": "application/json",
            "body": "eyJ0aXRsZSI6ICJ3cml0dGVuIn0=",
        }
        for at in range(50_000)
    ]
    puts = shops.write_questions(folder / "puts.jsonl", put)
    with ours(own) as (port, _):
        load(port, reads, 8, 2)
        alone = load(port, reads, 8)
        command = [sys.executable, str(HERE / "serving" / "load.py"), f"http://127.0.0.1:{port}", str(puts)]
        command += ["--rate", str(WRITES), "--seconds", str(SECONDS + 2)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            time.sleep(1)
            during = load(port, reads, 8)
            written = json.loads(writer.communicate()[0])
        late = []
        for at in range(50):
            fetched(port, f"/v1/products/late{at}", "PUT", b'{"title": "late"}')
            start = time.perf_counter()
            while fetched(port, f"/v1/products/late{at}/similar?limit=1") != 200:
                time.sleep(0.001)
            late.append(time.perf_counter() - start)
    times = {"alone": alone["ms"]["p99"], "during": during["ms"]["p99"], "write_p99": written["ms"]["p99"]}
    ratio = times["during"] / times["alone"]
    table.add("reads while 200 writes/s: p99", ratio, "× without", "≤ 2", written=written["per_second"], **times)
    table.add("a write is found after, worst of 50", max(late), "s", "≤ 1")


def overload(table: Table, folder: Path, size: int) -> None:
    """Ten times the clients, in one process."""
    store, _ = shops.vectors_shop(folder, size)
    rows = np.random.default_rng(5).permutation(size)[:20_000]
    asked = shops.write_questions(folder / "many.jsonl", shops.by_id("/v1", rows))
    with ours(store.folder, 1, queue=64) as (port, server):
        usual = load(port, asked, 64)
        process = psutil.Process(server.pid)
        before = process.memory_info().rss
        many = load(port, asked, 640)
        first = process.memory_info().rss
        many = load(port, asked, 640)
        after = process.memory_info().rss
    good, refused = (many["statuses"].get(status, 0) for status in ("200", "429"))
    others = sum(many["statuses"].values()) - good - refused
    ratio = many["per_second"] / usual["per_second"]
    told = {"refused": refused, "others": others, "p99": many["ms"]["p99"]}
    table.add("overload, 640 clients: good answers/s", ratio, "× of 64", "still answered", **told)
    table.add(
        "overload: memory in the second run", (after - first) / 1e6, "MB", "no growth", first=(first - before) / 1e6
    )


def imported(table: Table, folder: Path, size: int) -> None:
    """Half as many products as the store has, with vectors, by one request."""
    store, _ = shops.vectors_shop(folder, size)
    own = copied(store.folder, folder / "imported")
    count = size // 2
    body = folder / "import.jsonl"
    with body.open("wb") as out:
        out.writelines(lines(count, 0))
    with ours(own, 1, deadline=600.0) as (port, _):
        start = time.perf_counter()
        status = fetched(port, "/v1/products:import", "POST", body.read_bytes(), "application/x-ndjson")
        spent = time.perf_counter() - start
    what = f"import of {count:,} with {len(SIGNALS)} × {DIM}"
    table.add(what, count / spent, "products/s", "–", status=status, seconds=spent)
    if RIVALS is None:
        return
    files = [folder / f"new-{signal}.npy" for signal in SIGNALS]
    for seed, file in enumerate(files):
        np.save(file, np.concatenate(list(structured(seed + 10, count))).astype(np.float32))
    for rival in ("chroma", "pgvector"):
        home = folder / rival
        shutil.rmtree(home, ignore_errors=True)
        command = [str(RIVALS), str(HERE / "serving" / "rivals.py"), rival, str(home), *map(str, files)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        shutil.rmtree(home, ignore_errors=True)
        table.add(
            f"{what}: beside {rival}, until all are found by an index", told["indexed"] / spent, "×", "≥ 2", **told
        )


def start(table: Table, folder: Path, size: int) -> None:
    size *= 5
    store = store_of(folder / f"vectors-{size}", size, SIGNALS, structured)
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with ours(store.folder, 1):
            spent.append(time.perf_counter() - began)
    table.add(f"start with {size:,} products, to ready", statistics.median(spent), "s", "≤ 3 (1,000,000)")


ROWS: dict[str, Callable[[Table, Path, int], None]] = {
    "similar": similar, "words": words, "photos": photos, "writes": writes, "overload": overload, "import": imported,
    "start": start,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--only", default=",".join(ROWS))
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    parser.add_argument("--rivals", type=Path, help="a Python with chromadb, pgserver and psycopg")
    args = parser.parse_args()
    global RIVALS
    RIVALS = args.rivals
    args.folder.mkdir(parents=True, exist_ok=True)
    table = Table()
    for name in args.only.split(","):
        ROWS[name](table, args.folder, args.products)
    if args.out:
        args.out.write_text(
            json.dumps({"products": args.products, "cores": CORES, "rows": table.rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
