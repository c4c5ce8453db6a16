"""A few kills of a process that writes to a live store, as the benchmark does two hundred times."""

import importlib.util
import random
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_kill_live.py"


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path):
    spec = importlib.util.spec_from_file_location("bench_kill_live", BENCHMARK)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    folder = bench.prepare(tmp_path)
    states, numbers = [{} for _ in range(bench.THREADS)], [0] * bench.THREADS
    draw = random.Random(0)
    for _ in range(5):
        bench.kill_and_look(folder, states, numbers, draw.uniform(0, 0.8))
    assert min(numbers) > 0


def test_the_model_is_right():
    spec = importlib.util.spec_from_file_location("bench_kill_live", BENCHMARK)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    state = {}
    for number in range(1, 6):
        state = bench.after(state, 0, number)
    assert state == {"t0-7": 1.0, "t0-2": 2.0, "t0-9": 3.0, "t0-4": 4.0}
    assert bench.after(state, 0, 10) == state, "the fifth and the tenth remove what is not there"
    assert bench.after(state, 0, 13) == state | {"t0-7": 13.0}
