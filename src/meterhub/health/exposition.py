"""All metrics in Prometheus' text format; asked at most every few seconds, whoever asks."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from threading import Lock

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from meterhub.health.metrics import Family, Sample, Subject, subjects
from meterhub.kit.clock import Clock
from meterhub.kit.measuring import OF_THIS_PROCESS
from meterhub.settings import Settings

log = structlog.get_logger(__name__)

FRESH_S = 10.0
TIMEOUT = "5s"
ABOUT_ITSELF = (
    Family(
        "meterhub_collector_up", "Whether the metrics of a subject could be told (1) or not (0).", ("subject",)
    ),
    Family("meterhub_collector_seconds", "How long telling them took.", ("subject",)),
    Family("meterhub_database_pool_connections", "This process's connections to the database.", ("state",)),
)


class Exposition:
    """The metrics of one hub process."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock) -> None:
        self._engine, self._settings, self._clock = engine, settings, clock
        self._lock = Lock()
        self._told = b""
        self._told_at = float("-inf")

    def text(self) -> bytes:
        """Return all metrics, not older than `FRESH_S`."""
        with self._lock:
            if time.monotonic() - self._told_at > FRESH_S:
                self._told = generate_latest(_of_the_database(self._collect)) + generate_latest(OF_THIS_PROCESS)
                self._told_at = time.monotonic()
            return self._told

    def _collect(self) -> Iterable[Metric]:
        now = self._clock()
        families: list[Family] = [*ABOUT_ITSELF]
        samples = _pool(self._engine)
        for subject in subjects():
            families += subject.families
            samples += self._of(subject, now)
        return _as_metrics(families, samples)

    def _of(self, subject: Subject, now: datetime) -> list[Sample]:
        """Return the samples of a subject; one that cannot be told takes no others with it."""
        started = time.monotonic()
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    text("SELECT set_config('statement_timeout', :limit, true)"), {"limit": TIMEOUT}
                )
                samples = list(subject.collect(connection, self._settings, now))
            up = 1
        except SQLAlchemyError as error:
            log.warning("metrics-not-told", subject=subject.name, error=type(error).__name__)
            samples, up = [], 0
        return [
            *samples,
            Sample("meterhub_collector_up", up, (subject.name,)),
            Sample("meterhub_collector_seconds", time.monotonic() - started, (subject.name,)),
        ]


class _Collector(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()

    def describe(self) -> Iterable[Metric]:
        return []  # else registering would ask the database


def _of_the_database(collect: Callable[[], Iterable[Metric]]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Collector(collect))
    return registry


def _pool(engine: Engine) -> list[Sample]:
    pool = engine.pool
    if not isinstance(pool, QueuePool):
        return []
    counts = {"in-use": pool.checkedout(), "idle": pool.checkedin()}
    return [Sample("meterhub_database_pool_connections", count, (state,)) for state, count in counts.items()]


def _as_metrics(families: Sequence[Family], samples: Sequence[Sample]) -> list[Metric]:
    metrics: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for family in families:
        kind = CounterMetricFamily if family.is_counter else GaugeMetricFamily
        metrics[family.name] = kind(family.name, family.help, labels=family.labels)
    for sample in samples:
        metrics[sample.name].add_metric(sample.labels, float(sample.value))
    return [metric for metric in metrics.values() if metric.samples]
