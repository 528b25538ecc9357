"""Telegrams of gateways whose clocks are wrong: put right by what the clock showed when they were sent.

A gateway says with each batch what its clock shows. Beyond what an upload may take on the way, the difference to
the hub's clock is the clock's fault: all telegrams of the batch are moved by it, since they are stamped by the
same clock. Each correction is kept, so that the original time of every telegram can be told: it is the stored one
plus `ahead_s` of the `clock_shift` with the frame's gateway and `ingested_at`.
"""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from meterhub.ingest.batch import Heard

# An upload is given up after a minute, and a proxy may hold it for so long: less than this may be the way's fault.
TOLERANCE = timedelta(minutes=2)
_KNOWN_YEARS = range(1970, 2200)


def clock_shown(value: str | None) -> datetime | None:
    """Return what a gateway says that its clock shows; None where it says nothing usable."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        shown = datetime.fromisoformat(value)
        if shown.tzinfo is not None and shown.year in _KNOWN_YEARS:
            return shown
    return None


def ahead(shown: datetime | None, taken_at: datetime, measured_s: float | None) -> timedelta:
    """Return how far telegrams of a gateway are ahead of the hub's time; zero unless the clock is clearly wrong.

    What its reports measured is exacter than one batch, as long as the clock was not set since.
    """
    if shown is None:
        return timedelta()
    one_way = shown - taken_at
    if abs(one_way) < TOLERANCE:
        return timedelta()
    if measured_s is not None and abs(one_way - timedelta(seconds=measured_s)) < TOLERANCE:
        return timedelta(seconds=round(measured_s))
    return timedelta(seconds=round(one_way.total_seconds()))


def measured(connection: Connection, gateway_id: int) -> float | None:
    """Return how far the gateway's clock was ahead at its last report [s]."""
    statement = text("SELECT clock_ahead_s FROM gateway WHERE id = :id")
    found: float | None = connection.execute(statement, {"id": gateway_id}).scalar_one()
    return found


def put_right(heard: Sequence[Heard], by: timedelta) -> list[Heard]:
    """Return telegrams by the hub's clock."""
    return [one._replace(received_at=one.received_at - by) for one in heard]


def note_shift(connection: Connection, gateway_id: int, by: timedelta, telegrams: int) -> None:
    """Keep by how much the telegrams of this transaction were moved."""
    connection.execute(
        text(
            "INSERT INTO clock_shift (gateway_id, ahead_s, telegrams) VALUES (:gateway_id, :ahead_s, :telegrams)"
        ),
        {"gateway_id": gateway_id, "ahead_s": by.total_seconds(), "telegrams": telegrams},
    )


def note_late_days(connection: Connection, heard: Sequence[Heard], now: datetime) -> None:
    """Note the days before today of which telegrams came in: what was counted of them is counted anew."""
    today = now.astimezone(UTC).date()
    days = sorted({one.received_at.astimezone(UTC).date() for one in heard} - {today})
    if days:
        connection.execute(
            text("INSERT INTO late_day (day) SELECT unnest(CAST(:days AS date[])) ON CONFLICT DO NOTHING"),
            {"days": days},
        )
