"""A process that writes to an open store, killed at random moments: what it acknowledged is there, and nothing else.

    .venv/bin/python benchmarks/bench_kill_live.py [kills, 200]

A store of 300 products is written to by four threads of a process of its own, which put and remove products one by one,
say so once it is done, and merge after every 25 commits. The process is killed with SIGKILL between 0 and 1.5 seconds
after its first write. After each kill the store must open and answer, and each thread's products must stand as its
acknowledged writes left them, or as the one write that was under way leaves them.
"""

import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import sosie
from sosie.config import parse_config
from sosie.engine.live import Live
from sosie.types import Product

PRODUCTS, THREADS, IDS = 300, 4, 12
MERGE_AFTER = 25  # commits
WORDS = ("oak", "steel", "cotton", "round", "tall", "soft", "blue", "green", "chair", "lamp", "table", "mirror")
OFF = ("image", "colour", "text")

State = dict[str, float]  # the products of a thread, and the number of the write that each was left by


def prepare(folder: Path) -> Path:
    """A store to be written to."""
    draw = random.Random(0)
    lines = [f"p{at},{' '.join(draw.choices(WORDS, k=4))},{draw.randint(5, 500)}" for at in range(PRODUCTS)]
    (folder / "catalogue.csv").write_text("\n".join(["id,title,price", *lines]) + "\n")
    config = parse_config({"signals": {name: {"enabled": False} for name in OFF}}, "benchmark")
    sosie.build(folder / "catalogue.csv", folder / "store", config=config)
    return folder / "store"


def is_removal(number: int) -> bool:
    """Whether a thread's write of a number removes, and not puts."""
    return number % 5 == 0


def id_of(thread: int, number: int) -> str:
    """The product that a thread's write of a number is about."""
    return f"t{thread}-{number * 7 % IDS}"


def after(state: State, thread: int, number: int) -> State:
    """The products of a thread after a write."""
    left = {id: price for id, price in state.items() if id != id_of(thread, number)}
    return left if is_removal(number) else left | {id_of(thread, number): float(number)}


def write(folder: Path, starts: list[int]) -> None:
    """Write for ever; a line "thread number" is printed for each write once it is acknowledged."""
    store = sosie.open(folder)
    live = Live(store)
    telling = threading.Lock()

    def work(thread: int, number: int) -> None:
        while True:
            id = id_of(thread, number)
            if is_removal(number):
                live.remove([id])
            else:
                title = " ".join(WORDS[(number + at) % len(WORDS)] for at in range(3))
                live.put([Product(id, title=title, price=float(number))])
            with telling:
                print(thread, number, flush=True)
            number += 1

    for thread, start in enumerate(starts):
        threading.Thread(target=work, args=(thread, start), daemon=True).start()
    while True:
        if store.snapshot.manifest.commit >= MERGE_AFTER:
            live.merge()
        time.sleep(0.01)


def found(store: sosie.Store, thread: int) -> State:
    """The products of a thread that the store holds."""
    ids = [f"t{thread}-{at}" for at in range(IDS)]
    return {id: float(store[id].price or 0) for id in ids if id in store}


def kill_and_look(folder: Path, states: list[State], numbers: list[int], wait: float) -> float:
    """One kill; brings `states` and the `numbers` of the last writes up to date; returns seconds until it was open."""
    command = [sys.executable, __file__, "write", str(folder), *(str(number + 1) for number in numbers)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = [child.stdout.readline()]
    time.sleep(wait)
    child.kill()
    told += child.stdout.readlines()
    child.wait()
    for line in told:
        if line.endswith("\n"):
            thread, number = map(int, line.split())
            assert number == numbers[thread] + 1
            states[thread], numbers[thread] = after(states[thread], thread, number), number
    started = time.perf_counter()
    store = sosie.open(folder)
    seconds = time.perf_counter() - started
    for thread, state in enumerate(states):
        there = found(store, thread)
        later = after(state, thread, numbers[thread] + 1)
        assert there in (state, later), f"thread {thread}: {there} is neither {state} nor {later}"
        if there != state:
            states[thread], numbers[thread] = later, numbers[thread] + 1
    assert len(store) == PRODUCTS + sum(map(len, states))
    assert len(store.similar("p7", limit=5)) == 5
    assert len(store.search(text="oak chair", limit=5)) == 5
    return seconds


def main() -> None:
    """Kill, look, repeat."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    draw = random.Random(1)
    states: list[State] = [{} for _ in range(THREADS)]
    numbers = [0] * THREADS
    with tempfile.TemporaryDirectory() as name:
        folder = prepare(Path(name))
        opened: list[float] = []
        while len(opened) < kills:
            opened.append(kill_and_look(folder, states, numbers, draw.uniform(0, 1.5)))
            print(f"\r{len(opened)} of {kills} kills, {sum(numbers):,} writes", end="", file=sys.stderr, flush=True)
        store = sosie.open(folder)
        generation = store.snapshot.generation.number
        Live(store).merge()
        assert [found(store, thread) for thread in range(THREADS)] == states
    print(
        f"{kills} kills, {sum(numbers):,} writes, {generation - 1} merges: none lost, every store readable; "
        f"open again after {sorted(opened)[len(opened) // 2]:.2f} s, at most {max(opened):.2f} s"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(Path(sys.argv[2]), [int(start) for start in sys.argv[3:]])
    else:
        main()
