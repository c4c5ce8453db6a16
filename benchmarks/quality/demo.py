"""Two demonstration shops without any truth: what can be said without one."""

from bench import DATA, Bench

FOLDER = DATA / "demo-catalogues"


def measure(bench: Bench) -> None:
    """Self-checks, which are no measure of quality."""
    for name in ("vendure", "retail_demo_store"):
        bench.build(name, FOLDER / f"{name}.csv")
        bench.evaluate(name, "self-checks")
