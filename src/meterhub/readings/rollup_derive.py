"""The roll-up's derivation in SQL: the spans that are due, and the volume of each hour from it.

Times are microseconds and hours since 1970 as `bigint`: numeric arithmetic and a set-returning call a read
took most of the time. A register is interpolated in `bigint` as long as that cannot overflow. Reads are
taken by a loop over meters, each an ordered scan of the index (meter_id, at, id): nothing is sorted. OFFSET 0
keeps the planner from pasting an expression into each place that uses its result.
"""

from meterhub.kit.hours import HOUR, microseconds
from meterhub.readings.hourly import INTERPOLATED_WITHIN, MEASURED_WITHIN, Quality

_HOUR = microseconds(HOUR)
# Twice the product of a volume and a span must fit a bigint; it is tried in floating point, so half of it.
_SAFE_PRODUCT = 2.0e18


def _nearest(best: str, compare: str, around: str, otherwise: str) -> str:
    """Return SQL for a meter's nearest read on one side, looking at nearby months before all others."""
    reads = "FROM register_read r WHERE r.meter_id = s.meter_id"
    probe = f"SELECT r.at {reads} AND r.at {compare} {around}"
    near = f">= {around} - interval '32 days'" if best == "max" else f"<= {around} + interval '32 days'"
    nearest = f"ORDER BY r.at {'DESC' if best == 'max' else 'ASC'} LIMIT 1"
    return f"coalesce(({probe} AND r.at {near} {nearest}), ({probe} {nearest}), {otherwise})"


def _register(hour: str) -> str:
    """Return SQL for the register at a full hour between a pair of reads, rounded half up."""
    distance = f"CASE WHEN next_ml >= volume_ml THEN {hour} * {_HOUR} - at_us ELSE next_us - {hour} * {_HOUR} END"
    step, span = "abs(next_ml - volume_ml)", "(next_us - at_us)"
    return f"""CASE
        WHEN {hour} * {_HOUR} = at_us THEN volume_ml
        WHEN {step}::float8 * {span} < {_SAFE_PRODUCT}
            THEN least(volume_ml, next_ml) + (2 * {step} * ({distance}) + {span}) / (2 * {span})
        ELSE least(volume_ml, next_ml)
            + div(2 * {step}::numeric * ({distance}) + {span}, 2 * {span}::numeric)::bigint
    END"""


def _quality(hour: str) -> str:
    """Return SQL for how well the register at a full hour is known."""
    measured = microseconds(MEASURED_WITHIN)
    return f"""CASE
        WHEN {hour} * {_HOUR} - at_us <= {measured} OR next_us - {hour} * {_HOUR} <= {measured}
            THEN {Quality.MEASURED}
        WHEN next_us - at_us <= {microseconds(INTERPOLATED_WITHIN)} THEN {Quality.INTERPOLATED}
        ELSE {Quality.ESTIMATED}
    END"""


# From the latest read back, because of several at one instant the last counts. A pair with no full hour in it
# bounds nothing; the next pair that has one gives the register at the end of the hour.
DERIVED = f"""
    WITH due AS (
        SELECT * FROM unnest(
            CAST(:meter_ids AS integer[]), CAST(:from_at AS timestamptz[]), CAST(:until_at AS timestamptz[])
        ) AS taken (meter_id, from_at, until_at)
    ),
    neighbours AS (
        SELECT meter_id, {_nearest("max", "<", "s.from_at", "s.from_at")} AS low,
               {_nearest("min", ">", "s.until_at", "s.until_at")} AS high
        FROM due s
    ),
    span AS MATERIALIZED (
        SELECT meter_id, {_nearest("max", "<=", "date_trunc('hour', s.low)", "s.low")} AS low,
               {_nearest("min", ">=", "date_trunc('hour', s.high) + interval '1 hour'", "s.high")} AS high
        FROM neighbours s ORDER BY meter_id
    ),
    derived AS (
        SELECT meter_id, hour,
            CASE WHEN hour = last THEN after_ml ELSE {_register("(hour + 1)")} END
                - CASE WHEN hour = first THEN first_ml ELSE {_register("hour")} END AS volume_ml,
            greatest(
                CASE WHEN hour = first THEN first_quality ELSE {_quality("hour")} END,
                CASE WHEN hour = last THEN after_quality ELSE {_quality("(hour + 1)")} END
            )::smallint AS quality
        FROM span s CROSS JOIN LATERAL (
            SELECT *, lag(first_ml) OVER latest AS after_ml, lag(first_quality) OVER latest AS after_quality,
                   generate_series(first, last) AS hour
            FROM (
                SELECT *, {_register("first")} AS first_ml, {_quality("first")} AS first_quality
                FROM (
                    SELECT *, (at_us + {_HOUR - 1}) / {_HOUR} AS first,
                           coalesce((next_us - 1) / {_HOUR}, at_us / {_HOUR}) AS last
                    FROM (
                        SELECT at, at_us, volume_ml, lag(at_us) OVER latest AS next_us,
                               lag(volume_ml) OVER latest AS next_ml
                        FROM (
                            SELECT DISTINCT ON (r.at) r.at, r.volume_ml,
                                   (date_part('epoch', r.at) * 1000000)::bigint AS at_us
                            FROM register_read r WHERE r.meter_id = s.meter_id AND r.at BETWEEN s.low AND s.high
                            ORDER BY r.at DESC, r.id DESC
                        ) one
                        WINDOW latest AS (ORDER BY at DESC)
                    ) pair
                    OFFSET 0
                ) spanned
                WHERE first <= last
                OFFSET 0
            ) bound
            WINDOW latest AS (ORDER BY at DESC)
        ) bounded
        WHERE hour < last OR after_ml IS NOT NULL
    ),
"""  # noqa: S608 - composed of our own constants
