"""Shops whose signals a test gives are shared with the tests of evaluate."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "evaluate"))
