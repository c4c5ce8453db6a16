"""A build killed at random moments: the store stays readable, and the next run goes on.

    .venv/bin/python benchmarks/bench_kill.py [kills, 100]

A store of 2,000 products is changed again and again (a delta of 5, or a new generation of 400) by a process of its own
that is killed with SIGKILL after a random part of the time a whole build takes. After each kill the store must open,
answer, and hold either all of the change or nothing of it. At the end a build must run through.
"""

import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sosie
from sosie.config import parse_config

PRODUCTS = 2_000
WORDS = ("oak", "steel", "cotton", "round", "tall", "soft", "blue", "green", "chair", "lamp", "table", "mirror")


def write(file: Path, edition: int, changed: int) -> None:
    """A catalogue of which the first products carry an edition."""
    draw = random.Random(0)
    lines = ["id,title,price"]
    for at in range(PRODUCTS):
        title = " ".join(draw.choices(WORDS, k=4))
        lines.append(f"p{at},{title} {f'edition {edition}' if at < changed else ''},{draw.randint(5, 500)}")
    file.write_text("\n".join(lines) + "\n")


def editions(store: sosie.Store, changed: int) -> set[str]:
    """The editions that the first products carry."""
    return {store[f"p{at}"].title.partition("edition ")[2] for at in range(changed)}


def main() -> None:
    """Kill, look, repeat."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    draw = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file, place = folder / "catalogue.csv", folder / "store"
        config = parse_config({"signals": {"text": {"enabled": False}}}, "benchmark")
        write(file, 0, 400)
        store = sosie.build(file, place, config=config)
        command = [
            sys.executable,
            "-c",
            "from sosie.cli import main; main()",
            "build",
            str(file),
            "--store",
            str(place),
        ]
        write(file, 1, 400)
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        whole = time.perf_counter() - start
        killed = finished = 0
        edition = 1
        while killed < kills:
            changed = draw.choice([5, 400])
            before = editions(store, 400)
            write(file, edition := edition + 1, changed)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=whole * draw.uniform(0.2, 1.1))
                finished += 1
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                killed += 1
            found = editions(store, changed)
            assert len(store) == PRODUCTS, "products were lost"
            assert found == {str(edition)} or found <= before, f"a build is half there: {found}"
            assert len(store.similar("p7", limit=5)) == 5
            assert len(sosie.open(place)) == PRODUCTS
        write(file, edition := edition + 1, 400)
        subprocess.run(command, check=True, capture_output=True)
        assert editions(store, 400) == {str(edition)}
    print(f"{killed} kills, {finished} builds that finished first: every store readable, none half changed, none lost")


if __name__ == "__main__":
    main()
