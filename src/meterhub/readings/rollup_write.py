"""How derived hours are written: packed by meter and day on plain PostgreSQL, an hour a row on TimescaleDB.

A packed day holds its hours in order, the first at `start_at`, NULL where an hour is missing. Volumes are
`integer` as long as they fit; qualities are left out while all are the same. Hours that were not derived now
stay as they are: their reads may have left by retention. Of a day whose hours have left, the sum stays too.
"""

_INT_MAX = 2**31 - 1

# The days of the store's zone as hours since 1970: finding the day of an hour is a binary search.
_PACK = """
    days AS MATERIALIZED (
        SELECT array_agg(ceil(date_part('epoch', day AT TIME ZONE store_zone()) / 3600)::bigint ORDER BY day)
               AS starts
        FROM (SELECT min(low) AS low, max(high) AS high FROM span) s
        CROSS JOIN LATERAL generate_series(
            date_trunc('day', s.low AT TIME ZONE store_zone()),
            date_trunc('day', s.high AT TIME ZONE store_zone()) + interval '1 day', interval '1 day') AS day
    ),
    {by_day}
    placed AS (
        SELECT *, (SELECT starts[day] FROM days) AS start, (SELECT starts[day + 1] FROM days) AS next_start
        FROM by_day
    ),
    whole AS (
        SELECT to_timestamp(start * 3600) AS start_at, volume_ml, meter_id, last - first + 1 AS hours, worst, best,
               qualities, volumes, lowest, highest
        FROM placed WHERE first = start AND last = next_start - 1 AND dense
    ),
    partial AS (
        SELECT to_timestamp(p.start * 3600) AS start_at, m.volume_ml, p.meter_id, m.hours, m.worst, m.best,
               m.qualities, m.volumes, m.lowest, m.highest
        FROM placed p
        LEFT JOIN LATERAL (
            SELECT coalesce(d.wide_ml, d.volumes_ml::bigint[]) AS volumes, d.qualities, d.quality,
                   d.volumes_ml IS NULL AND d.wide_ml IS NULL AS only_sum
            FROM hourly_day d
            WHERE d.meter_id = p.meter_id AND d.start_at = to_timestamp(p.start * 3600)
            OFFSET 0
        ) old ON true
        CROSS JOIN LATERAL (
            SELECT sum(volume_ml)::bigint AS volume_ml, count(volume_ml) AS hours, max(quality) AS worst,
                   min(quality) AS best, array_agg(coalesce(quality, 0::smallint) ORDER BY number) AS qualities,
                   array_agg(volume_ml ORDER BY number) AS volumes, min(volume_ml) AS lowest,
                   max(volume_ml) AS highest
            FROM (
                SELECT number,
                    coalesce(p.volumes[p.start + number - p.first + 1], old.volumes[number + 1]) AS volume_ml,
                    CASE WHEN p.volumes[p.start + number - p.first + 1] IS NOT NULL
                        THEN p.qualities[p.start + number - p.first + 1]
                        WHEN old.volumes[number + 1] IS NOT NULL
                        THEN coalesce(old.qualities[number + 1], old.quality) END AS quality
                FROM generate_series(
                    0, greatest(p.last - p.start, coalesce(array_length(old.volumes, 1), 0) - 1)::int
                ) AS number
            ) hour
        ) m
        WHERE NOT (p.first = p.start AND p.last = p.next_start - 1 AND p.dense) AND old.only_sum IS NOT TRUE
    ),
"""
_AGGREGATES = """
    array_agg(volume_ml ORDER BY hour) AS volumes, array_agg(quality ORDER BY hour) AS qualities,
    sum(volume_ml)::bigint AS volume_ml, min(volume_ml) AS lowest, max(volume_ml) AS highest,
    min(quality) AS best, max(quality) AS worst
"""
# The hours that are derived of a day of an ordinary meter follow on each other.
_ORDINARY_DAYS = f"""
    by_day AS (
        SELECT meter_id, width_bucket(hour, (SELECT starts FROM days)) AS day, min(hour) AS first,
               max(hour) AS last, true AS dense, {_AGGREGATES}
        FROM derived GROUP BY 1, 2
    ),
"""  # noqa: S608 - composed of our own constants
# Between the hours of an exchange, or between edits, some may be missing.
_SPECIAL_DAYS = f"""
    by_day AS (
        SELECT e.meter_id, e.day, e.first, e.last, f.*
        FROM (
            SELECT meter_id, width_bucket(hour, (SELECT starts FROM days)) AS day, min(hour) AS first,
                   max(hour) AS last
            FROM derived GROUP BY 1, 2
        ) e
        CROSS JOIN LATERAL (
            SELECT count(volume_ml) = count(*) AS dense, {_AGGREGATES}
            FROM generate_series(e.first, e.last) AS hour
            LEFT JOIN (SELECT * FROM derived WHERE meter_id = e.meter_id) d USING (hour)
        ) f
    ),
"""  # noqa: S608 - composed of our own constants
_FITS = f"lowest >= -{_INT_MAX} AND highest <= {_INT_MAX}"

_WRITE_PACKED = f"""
    written AS (
        INSERT INTO hourly_day AS old
            (start_at, volume_ml, meter_id, hours, quality, qualities, volumes_ml, wide_ml)
        SELECT start_at, volume_ml, meter_id, hours, worst, CASE WHEN best < worst THEN qualities END,
               CASE WHEN {_FITS} THEN volumes::integer[] END, CASE WHEN NOT ({_FITS}) THEN volumes END
        FROM (SELECT * FROM whole UNION ALL SELECT * FROM partial) d ORDER BY meter_id, start_at
        ON CONFLICT (meter_id, start_at) DO UPDATE
            SET volume_ml = excluded.volume_ml, hours = excluded.hours, quality = excluded.quality,
                qualities = excluded.qualities, volumes_ml = excluded.volumes_ml, wide_ml = excluded.wide_ml
            WHERE (old.quality, old.qualities, old.volumes_ml, old.wide_ml) IS DISTINCT FROM
                  (excluded.quality, excluded.qualities, excluded.volumes_ml, excluded.wide_ml)
        RETURNING hours
    )
"""  # noqa: S608 - composed of our own constants
WRITE_PACKED = _PACK.format(by_day=_ORDINARY_DAYS) + _WRITE_PACKED
WRITE_PACKED_SPECIAL = _PACK.format(by_day=_SPECIAL_DAYS) + _WRITE_PACKED

WRITE_NARROW = """
    written AS (
        INSERT INTO hourly_volume AS old (meter_id, hour, volume_ml, quality)
        SELECT meter_id, to_timestamp(hour * 3600), volume_ml, quality FROM derived
        ON CONFLICT (meter_id, hour) DO UPDATE
            SET volume_ml = excluded.volume_ml, quality = excluded.quality
            WHERE (old.volume_ml, old.quality) IS DISTINCT FROM (excluded.volume_ml, excluded.quality)
        RETURNING 1 AS hours
    )
"""
