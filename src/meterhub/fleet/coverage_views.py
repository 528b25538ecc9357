"""What coverage tells: gateways with what would be lost without them, gaps, fragile meters, dark streets."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, TextClause, text

from meterhub.fleet.schemas import Counts, Dark, Gap, GatewayCoverage, Reception, Summary
from meterhub.kit.db import AnyRow

GOOD_SHARE, POOR_SHARE = 0.8, 0.3
"""From this share of the telegrams on reception is good, below that it is poor; between them it is fair."""
SHOWN_STREETS = 50
LISTED_IN_SUMMARY = 500


def _query(*parts: str) -> TextClause:
    return text("".join(parts))


# Over some days, by meter and gateway; days on which a gateway did not hear the meter count as nothing heard.
_PAIRS = """
    WITH day AS (
        SELECT day, meter_id, gateway_id, frames, expected, rssi_median_dbm, last_at,
            max(expected) OVER (PARTITION BY day, meter_id) AS meter_expected
        FROM coverage_day WHERE day >= :since AND day <= :until
    ), sent AS (
        SELECT meter_id, sum(most) AS expected FROM (
            SELECT DISTINCT day, meter_id, meter_expected AS most FROM day
        ) AS each GROUP BY meter_id
    ), pair AS (
        SELECT d.meter_id, d.gateway_id,
            sum(d.frames)::float8 / greatest(sum(d.expected) + m.expected - sum(d.meter_expected), 1) AS share,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY d.rssi_median_dbm) AS rssi_median_dbm,
            max(d.last_at) AS last_at
        FROM day d JOIN sent m USING (meter_id) GROUP BY d.meter_id, d.gateway_id, m.expected
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY meter_id ORDER BY share DESC, gateway_id) AS place,
            count(*) FILTER (WHERE share >= :poor) OVER (PARTITION BY meter_id) AS heard_by
        FROM pair
    )
"""
_BY_GATEWAY = _query(
    _PAIRS,
    """
    SELECT g.name AS gateway, count(r.meter_id) AS meters,
        count(*) FILTER (WHERE r.share >= :good) AS good,
        count(*) FILTER (WHERE r.share >= :poor AND r.share < :good) AS fair,
        count(*) FILTER (WHERE r.share < :poor) AS poor,
        avg(r.share) AS share,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY r.rssi_median_dbm) AS rssi_median_dbm,
        count(*) FILTER (WHERE r.share >= :poor AND r.heard_by = 1) AS only_here
    FROM gateway g LEFT JOIN ranked r ON r.gateway_id = g.id GROUP BY g.id ORDER BY g.name
    """,
)
# The same by installed meter, each looked up by index: planners know too little of sums to join them well.
_POINTS = """
    WITH point AS (
        SELECT p.point_code, q.street, q.city, m.manufacturer || ' ' || m.serial AS meter, i.meter_id,
            coalesce(r.share, 0) AS share, r.gateway_id, r.rssi_median_dbm, coalesce(r.heard_by, 0) AS heard_by
        FROM installation i JOIN metering_point p ON p.id = i.metering_point_id
        JOIN property q ON q.id = p.property_id JOIN meter m ON m.id = i.meter_id
        LEFT JOIN LATERAL (
            SELECT *, count(*) FILTER (WHERE share >= :poor) OVER () AS heard_by
            FROM (
                SELECT d.gateway_id,
                    percentile_disc(0.5) WITHIN GROUP (ORDER BY d.rssi_median_dbm) AS rssi_median_dbm,
                    sum(d.frames)::float8
                        / greatest(sum(d.expected) + max(sent.expected) - sum(d.meter_expected), 1) AS share
                FROM (
                    SELECT *, max(expected) OVER (PARTITION BY day) AS meter_expected FROM coverage_day
                    WHERE meter_id = i.meter_id AND day >= :since AND day <= :until
                ) AS d
                CROSS JOIN (
                    SELECT sum(most) AS expected FROM (
                        SELECT max(expected) AS most FROM coverage_day
                        WHERE meter_id = i.meter_id AND day >= :since AND day <= :until GROUP BY day
                    ) AS by_day
                ) AS sent
                GROUP BY d.gateway_id
            ) AS pair ORDER BY share DESC, gateway_id LIMIT 1
        ) AS r ON true
        WHERE i.valid @> CAST(:now AS timestamptz)
    )
    """
_LISTED = """
    SELECT t.point_code, t.street, t.city, t.meter, t.share, g.name AS gateway, t.rssi_median_dbm, e.last_heard_at
    FROM point t LEFT JOIN gateway g ON g.id = t.gateway_id LEFT JOIN meter_reception e ON e.meter_id = t.meter_id
    WHERE {which} AND (CAST(:after AS text) IS NULL OR t.point_code > :after)
    ORDER BY t.point_code LIMIT :limit
"""
_GAPS = _query(_POINTS, _LISTED.format(which="t.share < :poor"))
_FRAGILE = _query(
    _POINTS,
    _LISTED.format(which="t.heard_by = 1 AND (CAST(:gateway AS text) IS NULL OR g.name = :gateway)"),
)
_DARK = _query(
    _POINTS,
    """
    SELECT city, street_name AS street, count(*) AS points, count(*) FILTER (WHERE share < :poor) AS dark
    FROM (SELECT *, regexp_replace(street, '\\s+\\d.*$', '') AS street_name FROM point) AS named
    GROUP BY city, street_name HAVING count(*) FILTER (WHERE share < :poor) > 0
    ORDER BY dark DESC, city, street_name LIMIT :limit
    """,
)
_COUNTS = _query(
    _POINTS,
    """
    SELECT count(*) AS points, count(*) FILTER (WHERE share >= :good) AS good,
        count(*) FILTER (WHERE share >= :poor AND share < :good) AS fair,
        count(*) FILTER (WHERE share < :poor AND share > 0) AS poor,
        count(*) FILTER (WHERE share = 0) AS silent, count(*) FILTER (WHERE heard_by = 1) AS fragile
    FROM point
    """,
)
_SHARES = _query(
    _PAIRS,
    """
    SELECT g.name AS gateway, least(9, floor(r.share * 10))::integer AS tenth, count(*) AS meters
    FROM ranked r JOIN gateway g ON g.id = r.gateway_id GROUP BY 1, 2 ORDER BY 1, 2
    """,
)
_STRENGTHS = _query(
    _PAIRS,
    """
    SELECT g.name AS gateway, floor(r.rssi_median_dbm / 5.0)::integer * 5 AS dbm, count(*) AS meters
    FROM ranked r JOIN gateway g ON g.id = r.gateway_id WHERE r.rssi_median_dbm IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2
    """,
)


def _span(until: date, days: int) -> dict[str, object]:
    since = until - timedelta(days=days - 1)
    return {"since": since, "until": until, "good": GOOD_SHARE, "poor": POOR_SHARE}


def newest_day(connection: Connection, today: date) -> date:
    """Return the newest day that was measured as a whole; without one, today."""
    statement = text("SELECT max(day) FROM coverage_measured WHERE day < :today")
    found: date | None = connection.execute(statement, {"today": today}).scalar()
    return found or today


def summarise(connection: Connection, until: date, days: int, *, now: datetime) -> Summary:
    """Return what some days tell of the whole town; takes seconds in a large one."""
    return Summary(
        counts=Counts.model_validate(counts(connection, until, days, now=now)._mapping),
        gateways=by_gateway(connection, until, days),
        streets=dark_streets(connection, until, days, now=now),
        shares=shares(connection, until, days),
        strengths=strengths(connection, until, days),
        gaps=gaps(connection, until, days, now=now, after=None, limit=LISTED_IN_SUMMARY),
        fragile=fragile(connection, until, days, now=now, after=None, limit=LISTED_IN_SUMMARY),
    )


def stored_summary(connection: Connection, day: date) -> Summary | None:
    """Return what was kept of a day when it was measured."""
    statement = text("SELECT summary FROM coverage_measured WHERE day = :day")
    found = connection.execute(statement, {"day": day}).scalar()
    return None if found is None else Summary.model_validate(found)


def by_gateway(connection: Connection, until: date, days: int) -> list[GatewayCoverage]:
    """Return for each gateway how well it hears its meters, and how many would be lost without it."""
    rows = connection.execute(_BY_GATEWAY, _span(until, days))
    return [GatewayCoverage.model_validate(row._mapping) for row in rows]


def gaps(
    connection: Connection, until: date, days: int, *, now: datetime, after: str | None, limit: int
) -> list[Gap]:
    """Return installed meters that no gateway hears well, by the code of their metering points."""
    rows = connection.execute(_GAPS, {**_span(until, days), "now": now, "after": after, "limit": limit})
    return [Gap.model_validate(row._mapping) for row in rows]


def fragile(
    connection: Connection,
    until: date,
    days: int,
    *,
    now: datetime,
    after: str | None,
    limit: int,
    gateway: str | None = None,
) -> list[Gap]:
    """Return installed meters that only one gateway hears well enough, all or those of one gateway."""
    values = {**_span(until, days), "now": now, "after": after, "limit": limit, "gateway": gateway}
    return [Gap.model_validate(row._mapping) for row in connection.execute(_FRAGILE, values)]


def dark_streets(connection: Connection, until: date, days: int, *, now: datetime) -> list[Dark]:
    """Return the streets with most meters in the dark."""
    rows = connection.execute(_DARK, {**_span(until, days), "now": now, "limit": SHOWN_STREETS})
    return [Dark.model_validate(row._mapping) for row in rows]


def counts(connection: Connection, until: date, days: int, *, now: datetime) -> AnyRow:
    """Return how many metering points are heard how well."""
    return connection.execute(_COUNTS, {**_span(until, days), "now": now}).one()


def shares(connection: Connection, until: date, days: int) -> dict[str, dict[int, int]]:
    """Return by gateway how many meters it hears with which tenth of their telegrams (0 to 9)."""
    return _nested(connection.execute(_SHARES, _span(until, days)).all())


def strengths(connection: Connection, until: date, days: int) -> dict[str, dict[int, int]]:
    """Return by gateway how many meters it hears how strongly, in steps of 5 dBm."""
    return _nested(connection.execute(_STRENGTHS, _span(until, days)).all())


def _nested(rows: Sequence[AnyRow]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for row in rows:
        gateway, step, meters = tuple(row)
        found.setdefault(gateway, {})[step] = meters
    return found


def of_meter(connection: Connection, meter_id: int, since: date) -> list[Reception]:
    """Return by day which gateways heard a meter how well."""
    statement = text(
        """
        SELECT c.day, g.name AS gateway, c.frames, c.expected, c.rssi_median_dbm, c.rssi_worst_dbm, c.first_at,
            c.last_at
        FROM coverage_day c JOIN gateway g ON g.id = c.gateway_id
        WHERE c.meter_id = :meter_id AND c.day >= :since ORDER BY c.day, g.name
        """
    )
    rows = connection.execute(statement, {"meter_id": meter_id, "since": since})
    return [Reception.model_validate(row._mapping) for row in rows]
