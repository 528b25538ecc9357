"""The hourly roll-up in SQL: only what changed, set-based, the same result as `meterhub.readings.hourly`.

Whoever stores reads notes the span they fall in (`rollup_due`). A changed read moves the registers at the
hours up to its neighbours, and so the volumes of the hours that begin or end there: the span is widened to
the reads beyond the full hours around those neighbours, derived again and merged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from meterhub.kit import arrays
from meterhub.readings.hourly import INTERPOLATED_WITHIN, MEASURED_WITHIN, Quality

METERS_A_TRANSACTION = 500

# A statement of its own: the next one sees all reads that were noted up to the moment of taking. In one
# statement a note could be taken whose reads are younger than what the statement sees.
_TAKE_DUE = text(
    """
    DELETE FROM rollup_due WHERE meter_id IN (
        SELECT meter_id FROM rollup_due ORDER BY meter_id LIMIT :meters FOR UPDATE SKIP LOCKED
    )
    RETURNING meter_id, from_at, until_at
    """
)

_ROLL_UP = text(
    f"""
    WITH due AS (
        SELECT * FROM unnest(
            CAST(:meter_ids AS integer[]), CAST(:from_at AS timestamptz[]), CAST(:until_at AS timestamptz[])
        ) AS taken (meter_id, from_at, until_at)
    ),
    neighbours AS (
        SELECT meter_id,
            coalesce((SELECT max(at) FROM register_read r WHERE r.meter_id = d.meter_id AND at < d.from_at),
                     d.from_at) AS low,
            coalesce((SELECT min(at) FROM register_read r WHERE r.meter_id = d.meter_id AND at > d.until_at),
                     d.until_at) AS high
        FROM due d
    ),
    span AS (
        SELECT meter_id,
            coalesce((SELECT max(at) FROM register_read r
                      WHERE r.meter_id = n.meter_id AND at <= date_trunc('hour', n.low)), n.low) AS low,
            coalesce((SELECT min(at) FROM register_read r
                      WHERE r.meter_id = n.meter_id AND at >= date_trunc('hour', n.high) + interval '1 hour'),
                     n.high) AS high
        FROM neighbours n
    ),
    single AS (
        SELECT DISTINCT ON (r.meter_id, r.at) r.meter_id, r.at, r.volume_ml
        FROM span s JOIN register_read r ON r.meter_id = s.meter_id AND r.at BETWEEN s.low AND s.high
        ORDER BY r.meter_id, r.at, r.id DESC
    ),
    pair AS (
        SELECT meter_id, at, volume_ml, lead(at) OVER w AS next_at, lead(volume_ml) OVER w AS next_ml
        FROM single WINDOW w AS (PARTITION BY meter_id ORDER BY at)
    ),
    bound AS (
        SELECT p.meter_id, h.hour,
            CASE
                WHEN h.hour = p.at THEN p.volume_ml
                WHEN p.next_ml >= p.volume_ml THEN p.volume_ml
                    + div(2 * (p.next_ml - p.volume_ml)::numeric * m.part + m.span, 2 * m.span::numeric)::bigint
                ELSE p.next_ml
                    + div(2 * (p.volume_ml - p.next_ml)::numeric * (m.span - m.part) + m.span,
                          2 * m.span::numeric)::bigint
            END AS register_ml,
            CASE
                WHEN h.hour - p.at <= :measured OR p.next_at - h.hour <= :measured THEN {Quality.MEASURED}
                WHEN p.next_at - p.at <= :interpolated THEN {Quality.INTERPOLATED}
                ELSE {Quality.ESTIMATED}
            END AS quality
        FROM pair p
        CROSS JOIN LATERAL generate_series(
            date_trunc('hour', p.at + interval '1 hour' - interval '1 microsecond'),
            coalesce(p.next_at - interval '1 microsecond', p.at),
            interval '1 hour'
        ) AS h (hour)
        CROSS JOIN LATERAL (
            SELECT (extract(epoch FROM h.hour - p.at) * 1000000)::bigint AS part,
                   (extract(epoch FROM p.next_at - p.at) * 1000000)::bigint AS span
        ) AS m
    ),
    volume AS (
        SELECT meter_id, hour,
            lead(register_ml) OVER w - register_ml AS volume_ml,
            greatest(quality, lead(quality) OVER w) AS quality
        FROM bound WINDOW w AS (PARTITION BY meter_id ORDER BY hour)
    ),
    written AS (
        INSERT INTO hourly_volume AS old (meter_id, hour, volume_ml, quality)
        SELECT meter_id, hour, volume_ml, quality FROM volume WHERE volume_ml IS NOT NULL
        ON CONFLICT (meter_id, hour) DO UPDATE
            SET volume_ml = excluded.volume_ml, quality = excluded.quality, derived_at = now()
            WHERE (old.volume_ml, old.quality) IS DISTINCT FROM (excluded.volume_ml, excluded.quality)
        RETURNING 1
    )
    SELECT count(*) FROM written
    """  # noqa: S608 - the numbers are our own quality codes
).bindparams(measured=MEASURED_WITHIN, interpolated=INTERPOLATED_WITHIN)


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What one step did: the meters with their earliest new read, and how many hours were new or changed."""

    changed_from: Mapping[int, datetime]
    hours: int


def roll_up_some(engine: Engine, *, meters: int = METERS_A_TRANSACTION) -> RolledUp:
    """Derive the hours of some meters that are due, in one transaction; empty when none is."""
    with engine.begin() as connection:
        due = connection.execute(_TAKE_DUE, {"meters": meters}).all()
        if not due:
            return RolledUp({}, 0)
        hours = connection.execute(
            _ROLL_UP,
            {
                "meter_ids": arrays.integers(row.meter_id for row in due),
                "from_at": arrays.instants(row.from_at for row in due),
                "until_at": arrays.instants(row.until_at for row in due),
            },
        ).scalar_one()
    return RolledUp({row.meter_id: row.from_at for row in sorted(due)}, hours)


def ask_for_everything(engine: Engine) -> int:
    """Mark all meters as due from their first read on: rebuilds every hour; returns how many meters."""
    statement = text(
        """
        INSERT INTO rollup_due (meter_id, from_at, until_at)
        SELECT meter_id, min(at), max(at) FROM register_read GROUP BY meter_id
        ON CONFLICT (meter_id) DO UPDATE
            SET from_at = least(rollup_due.from_at, excluded.from_at),
                until_at = greatest(rollup_due.until_at, excluded.until_at)
        """
    )
    with engine.begin() as connection:
        return connection.execute(statement).rowcount
