"""Telegrams that came in, and those that wait in quarantine."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.ingest.decoding import Reason
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_telegrams_total", "Telegrams that gateways delivered, by what became of them.", ("outcome",)),
    Family("meterhub_quarantine_frames", "Frames that wait in quarantine, by reason.", ("reason",)),
    Family("meterhub_newest_frame_age_seconds", "Time since the newest frame was heard; absent without frames."),
)

_DELIVERED = text(
    "SELECT coalesce(sum(accepted), 0) AS accepted, coalesce(sum(duplicates), 0) AS duplicate, "
    "coalesce(sum(quarantined), 0) AS quarantined, coalesce(sum(rejected), 0) AS rejected FROM gateway_day"
)
_WAITING = text("SELECT reason, count(*) AS frames FROM quarantine WHERE resolved_at IS NULL GROUP BY 1")
_NEWEST = text("SELECT received_at FROM raw_frame ORDER BY id DESC LIMIT 1")


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield counts by outcome and reason."""
    for outcome, count in connection.execute(_DELIVERED).one()._mapping.items():
        yield Sample("meterhub_telegrams_total", count, (outcome,))
    waiting = {row.reason: row.frames for row in connection.execute(_WAITING)}
    for reason in Reason:
        yield Sample("meterhub_quarantine_frames", waiting.get(reason, 0), (reason,))
    newest = connection.execute(_NEWEST).scalar()
    if newest is not None:
        yield Sample("meterhub_newest_frame_age_seconds", (now - newest).total_seconds())
