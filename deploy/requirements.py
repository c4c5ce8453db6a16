"""What a machine needs that only serves: the dependencies of pyproject.toml but for those named.

A built store holds its networks exported, so torch is only needed where they are exported or trained.
Usage: python deploy/requirements.py torch transformers > requirements.txt
"""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def requirements(left_out: list[str]) -> list[str]:
    """One requirement a line. Raises ValueError for a name that the project doesn't depend on."""
    told: list[str] = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    named = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]: line for line in told}
    unknown = sorted(set(left_out) - set(named))
    if unknown:
        raise ValueError(f"{PROJECT.name} has no dependency {', '.join(unknown)}.")
    return [line for name, line in named.items() if name not in left_out]


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements(sys.argv[1:])) + "\n")
