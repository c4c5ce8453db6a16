"""What Prometheus reads: requests by route and status, how long they took, and how the service is."""

import os
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from sosie.errors import StoreError
from sosie.web.shop import Shop

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where several processes add up their counts


class Metrics:
    """Counts of one service."""

    def __init__(self, shop: Shop) -> None:
        self._shared = FOLDER in os.environ
        self._registry = CollectorRegistry()
        self._requests = Counter("sosie_requests", "Requests.", ("method", "route", "status"), registry=self._registry)
        self._seconds = Histogram(
            "sosie_request_seconds", "Seconds of a request.", ("route",), buckets=SECONDS, registry=self._registry
        )
        self._now = CollectorRegistry()
        self._now.register(_Now(shop))
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        key = (method, route, status)
        if key not in self._known:
            self._known[key] = self._requests.labels(method, route, status), self._seconds.labels(route)
        counter, histogram = self._known[key]
        counter.inc()
        histogram.observe(seconds)

    def text(self) -> bytes:
        """All of it, in the text format."""
        counted = self._registry
        if self._shared:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(self._now)


class _Now:
    """How this process is when it is asked."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def collect(self) -> Iterator[Metric]:
        shop, encoding = self._shop, self._shop.encoding
        yield GaugeMetricFamily("sosie_questions_inside", "Questions answered or waiting.", shop.inside)
        yield CounterMetricFamily("sosie_encoded", "Questions encoded.", encoding.encoded)
        yield CounterMetricFamily("sosie_encoding_passes", "Passes in which they were encoded.", encoding.passes)
        yield CounterMetricFamily("sosie_encodings_kept", "Questions whose encoding was kept.", encoding.hits)
        try:
            snapshot = shop.store.snapshot
        except StoreError:
            return
        yield GaugeMetricFamily("sosie_products", "Products in the store.", int(snapshot.alive.sum()))
        yield GaugeMetricFamily("sosie_delta_rows", "Rows since the last generation.", snapshot.size - snapshot.base)
        yield GaugeMetricFamily("sosie_generation", "Number of the generation.", snapshot.manifest.generation)
