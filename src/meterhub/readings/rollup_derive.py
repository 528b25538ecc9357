"""The roll-up's derivation in SQL: the volume of each hour in the spans that are due.

Times are microseconds and hours since 1970 as `bigint`: numeric arithmetic and a set-returning call a read
took most of the time. A register is interpolated in `bigint` as long as that cannot overflow. Reads are
taken by a loop over meters, each an ordered scan of the index (meter_id, at, id): nothing is sorted. OFFSET 0
keeps the planner from pasting an expression into each place that uses its result.

Two statements: `ORDINARY` for meters with nothing but reads in the span, which are nearly all, and `SPECIAL` for
those with an exchange, with reads set aside, estimates or edits of hours.
"""

from meterhub.kit.hours import HOUR, microseconds
from meterhub.readings.hourly import INTERPOLATED_WITHIN, MEASURED_WITHIN, ROLLOVER_TENTHS, Kind, Quality

_HOUR = microseconds(HOUR)
# Twice the product of a volume and a span must fit a bigint; it is tried in floating point, so half of it.
_SAFE_PRODUCT = 2.0e18


def _step(change: str) -> str:
    """Return SQL for the volume behind a change of the register, which may have gone past its end."""
    return f"""CASE
        WHEN abs({change}) <= capacity_ml / 10 * {ROLLOVER_TENTHS} THEN {change}
        WHEN {change} < 0 THEN {change} + capacity_ml
        ELSE {change} - capacity_ml
    END"""


def _register(hour: str) -> str:
    """Return SQL for the register at a full hour between a pair of reads, rounded half up."""
    distance = f"CASE WHEN next_ml >= volume_ml THEN {hour} * {_HOUR} - at_us ELSE next_us - {hour} * {_HOUR} END"
    step, span = "abs(next_ml - volume_ml)", "(next_us - at_us)"
    return f"""CASE
        WHEN next_us IS NULL OR {hour} * {_HOUR} <= at_us THEN volume_ml
        WHEN {step}::float8 * {span} < {_SAFE_PRODUCT}
            THEN least(volume_ml, next_ml) + (2 * {step} * ({distance}) + {span}) / (2 * {span})
        ELSE least(volume_ml, next_ml)
            + div(2 * {step}::numeric * ({distance}) + {span}, 2 * {span}::numeric)::bigint
    END"""


def _quality(hour: str, *, special: bool) -> str:
    """Return SQL for how well the register at a full hour is known."""
    measured = microseconds(MEASURED_WITHIN)
    estimated = f"WHEN kind = '{Kind.ESTIMATE}' AND {hour} * {_HOUR} = at_us THEN {Quality.ESTIMATED}"
    return f"""CASE
        {estimated if special else ""}
        WHEN {hour} * {_HOUR} - at_us <= {measured} OR next_us IS NULL OR next_us - {hour} * {_HOUR} <= {measured}
            THEN {Quality.MEASURED}
        WHEN next_us - at_us <= {microseconds(INTERPOLATED_WITHIN)} THEN {Quality.INTERPOLATED}
        ELSE {Quality.ESTIMATED}
    END"""


_READS = """
    SELECT DISTINCT ON (r.at) r.at, r.volume_ml, (date_part('epoch', r.at) * 1000000)::bigint AS at_us
    FROM register_read r WHERE r.meter_id = s.meter_id AND r.at BETWEEN s.low AND s.high
    ORDER BY r.at DESC, r.id DESC
"""
# A register estimated for a full hour gives way to a read of that instant.
_READS_AND_ESTIMATES = f"""
    SELECT DISTINCT ON (r.at) r.at, r.volume_ml, (date_part('epoch', r.at) * 1000000)::bigint AS at_us, r.kind
    FROM (
        SELECT r.at, r.id, r.volume_ml, r.source AS kind FROM register_read r
        WHERE r.meter_id = s.meter_id AND r.at BETWEEN s.low AND s.high AND r.id <> ALL(s.aside)
        UNION ALL
        SELECT e.first_at + (g.number - 1) * interval '1 hour', 0, g.register_ml, '{Kind.ESTIMATE}'
        FROM gap_estimate e CROSS JOIN unnest(e.registers_ml) WITH ORDINALITY AS g (register_ml, number)
        WHERE e.meter_id = s.meter_id AND e.first_at <= s.high
            AND e.first_at + (g.number - 1) * interval '1 hour' BETWEEN s.low AND s.high
    ) r
    ORDER BY r.at DESC, r.id DESC
"""  # noqa: S608 - composed of our own constants

_CUT = f"(kind = '{Kind.REMOVAL}' OR next_kind = '{Kind.INSTALLATION}')"
# Counted from the latest back: the number changes wherever the meter was taken out or put in.
_SEGMENT = f"""
    count(*) FILTER (WHERE kind = '{Kind.REMOVAL}') OVER latest
        + count(*) FILTER (WHERE kind = '{Kind.INSTALLATION}') OVER latest
        - (kind = '{Kind.INSTALLATION}')::int AS segment
"""

_PAIR = """
    SELECT at, at_us, volume_ml, lag(at_us) OVER latest AS next_us, lag(volume_ml) OVER latest AS next_ml
    FROM ({reads}) one
    WINDOW latest AS (ORDER BY at DESC)
"""
# A pair across an exchange is none.
_PAIR_WITH_CUTS = """
    SELECT at, at_us, volume_ml, kind, segment, CASE WHEN NOT {cut} THEN next_us END AS next_us,
           CASE WHEN NOT {cut} THEN next_ml END AS next_ml
    FROM (
        SELECT at, at_us, volume_ml, kind, lag(at_us) OVER latest AS next_us,
               lag(volume_ml) OVER latest AS next_ml, coalesce(lag(kind) OVER latest, '') AS next_kind, {segment}
        FROM ({reads}) one
        WINDOW latest AS (ORDER BY at DESC)
    ) two
"""

_ORDINARY_BOUNDS = f"""
    (at_us + {_HOUR - 1}) / {_HOUR} AS first, coalesce((next_us - 1) / {_HOUR}, at_us / {_HOUR}) AS last
"""
# The register stands still from the full hour before an installation, and to the one after a removal.
_SPECIAL_BOUNDS = f"""
    CASE WHEN kind = '{Kind.INSTALLATION}' THEN at_us / {_HOUR} ELSE (at_us + {_HOUR - 1}) / {_HOUR} END AS first,
    CASE WHEN next_us IS NOT NULL THEN (next_us - 1) / {_HOUR}
         WHEN kind = '{Kind.REMOVAL}' THEN (at_us + {_HOUR - 1}) / {_HOUR}
         ELSE at_us / {_HOUR} END AS last
"""


def _derived(*, special: bool) -> str:
    """Return the common table expressions `span` and `derived` of the statement.

    From the latest read back, because of several at one instant the last counts. A pair with no full hour in it
    bounds nothing; the next pair that has one gives the register at the end of the hour.
    """
    if special:
        pair = _PAIR_WITH_CUTS.format(cut=_CUT, segment=_SEGMENT, reads=_READS_AND_ESTIMATES)
        bounds, segment, connected = _SPECIAL_BOUNDS, "segment", "lag(segment) OVER latest = segment"
        columns = "at, at_us, volume_ml, next_us, kind, segment"
    else:
        pair, bounds, segment, connected = _PAIR.format(reads=_READS), _ORDINARY_BOUNDS, "0", "true"
        columns = "at, at_us, volume_ml, next_us"
    return f"""
    WITH span AS MATERIALIZED (
        SELECT meter_id, low, high, capacity_ml, CAST(aside AS bigint[]) AS aside
        FROM unnest(
            CAST(:meter_ids AS integer[]), CAST(:low AS timestamptz[]), CAST(:high AS timestamptz[]),
            CAST(:capacity_ml AS bigint[]), CAST(:aside AS text[])
        ) AS taken (meter_id, low, high, capacity_ml, aside)
    ),
    {"each_derived" if special else "derived"} AS (
        SELECT meter_id, hour, {segment} AS segment,
            CASE WHEN hour = last THEN next_ml + {_step("(after_ml - next_ml)")} ELSE {_register("(hour + 1)")} END
                - CASE WHEN hour = first THEN first_ml ELSE {_register("hour")} END AS volume_ml,
            greatest(
                CASE WHEN hour = first THEN first_quality ELSE {_quality("hour", special=special)} END,
                CASE WHEN hour = last THEN after_quality ELSE {_quality("(hour + 1)", special=special)} END
            )::smallint AS quality
        FROM span s CROSS JOIN LATERAL (
            SELECT *, lag(first_ml) OVER latest AS after_ml, lag(first_quality) OVER latest AS after_quality,
                   {connected} AS connected, generate_series(first, last) AS hour
            FROM (
                SELECT *, {_register("first")} AS first_ml, {_quality("first", special=special)} AS first_quality
                FROM (
                    SELECT {columns}, volume_ml + {_step("(next_ml - volume_ml)")} AS next_ml, {bounds}
                    FROM ({pair}) pair
                    OFFSET 0
                ) spanned
                WHERE first <= last
                OFFSET 0
            ) bound
            WINDOW latest AS (ORDER BY at DESC)
        ) bounded
        WHERE hour < last OR (after_ml IS NOT NULL AND connected AND next_us IS NOT NULL)
    ),
    """  # noqa: S608 - composed of our own constants


# Two halves of an hour that is shared by two installations of a meter are one hour; edits lie over what follows
# from reads, and stand also where nothing follows.
_EDITED = f"""
    edited AS (
        SELECT e.meter_id, (date_part('epoch', e.hour) / 3600)::bigint AS hour, e.volume_ml
        FROM span s JOIN hour_edited e
            ON e.meter_id = s.meter_id AND e.hour > s.low - interval '1 hour' AND e.hour <= s.high
    ),
    derived AS (
        SELECT meter_id, hour, coalesce(segment, -1) AS segment, coalesce(e.volume_ml, d.volume_ml) AS volume_ml,
               CASE WHEN e.volume_ml IS NULL THEN d.quality ELSE {Quality.EDITED} END::smallint AS quality
        FROM (
            SELECT meter_id, hour, min(segment) AS segment, sum(volume_ml)::bigint AS volume_ml,
                   max(quality) AS quality
            FROM each_derived GROUP BY meter_id, hour
        ) d
        FULL JOIN edited e USING (meter_id, hour)
    ),
"""  # noqa: S608 - composed of our own constants

ORDINARY = _derived(special=False)
SPECIAL = _derived(special=True) + _EDITED
