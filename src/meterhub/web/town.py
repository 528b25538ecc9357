"""The town as a whole: hourly sums kept in `town_hour`, renewed when pages are looked at.

A million meters have 24 million hours a day: a page cannot sum them. The last three days are summed again
every five minutes at most, older days one at a time in turn, so that late reads come in too.
"""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from sqlalchemy import Connection, Engine, text

from meterhub.kit.db import AnyRow
from meterhub.readings.hourly import Quality

SHOWN_DAYS = 35
FRESH_DAYS = 3
RENEW_AFTER = timedelta(minutes=5)
# How long the first look may wait for sums that nobody has made yet.
FIRST_LOOK_S = 1.5
_LOCK = 7_401_001

_SUM_DAY = text(
    """
    INSERT INTO town_hour (hour, volume_ml, meters, heard, installed, summed_at)
    SELECT h.hour, coalesce(sum(v.volume_ml), 0), count(v.meter_id),
        count(*) FILTER (WHERE v.quality <= :heard),
        (SELECT count(*) FROM installation WHERE valid @> CAST(:start AS timestamptz)
         OR lower(valid) BETWEEN :start AND :end), :now
    FROM generate_series(CAST(:start AS timestamptz), :end - interval '1 hour', interval '1 hour') AS h (hour)
    LEFT JOIN hourly(:start, :end) v ON v.hour = h.hour
    GROUP BY h.hour
    ON CONFLICT (hour) DO UPDATE SET volume_ml = excluded.volume_ml, meters = excluded.meters,
        heard = excluded.heard, installed = excluded.installed, summed_at = excluded.summed_at
    """
).bindparams(heard=Quality.INTERPOLATED)


def hours(connection: Connection, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return `(hour, volume_ml, meters, heard, installed)` of the town."""
    statement = text(
        "SELECT hour, volume_ml, meters, heard, installed FROM town_hour "
        "WHERE hour >= :since AND hour < :until ORDER BY hour"
    )
    return connection.execute(statement, {"since": since, "until": until}).all()


def needs_sums(connection: Connection) -> bool:
    """Tell whether nothing has been summed yet."""
    return connection.execute(text("SELECT NOT EXISTS (SELECT 1 FROM town_hour)")).scalar_one() is True


def renew(engine: Engine, now: datetime, *, at_most_s: float = 60.0) -> int:
    """Sum what is missing or old, newest days first, for some seconds; return how many days were summed.

    Each day is a transaction of its own; whoever comes second leaves it to the first.
    """
    until = time.monotonic() + at_most_s
    done = 0
    for day in _days_due(engine, now):
        with engine.begin() as connection:
            if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar_one():
                return done
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            end = min(start + timedelta(days=1), now.replace(minute=0, second=0, microsecond=0))
            if end > start:
                connection.execute(_SUM_DAY, {"start": start, "end": end, "now": now})
        done += 1
        if time.monotonic() >= until:
            break
    return done


def _days_due(engine: Engine, now: datetime) -> Iterator[date]:
    today = now.astimezone(UTC).date()
    with engine.connect() as connection:
        statement = text(
            "SELECT CAST(hour AT TIME ZONE 'UTC' AS date) AS day, min(summed_at) AS summed_at "
            "FROM town_hour WHERE hour >= :since GROUP BY 1"
        )
        since = now - timedelta(days=SHOWN_DAYS + 1)
        summed = {row.day: row.summed_at for row in connection.execute(statement, {"since": since})}
    fresh = [today - timedelta(days=back) for back in range(FRESH_DAYS)]
    older = [today - timedelta(days=back) for back in range(FRESH_DAYS, SHOWN_DAYS + 1)]
    newest = max((summed[day] for day in fresh if day in summed), default=None)
    if newest is not None and now - newest < RENEW_AFTER:
        return iter([day for day in older if day not in summed])
    in_turn = sorted((day for day in older if day in summed), key=lambda day: (summed[day], day))[:1]
    return chain(fresh, (day for day in older if day not in summed), in_turn)
