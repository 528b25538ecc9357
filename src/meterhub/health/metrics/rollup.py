"""Whether hours keep up with reads."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_rollup_due_meters", "Meters with reads whose hours are not derived yet."),
    Family(
        "meterhub_rollup_lag_seconds",
        "Age of the oldest newest read of a meter whose hours are not derived yet; 0 if all are. "
        "Late and replayed reads are old when they come in.",
    ),
)

_DUE = text("SELECT count(*) AS meters, min(until_at) AS oldest FROM rollup_due")


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield how much is due, and since when."""
    due = connection.execute(_DUE).one()
    yield Sample("meterhub_rollup_due_meters", due.meters)
    lag = max(0.0, (now - due.oldest).total_seconds()) if due.oldest else 0.0
    yield Sample("meterhub_rollup_lag_seconds", lag)
