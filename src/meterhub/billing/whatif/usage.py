"""What every account used in a past year, from its reads: one query, streamed, whatever their number.

The register is taken from the last read before the year begins (or the first in it) and the last in the year;
what lies between counts by the day, so a point read once a year and one read every hour are treated alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.billing.rating.model import Site
from meterhub.billing.runs.usage import local_midnight
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange

CHUNK = 5_000
# Reads of less time than this say nothing about a year.
SHORTEST_DAYS = 30


@dataclass(frozen=True, slots=True)
class YearOfUse:
    """A contract in a year; `volume_ml` is None where nothing tells what it used."""

    contract_no: str
    kind: str
    services: tuple[str, ...]
    period: DateRange
    site: Site
    volume_ml: int | None
    estimated: bool


def count_contracts(connection: Connection, year: int) -> int:
    """Return how many contracts there were in a year."""
    query = text("SELECT count(*) FROM contract WHERE valid && daterange(:start, :end)")
    days = {"start": date(year, 1, 1), "end": date(year + 1, 1, 1)}
    return int(connection.execute(query, days).scalar_one())


def use_of_year(connection: Connection, year: int, zone: ZoneInfo) -> Iterator[YearOfUse]:
    """Yield each contract of a year with what it used; reads are fetched in chunks, never all at once."""
    start, end = date(year, 1, 1), date(year + 1, 1, 1)
    values = {
        "start": start,
        "end": end,
        "start_at": local_midnight(start, zone),
        "end_at": local_midnight(end, zone),
        "shortest": SHORTEST_DAYS,
    }
    streaming = connection.execution_options(yield_per=CHUNK)
    for row in streaming.execute(_USE, values):
        yield _year_of_use(row)


def _year_of_use(row: AnyRow) -> YearOfUse:
    period = DateRange(row.period_start, row.period_end)
    volume_ml, estimated = None, False
    if row.used_seconds:
        volume_ml = round(row.used_ml * period.days * 86_400 / row.used_seconds)
    elif row.annual_m3 is not None:
        volume_ml = round(row.annual_m3 * 1_000_000 * period.days / 365)
        estimated = True
    return YearOfUse(
        contract_no=row.contract_no,
        kind=row.kind,
        services=tuple(row.services),
        period=period,
        site=Site(
            meter_size_mm=row.meter_size_mm,
            floor_area_m2=_decimal(row.floor_area_m2),
            plot_area_m2=_decimal(row.plot_area_m2),
            dwellings=row.dwellings,
            building_type=row.building_type,
            marks=frozenset(row.marks or ()),
        ),
        volume_ml=volume_ml,
        estimated=estimated,
    )


def _decimal(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)


# A register that turned over counts on; one that went back for another reason counts nothing.
_USE = text(
    """
    WITH used AS (
        SELECT i.metering_point_id,
               sum(CASE WHEN b.volume_ml >= a.volume_ml THEN b.volume_ml - a.volume_ml
                        WHEN a.volume_ml * 10 > 9 * m.modulus THEN b.volume_ml - a.volume_ml + m.modulus
                        ELSE 0 END) AS used_ml,
               sum(extract(epoch FROM b.at - a.at)) AS used_seconds,
               max(m.size_mm) AS meter_size_mm
        FROM installation i
        JOIN (SELECT id, size_mm, power(10::numeric, digits) * 1000000 AS modulus FROM meter) m
             ON m.id = i.meter_id
        CROSS JOIN LATERAL (
            SELECT greatest(lower(i.valid), CAST(:start_at AS timestamptz)) AS low,
                   least(upper(i.valid), CAST(:end_at AS timestamptz)) AS high) span
        LEFT JOIN LATERAL (
            SELECT at, volume_ml FROM (
                (SELECT r.at, r.volume_ml, r.id, 1 AS rank FROM counted_read r
                 WHERE r.meter_id = i.meter_id AND r.at <= CAST(:start_at AS timestamptz)
                   AND r.at >= lower(i.valid) AND r.at > CAST(:start_at AS timestamptz) - interval '400 days'
                 ORDER BY r.at DESC, r.id DESC LIMIT 1)
                UNION ALL
                (SELECT r.at, r.volume_ml, r.id, 2 FROM counted_read r
                 WHERE r.meter_id = i.meter_id AND r.at > CAST(:start_at AS timestamptz)
                   AND r.at <= CAST(:end_at AS timestamptz) AND r.at >= span.low
                 ORDER BY r.at, r.id DESC LIMIT 1)
            ) nearest ORDER BY rank LIMIT 1) a ON true
        LEFT JOIN LATERAL (
            SELECT r.at, r.volume_ml FROM counted_read r
            WHERE r.meter_id = i.meter_id AND r.at > CAST(:start_at AS timestamptz)
              AND r.at <= CAST(:end_at AS timestamptz) AND r.at <= span.high
            ORDER BY r.at DESC, r.id DESC LIMIT 1) b ON true
        WHERE i.valid && tstzrange(:start_at, :end_at)
        GROUP BY i.metering_point_id
    )
    SELECT c.contract_no, u.kind, p.services,
           lower(c.valid * daterange(:start, :end)) AS period_start,
           upper(c.valid * daterange(:start, :end)) AS period_end,
           CASE WHEN used.used_seconds >= :shortest * 86400 THEN used.used_ml END AS used_ml,
           CASE WHEN used.used_seconds >= :shortest * 86400 THEN used.used_seconds END AS used_seconds,
           used.meter_size_mm, s.floor_area_m2, s.plot_area_m2, s.dwellings, s.building_type, s.marks,
           coalesce(v.annual_m3, v.basis * v.factor) AS annual_m3
    FROM contract c
    JOIN customer u ON u.id = c.customer_id
    JOIN metering_point p ON p.id = c.metering_point_id
    LEFT JOIN used ON used.metering_point_id = p.id
    LEFT JOIN LATERAL (
        SELECT floor_area_m2, plot_area_m2, dwellings, building_type, marks FROM property_site
        WHERE property_id = p.property_id AND valid_from < :end
        ORDER BY valid_from DESC, id DESC LIMIT 1) s ON true
    LEFT JOIN LATERAL (
        SELECT annual_m3, basis, factor FROM annual_volume
        WHERE contract_id = c.id AND valid_from < :end ORDER BY valid_from DESC, id DESC LIMIT 1) v ON true
    WHERE c.valid && daterange(:start, :end)
    """
)
