"""How far a changed read reaches: the spans to derive again, and the meters that are not of the ordinary kind.

A changed read moves the registers at the hours up to its neighbours, and so the volumes of the hours that begin or
end there: the span is widened to the reads beyond the full hours around those neighbours. Reads that were set
aside are no neighbours. Where the last hours are forecast, the span goes on to their end.
"""

from meterhub.kit.units import ML_PER_M3


def _nearest(best: str, compare: str, around: str, otherwise: str) -> str:
    """Return SQL for a meter's nearest read on one side, looking at nearby months before all others."""
    reads = "FROM register_read r WHERE r.meter_id = s.meter_id AND r.id <> ALL(s.aside)"
    probe = f"SELECT r.at {reads} AND r.at {compare} {around}"
    near = f">= {around} - interval '32 days'" if best == "max" else f"<= {around} + interval '32 days'"
    nearest = f"ORDER BY r.at {'DESC' if best == 'max' else 'ASC'} LIMIT 1"
    return f"coalesce(({probe} AND r.at {near} {nearest}), ({probe} {nearest}), {otherwise})"


SPAN = f"""
    WITH due AS (
        SELECT taken.*, coalesce(a.ids, '{{}}') AS aside, a.ids IS NOT NULL AS has_aside
        FROM unnest(
            CAST(:meter_ids AS integer[]), CAST(:from_at AS timestamptz[]), CAST(:until_at AS timestamptz[])
        ) AS taken (meter_id, from_at, until_at)
        LEFT JOIN (
            SELECT meter_id, array_agg(read_id) AS ids FROM read_set_aside
            WHERE meter_id = ANY(CAST(:meter_ids AS integer[])) GROUP BY meter_id
        ) a USING (meter_id)
    ),
    neighbours AS (
        SELECT meter_id, aside, has_aside, {_nearest("max", "<", "s.from_at", "s.from_at")} AS low,
               {_nearest("min", ">", "s.until_at", "s.until_at")} AS high
        FROM due s
    ),
    reads AS MATERIALIZED (
        SELECT meter_id, aside, has_aside, s.high AS changed_to,
               {_nearest("max", "<=", "date_trunc('hour', s.low)", "s.low")} AS low,
               {_nearest("min", ">=", "date_trunc('hour', s.high) + interval '1 hour'", "s.high")} AS high
        FROM neighbours s
    ),
    forecast AS (
        SELECT s.*, (SELECT max(e.first_at + (array_length(e.registers_ml, 1) - 1) * interval '1 hour')
                     FROM gap_estimate e WHERE e.meter_id = s.meter_id AND e.after_at IS NULL) AS forecast_to
        FROM reads s
    )
    SELECT s.meter_id, s.low, s.changed_to, greatest(s.high, s.forecast_to) AS high, s.aside,
           (10 ^ m.digits)::bigint * {ML_PER_M3} AS capacity_ml,
           s.has_aside OR s.forecast_to IS NOT NULL
           OR EXISTS (SELECT FROM gap_estimate e WHERE e.meter_id = s.meter_id)
           OR EXISTS (SELECT FROM hour_edit e WHERE e.meter_id = s.meter_id)
           OR EXISTS (
               SELECT FROM register_read r WHERE r.meter_id = s.meter_id AND r.at BETWEEN s.low AND s.high
                   AND r.source IN ('installation', 'removal')
           ) AS special
    FROM forecast s JOIN meter m ON m.id = s.meter_id
    ORDER BY s.meter_id
"""  # noqa: S608 - composed of our own constants

# An estimate holds as long as the reads around it are neighbours and say what they said. Where reads that old have
# left by retention, nothing can be said against it.
OVERTAKEN = """
    DELETE FROM gap_estimate e USING unnest(
        CAST(:meter_ids AS integer[]), CAST(:from_at AS timestamptz[]), CAST(:until_at AS timestamptz[]),
        CAST(:vanishing AS boolean[])
    ) AS d (meter_id, from_at, until_at, vanishing)
    WHERE e.meter_id = d.meter_id AND e.before_at <= d.until_at AND coalesce(e.after_at, 'infinity') >= d.from_at
        AND (d.vanishing OR EXISTS (
            SELECT FROM counted_read r WHERE r.meter_id = e.meter_id AND r.at <= e.before_at
        ))
        AND (
            EXISTS (
                SELECT FROM counted_read r
                WHERE r.meter_id = e.meter_id AND r.at > e.before_at AND r.at < coalesce(e.after_at, 'infinity')
            )
            OR e.before_ml IS DISTINCT FROM (
                SELECT r.volume_ml FROM counted_read r
                WHERE r.meter_id = e.meter_id AND r.at = e.before_at ORDER BY r.id DESC LIMIT 1
            )
            OR e.after_ml IS DISTINCT FROM (
                SELECT r.volume_ml FROM counted_read r
                WHERE r.meter_id = e.meter_id AND r.at = e.after_at ORDER BY r.id DESC LIMIT 1
            )
        )
    RETURNING e.meter_id, e.before_at AS from_at,
        greatest(e.after_at, e.first_at + (array_length(e.registers_ml, 1) - 1) * interval '1 hour') AS until_at
"""
