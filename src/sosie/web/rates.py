"""How often somebody may ask: a token bucket for each, the least recent ones forgotten."""

import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 10_000  # callers that are remembered


class Rates:
    """`rate` requests a second for each caller, of which `burst` may come at once; 0 is no limit."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, float(burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> tokens left, when

    def wait(self, caller: str) -> float:
        """Take a token: 0.0; or the seconds until there is one again."""
        if not self._rate:
            return 0.0
        now = self._clock()
        left, then = self._buckets.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._rate)
        taken = left >= 1
        self._buckets[caller] = (left - 1 if taken else left, now)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / self._rate
