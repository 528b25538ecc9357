"""Meters, their keys, and open alerts; numbers only."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_meters", "Registered meters."),
    Family("meterhub_meters_installed", "Meters that are installed now."),
    Family("meterhub_meters_with_key", "Meters with a key in custody."),
    Family("meterhub_alerts_open", "Alerts that are not closed, by severity.", ("severity",)),
)

_METERS = text(
    """
    SELECT (SELECT count(*) FROM meter) AS registered,
           (SELECT count(*) FROM installation WHERE upper_inf(valid)) AS installed,
           (SELECT count(DISTINCT meter_id) FROM meter_key) AS with_key
    """
)
_ALERTS = text("SELECT severity, count(*) AS alerts FROM alert WHERE closed_at IS NULL GROUP BY severity")


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield numbers of meters and alerts."""
    meters = connection.execute(_METERS).one()
    yield Sample("meterhub_meters", meters.registered)
    yield Sample("meterhub_meters_installed", meters.installed)
    yield Sample("meterhub_meters_with_key", meters.with_key)
    alerts = {row.severity: row.alerts for row in connection.execute(_ALERTS)}
    for severity in ("low", "medium", "high"):
        yield Sample("meterhub_alerts_open", alerts.get(severity, 0), (severity,))
