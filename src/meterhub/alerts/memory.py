"""What the detectors remember between two runs: loaded and stored in bulk, some meters at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, text

from meterhub.alerts.flow import BIN_S, LOOKBACK_S
from meterhub.alerts.habits import DayHabit

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Examined:
    """A meter to examine: where it hangs, and up to where its reads have been seen."""

    meter_id: int
    point_id: int
    examined_until_s: int
    last_read_id: int


@dataclass(frozen=True, slots=True)
class NewReads:
    """A meter's reads `(UTC seconds, ml)` with those that moments look back on; `late_s` is an old one's time."""

    reads: list[tuple[int, int]]
    last_read_id: int
    late_s: int | None


_LOCK = text(
    """
    WITH new AS (
        INSERT INTO alert_watch (meter_id, examined_until_at, last_read_id)
        SELECT id, 'epoch', 0 FROM unnest(CAST(:meter_ids AS integer[])) AS wanted (id) ORDER BY id
        ON CONFLICT (meter_id) DO NOTHING
    )
    SELECT 1
    """
)
_WATCHES = text(
    """
    SELECT w.meter_id, i.metering_point_id, extract(epoch FROM w.examined_until_at)::bigint AS until_s,
           w.last_read_id
    FROM alert_watch w
    JOIN LATERAL (
        SELECT metering_point_id FROM installation
        WHERE meter_id = w.meter_id ORDER BY lower(valid) DESC LIMIT 1
    ) i ON true
    WHERE w.meter_id = ANY(:meter_ids) ORDER BY w.meter_id FOR UPDATE OF w
    """
)


def lock(connection: Connection, meter_ids: Sequence[int]) -> list[Examined]:
    """Return how far these meters have been examined, and keep other detections off them."""
    connection.execute(_LOCK, {"meter_ids": sorted(meter_ids)})
    return [Examined(*row) for row in connection.execute(_WATCHES, {"meter_ids": list(meter_ids)})]


# Of several reads in half an hour the first counts, as in `flow.follow`: cut here, they need not travel.
_READS = text(
    """
    WITH wanted AS (
        SELECT meter_id, to_timestamp(since_s) AS since_at, to_timestamp(until_s + 1) AS until_at, last_id
        FROM unnest(
            CAST(:meter_ids AS integer[]), CAST(:since AS bigint[]), CAST(:until AS bigint[]),
            CAST(:last_ids AS bigint[])
        ) AS w (meter_id, since_s, until_s, last_id)
    ),
    seen AS (
        SELECT r.meter_id, r.id, extract(epoch FROM r.at)::numeric AS at_s, r.volume_ml,
               r.id > w.last_id AND r.at < w.until_at AS late
        FROM wanted w JOIN counted_read r ON r.meter_id = w.meter_id
        WHERE r.at >= w.since_at AND r.at <= :now AND r.source = 'amr'
    ),
    first AS (
        SELECT DISTINCT ON (meter_id, div(at_s, :bin)) meter_id, floor(at_s)::bigint AS at_s, volume_ml
        FROM seen ORDER BY meter_id, div(at_s, :bin), at_s, volume_ml
    )
    SELECT f.meter_id, s.last_id, s.late_s, array_agg(f.at_s ORDER BY f.at_s) AS at_s,
           array_agg(f.volume_ml ORDER BY f.at_s) AS volume_ml
    FROM first f
    JOIN (
        SELECT meter_id, max(id) AS last_id, floor(min(at_s) FILTER (WHERE late))::bigint AS late_s
        FROM seen GROUP BY meter_id
    ) s USING (meter_id)
    GROUP BY f.meter_id, s.last_id, s.late_s
    """
).bindparams(bin=BIN_S)


def load_reads(connection: Connection, meters: Iterable[Examined], now: datetime) -> dict[int, NewReads]:
    """Return the reads since the last examination, and those that its moments look back on, a meter."""
    rows = list(meters)
    values = {
        "meter_ids": [meter.meter_id for meter in rows],
        "since": [max(0, meter.examined_until_s - LOOKBACK_S) for meter in rows],
        "until": [meter.examined_until_s for meter in rows],
        "last_ids": [meter.last_read_id for meter in rows],
        "now": now,
    }
    return {
        row.meter_id: NewReads(list(zip(row.at_s, row.volume_ml, strict=True)), row.last_id, row.late_s)
        for row in connection.execute(_READS, values)
    }


def load_days(connection: Connection, meter_ids: Sequence[int]) -> dict[int, dict[int, DayHabit]]:
    """Return the learned days of each meter, by the number of the UTC day."""
    days: dict[int, dict[int, DayHabit]] = {}
    statement = text(
        "SELECT meter_id, day, highest_ml_h, unstill_s, step_ml, in_alert FROM flow_day WHERE meter_id = ANY(:ids)"
    )
    for row in connection.execute(statement, {"ids": list(meter_ids)}):
        habit = DayHabit(tuple(row.highest_ml_h), row.unstill_s, row.step_ml, row.in_alert)
        days.setdefault(row.meter_id, {})[(row.day - EPOCH).days] = habit
    return days


_STORE_DAYS = text(
    """
    INSERT INTO flow_day (meter_id, day, highest_ml_h, unstill_s, step_ml, in_alert)
    SELECT meter_id, day, highest::double precision[], unstill_s, step_ml, in_alert
    FROM unnest(
        CAST(:meter_id AS integer[]), CAST(:day AS date[]), CAST(:highest AS text[]),
        CAST(:unstill_s AS integer[]), CAST(:step_ml AS bigint[]), CAST(:in_alert AS boolean[])
    ) AS new (meter_id, day, highest, unstill_s, step_ml, in_alert)
    ON CONFLICT (meter_id, day) DO UPDATE
        SET highest_ml_h = excluded.highest_ml_h, unstill_s = excluded.unstill_s,
            step_ml = excluded.step_ml, in_alert = excluded.in_alert
    """
)
_DROP_DAYS = text(
    """
    DELETE FROM flow_day USING unnest(CAST(:meter_id AS integer[]), CAST(:day AS date[])) AS old (meter_id, day)
    WHERE flow_day.meter_id = old.meter_id AND flow_day.day = old.day
    """
)


def store_days(
    connection: Connection,
    before: Mapping[int, Mapping[int, DayHabit]],
    after: Mapping[int, Mapping[int, DayHabit]],
) -> None:
    """Store the days that differ from those loaded, and drop those that are gone."""
    changed = [
        (meter_id, day, habit)
        for meter_id, days in after.items()
        for day, habit in days.items()
        if before.get(meter_id, {}).get(day) != habit
    ]
    gone = [(meter_id, day) for meter_id, days in before.items() for day in days if day not in after[meter_id]]
    if changed:
        connection.execute(
            _STORE_DAYS,
            {
                "meter_id": [meter_id for meter_id, _, _ in changed],
                "day": [_date(day) for _, day, _ in changed],
                "highest": ["{" + ",".join(map(repr, habit.highest_ml_h)) + "}" for _, _, habit in changed],
                "unstill_s": [habit.unstill_s for _, _, habit in changed],
                "step_ml": [habit.step_ml for _, _, habit in changed],
                "in_alert": [habit.in_alert for _, _, habit in changed],
            },
        )
    if gone:
        values = {"meter_id": [meter_id for meter_id, _ in gone], "day": [_date(day) for _, day in gone]}
        connection.execute(_DROP_DAYS, values)


def store_examined(connection: Connection, meters: Sequence[Examined]) -> None:
    """Remember how far these meters have been examined."""
    statement = text(
        """
        UPDATE alert_watch SET examined_until_at = new.until_at, last_read_id = new.last_id
        FROM unnest(CAST(:ids AS integer[]), CAST(:until AS timestamptz[]), CAST(:last AS bigint[]))
            AS new (meter_id, until_at, last_id)
        WHERE alert_watch.meter_id = new.meter_id
          AND (examined_until_at, last_read_id) IS DISTINCT FROM (new.until_at, new.last_id)
        """
    )
    values = {
        "ids": [meter.meter_id for meter in meters],
        "until": [datetime.fromtimestamp(meter.examined_until_s, UTC) for meter in meters],
        "last": [meter.last_read_id for meter in meters],
    }
    connection.execute(statement, values)


def learn_again(connection: Connection, meter_id: int, since: date) -> None:
    """Take days that a false alert kept out back into what is normal for a meter."""
    statement = text(
        "UPDATE flow_day SET in_alert = false WHERE meter_id = :meter_id AND day >= :since AND in_alert"
    )
    connection.execute(statement, {"meter_id": meter_id, "since": since})


def _date(day: int) -> date:
    return EPOCH + timedelta(days=day)
