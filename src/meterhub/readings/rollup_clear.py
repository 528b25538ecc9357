"""Take back hours that no longer follow from reads, before those of the same span are derived again.

New reads only change hours. Hours vanish where a read was set aside, an estimate was overtaken or an edit was
undone, and where an exchange turns out to lie. Reads older than the span may have left by retention: the hour
in which the span begins stays unless the span begins with it.
"""

from sqlalchemy import Connection, text

from meterhub.kit import arrays
from meterhub.kit.db import AnyRow

_SPANS = """
    unnest(CAST(:meter_ids AS integer[]), CAST(:low AS timestamptz[]), CAST(:until AS timestamptz[]))
        AS s (meter_id, low, until)
"""
# A day whose hours have left by retention has no arrays, so nothing of it is joined.
_CLEAR_PACKED = text(
    f"""
    WITH kept AS (
        SELECT d.meter_id, d.start_at, array_agg(k.volume_ml ORDER BY number) AS volumes,
               count(k.volume_ml) AS hours, coalesce(sum(k.volume_ml), 0)::bigint AS volume_ml,
               array_agg(coalesce(k.quality, 0::smallint) ORDER BY number) AS qualities,
               max(k.quality) AS worst, min(k.quality) AS best
        FROM {_SPANS}
        JOIN hourly_day d ON d.meter_id = s.meter_id
            AND d.start_at > s.low - interval '25 hours' AND d.start_at < s.until
        CROSS JOIN LATERAL unnest(coalesce(d.wide_ml, d.volumes_ml::bigint[]), d.qualities) WITH ORDINALITY
            AS h (volume_ml, quality, number)
        CROSS JOIN LATERAL (
            SELECT h.volume_ml, coalesce(h.quality, d.quality) AS quality
            WHERE h.volume_ml IS NOT NULL
                AND NOT (d.start_at + (h.number - 1) * interval '1 hour' >= s.low
                         AND d.start_at + (h.number - 1) * interval '1 hour' < s.until)
            UNION ALL
            SELECT NULL, NULL
            ORDER BY 1 NULLS LAST LIMIT 1
        ) k
        GROUP BY d.meter_id, d.start_at
    )
    UPDATE hourly_day d
    SET volume_ml = k.volume_ml, hours = k.hours, quality = coalesce(k.worst, d.quality),
        qualities = CASE WHEN k.best < k.worst THEN k.qualities END,
        volumes_ml = CASE WHEN d.wide_ml IS NULL THEN k.volumes::integer[] END,
        wide_ml = CASE WHEN d.wide_ml IS NOT NULL THEN k.volumes END
    FROM kept k WHERE d.meter_id = k.meter_id AND d.start_at = k.start_at
    """  # noqa: S608 - composed of our own constants
)
_DROP_EMPTY = text(
    f"""
    DELETE FROM hourly_day d USING {_SPANS}
    WHERE d.meter_id = s.meter_id AND d.start_at > s.low - interval '25 hours' AND d.start_at < s.until
        AND d.hours = 0
    """  # noqa: S608 - composed of our own constants
)
_CLEAR_NARROW = text(
    f"""
    DELETE FROM hourly_volume h USING {_SPANS}
    WHERE h.meter_id = s.meter_id AND h.hour >= s.low AND h.hour < s.until
    """  # noqa: S608 - composed of our own constants
)


def clear(connection: Connection, spans: list[AnyRow], *, timescale: bool) -> None:
    """Take back the hours that the change reaches, from `low` until `changed_to`."""
    connection.execute(_CLEAR_NARROW if timescale else _CLEAR_PACKED, _values(spans))


def drop_empty_days(connection: Connection, spans: list[AnyRow]) -> None:
    """Drop packed days of these spans in which no hour was left or derived."""
    connection.execute(_DROP_EMPTY, _values(spans))


def _values(spans: list[AnyRow]) -> dict[str, str]:
    return {
        "meter_ids": arrays.integers(span.meter_id for span in spans),
        "low": arrays.instants(span.low for span in spans),
        "until": arrays.instants(span.changed_to for span in spans),
    }
