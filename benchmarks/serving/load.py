"""Load from a process of its own: many clients that each ask, wait for the answer, and ask again.

    python load.py ADDRESS QUESTIONS.jsonl --clients 64 [--seconds 10] [--rate 200]

A question is a line {"method", "path", "type", "body" (base64)}; each is asked once, in turn. Prints one line of JSON:
answers a second, percentiles of milliseconds, and how many answers had which status. With --rate questions are begun so
many a second, whether earlier ones are answered or not.
"""

import argparse
import asyncio
import base64
import json
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import uvloop


def read_questions(file: Path, host: str) -> list[bytes]:
    """Questions as they go over the wire."""
    found = []
    for line in file.read_text().splitlines():
        asked = json.loads(line)
        body = base64.b64decode(asked.get("body", ""))
        head = f"{asked['method']} {asked['path']} HTTP/1.1\r\nHost: {host}\r\n"
        if body:
            head += f"Content-Type: {asked['type']}\r\nContent-Length: {len(body)}\r\n"
        found.append(head.encode() + b"\r\n" + body)
    return found


class Client:
    """One connection that is kept."""

    def __init__(self, host: str, port: int) -> None:
        self._at = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, question: bytes) -> int:
        """The status of the answer, which is read whole; 0 where the connection broke."""
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._at, limit=1 << 20)
            reader, writer = self._streams
            writer.write(question)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            if b"connection: close" in head:
                self._streams = None
            return int(head[9:12])
        except (OSError, EOFError, asyncio.IncompleteReadError):
            self._streams = None
            return 0


async def load(args: argparse.Namespace) -> dict[str, object]:
    """Ask for so many seconds."""
    parts = urlsplit(args.address)
    questions = cycle(read_questions(args.questions, parts.netloc))
    spent: list[tuple[float, float]] = []  # when it was asked, seconds
    statuses: Counter[int] = Counter()
    start = time.perf_counter()
    until = start + args.seconds

    async def one(client: Client) -> None:
        asked = time.perf_counter()
        status = await client.ask(next(questions))
        statuses[status] += 1
        if status in (200, 201):
            spent.append((asked, time.perf_counter() - asked))

    async def steadily(client: Client) -> None:
        while time.perf_counter() < until:
            await one(client)

    clients = [Client(parts.hostname or "127.0.0.1", parts.port or 80) for _ in range(args.clients)]
    if args.rate:
        idle = list(clients)
        running: set[asyncio.Task[None]] = set()
        at = start
        while at < until:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            client = idle.pop() if idle else Client(parts.hostname or "127.0.0.1", parts.port or 80)
            task = asyncio.get_running_loop().create_task(one(client))
            running.add(task)
            task.add_done_callback(lambda done, client=client: (running.discard(done), idle.append(client)))
            at += 1 / args.rate
        await asyncio.gather(*running)
    else:
        await asyncio.gather(*map(steadily, clients))
    took = time.perf_counter() - start
    times = sorted(seconds * 1000 for _, seconds in spent)
    at = {
        name: times[min(int(share * len(times)), len(times) - 1)] if times else None for name, share in SHARES.items()
    }
    return {"per_second": len(times) / took, "ms": at, "statuses": dict(statuses), "seconds": took}


SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "worst": 1.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0)
    json.dump(uvloop.run(load(parser.parse_args())), sys.stdout)


if __name__ == "__main__":
    main()
