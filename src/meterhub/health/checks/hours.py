"""Hours follow reads, and days are cut where the utility is."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, ok, warn

LATE = timedelta(hours=2)
_DUE = text("SELECT count(*) AS meters, min(until_at) AS oldest FROM rollup_due")
_ZONE = text("SELECT store_zone()")


def check(patient: Patient) -> Iterator[Finding]:
    """Look at what is not derived yet, and at the store's zone."""
    due = patient.connection.execute(_DUE).one()
    if due.meters and patient.now - due.oldest > LATE:
        yield warn(
            f"the hours of {due.meters} meters are not derived yet",
            "Wait if much is being replayed; else see whether workers run.",
        )
    else:
        yield ok("hours are derived from all reads" if not due.meters else f"hours of {due.meters} meters are due")
    zone = patient.connection.execute(_ZONE).scalar_one()
    if zone != patient.settings.zone:
        yield warn(
            f"days are summed for {zone}, the utility is in {patient.settings.zone}",
            "Run meterhub store maintain.",
        )
