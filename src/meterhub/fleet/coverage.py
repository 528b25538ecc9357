"""Who hears which meter how well, a UTC day at a time: measured from stored frames, away from ingest.

A day is measured as a whole by a few statements, and takes the place of what was measured of it before; so it may
be measured again at any time, with the same result. Today is measured again and again, earlier days when telegrams
of them came in late. The pause after each measurement is a multiple of the time it took, which bounds the load
whatever the size of the town.

What a meter should send is told by what was heard of it: the interval that a fifth of its gaps do not exceed is
its own as long as one telegram in five is heard by somebody. Where a gateway thins, no more is expected of it than
it lets through.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from meterhub.fleet.coverage_views import summarise

DAYS_KEPT = 35
HISTORY_KEPT = timedelta(days=400)
CHANNELS_KEPT = timedelta(days=60)
SHORTEST_PAUSE = timedelta(minutes=15)
# A twentieth of one processor at most.
PAUSE_BY_DURATION = 20
_LOCK = 7_501_001
_ONE_DAY = timedelta(days=1)
# Two receptions of one transmission are stored within the window of the deduplication around each other.
_MARGIN = timedelta(hours=1)

_HEARD = """
    SELECT r.meter_id, f.gateway_id, f.received_at, f.rssi_dbm
    FROM raw_frame f JOIN register_read r ON r.raw_frame_id = f.id AND r.at = f.received_at
    WHERE f.received_at >= :start AND f.received_at < :end AND r.at >= :start AND r.at < :end
        AND r.source = 'amr'
    UNION ALL
    SELECT r.meter_id, h.gateway_id, h.received_at, h.rssi_dbm
    FROM frame_heard h JOIN register_read r ON r.raw_frame_id = h.raw_frame_id
    WHERE h.received_at >= :start AND h.received_at < :end
        AND r.at >= :start - CAST(:margin AS interval) AND r.at < :end + CAST(:margin AS interval)
        AND r.source = 'amr'
"""
_MEASURE = text(
    f"""
    WITH gap AS (
        SELECT meter_id, extract(epoch FROM at - lag(at) OVER (PARTITION BY meter_id ORDER BY at)) AS gap_s
        FROM register_read WHERE at >= :start AND at < :end AND source = 'amr'
    ), pace AS (
        SELECT meter_id, percentile_disc(0.2) WITHIN GROUP (ORDER BY gap_s) AS interval_s
        FROM gap WHERE gap_s > 0 GROUP BY meter_id
    ), heard AS ({_HEARD}), summed AS (
        SELECT meter_id, gateway_id, count(*) AS frames,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY rssi_dbm) AS rssi_median_dbm,
            min(rssi_dbm) AS rssi_worst_dbm, min(received_at) AS first_at, max(received_at) AS last_at
        FROM heard GROUP BY meter_id, gateway_id
    )
    INSERT INTO coverage_day (day, meter_id, gateway_id, frames, expected, rssi_median_dbm, rssi_worst_dbm,
        first_at, last_at)
    SELECT :day, s.meter_id, s.gateway_id, s.frames,
        greatest(s.frames, 1, least(
            floor(:seconds / coalesce(p.interval_s, :seconds)),
            CASE coalesce(w.keep, g.keeps) WHEN 'quarter' THEN ceil(:seconds / 900.0)
                WHEN 'hour' THEN ceil(:seconds / 3600.0) END)),
        s.rssi_median_dbm, s.rssi_worst_dbm, s.first_at, s.last_at
    FROM summed s LEFT JOIN pace p USING (meter_id)
    LEFT JOIN gateway_state g USING (gateway_id) LEFT JOIN gateway_setting w USING (gateway_id)
    """  # noqa: S608 - a constant of this module
)
_PACE = text(
    """
    WITH gap AS (
        SELECT meter_id, at, extract(epoch FROM at - lag(at) OVER (PARTITION BY meter_id ORDER BY at)) AS gap_s
        FROM register_read WHERE at >= :start AND at < :end AND source = 'amr'
    )
    INSERT INTO meter_reception AS old (meter_id, interval_s, last_heard_at)
    SELECT meter_id, percentile_disc(0.2) WITHIN GROUP (ORDER BY gap_s) FILTER (WHERE gap_s > 0), max(at)
    FROM gap GROUP BY meter_id
    ON CONFLICT (meter_id) DO UPDATE SET
        interval_s = CASE WHEN excluded.last_heard_at >= old.last_heard_at
            THEN coalesce(excluded.interval_s, old.interval_s) ELSE old.interval_s END,
        last_heard_at = greatest(old.last_heard_at, excluded.last_heard_at)
    """
)


_KEEP_MEASURED = text(
    """
    INSERT INTO coverage_measured (day, measured_at, seconds, summary)
    VALUES (:day, :now, :seconds, CAST(:summary AS jsonb))
    ON CONFLICT (day) DO UPDATE SET measured_at = excluded.measured_at, seconds = excluded.seconds,
        summary = excluded.summary
    """
)


@dataclass(frozen=True, slots=True)
class MeasuredDay:
    """A day, how many pairs of meter and gateway it has, and how long measuring took [s]."""

    day: date
    pairs: int
    seconds: float


def measure_due(engine: Engine, now: datetime) -> Iterator[MeasuredDay]:
    """Measure the days that are due, each in a transaction of its own; yields each once it is committed.

    Whoever comes while another measures leaves it to that one.
    """
    while True:
        with engine.begin() as connection:
            if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar_one():
                return
            day = _next_day(connection, now)
            if day is None:
                return
            done = measure(connection, day, now)
            _forget_old(connection, now)
        yield done


def _next_day(connection: Connection, now: datetime) -> date | None:
    """Return the day to measure now: today first, else the newest of which telegrams came in late."""
    today = now.astimezone(UTC).date()
    rows = connection.execute(text("SELECT day, measured_at, seconds FROM coverage_measured"))
    measured = {row.day: row.measured_at + _pause(row.seconds) for row in rows}
    late = connection.execute(
        text("SELECT day FROM late_day WHERE day > :oldest AND day < :today ORDER BY day DESC"),
        {"oldest": today - timedelta(days=DAYS_KEPT), "today": today},
    )
    # the day before once more when it is over
    yesterday = today - _ONE_DAY
    ended = _midnight(today)
    last = connection.execute(
        text("SELECT measured_at FROM coverage_measured WHERE day = :day"), {"day": yesterday}
    ).scalar()
    unfinished = [yesterday] if last is not None and last < ended else []
    days: list[date] = [today, *unfinished, *late.scalars()]
    for day in days:
        if day not in measured or now >= measured[day]:
            return day
    return None


def _pause(seconds: float) -> timedelta:
    return max(SHORTEST_PAUSE, timedelta(seconds=seconds * PAUSE_BY_DURATION))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def measure(connection: Connection, day: date, now: datetime) -> MeasuredDay:
    """Measure one day anew."""
    began = time.monotonic()
    start = _midnight(day)
    end = min(start + _ONE_DAY, max(now, start + timedelta(seconds=1)))
    # what comes in from here on notes the day anew, and is measured the next time
    connection.execute(text("DELETE FROM late_day WHERE day = :day"), {"day": day})
    span = {"start": start, "end": end}
    connection.execute(text("DELETE FROM coverage_day WHERE day = :day"), {"day": day})
    pairs = connection.execute(
        _MEASURE, {**span, "day": day, "seconds": (end - start).total_seconds(), "margin": _MARGIN}
    ).rowcount
    connection.execute(_PACE, span)
    summary = summarise(connection, day, 1, now=now)
    seconds = time.monotonic() - began
    values = {"day": day, "now": now, "seconds": seconds, "summary": summary.model_dump_json()}
    connection.execute(_KEEP_MEASURED, values)
    return MeasuredDay(day, pairs, seconds)


def _forget_old(connection: Connection, now: datetime) -> None:
    oldest = {"oldest": now.astimezone(UTC).date() - timedelta(days=DAYS_KEPT)}
    for table in ("coverage_day", "coverage_measured", "late_day"):
        connection.execute(text(f"DELETE FROM {table} WHERE day <= :oldest"), oldest)  # noqa: S608 - named above
    for table, kept in (("gateway_hour", HISTORY_KEPT), ("channel_hour", CHANNELS_KEPT)):
        connection.execute(text(f"DELETE FROM {table} WHERE hour < :oldest"), {"oldest": now - kept})  # noqa: S608
