"""What a process measures of itself, for the metrics that it tells; each process has its own numbers."""

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector

OF_THIS_PROCESS = CollectorRegistry()
ProcessCollector(registry=OF_THIS_PROCESS)

BATCH_SECONDS = Histogram(
    "meterhub_ingest_batch_seconds",
    "How long this process took for a batch of telegrams, from its last byte to the commit.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=OF_THIS_PROCESS,
)
