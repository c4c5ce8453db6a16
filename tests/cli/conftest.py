"""Made-up reports are shared with the tests of pages."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "pages"))
