"""What a run loads of meters over a span of time: reads at an exchange, volumes of days for the picture."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.billing.runs.usage import EXCHANGE_SOURCES, StoredRead, local_midnight


@dataclass(frozen=True, slots=True)
class Installed:
    """A meter at the point of an account, while it is installed there inside the period."""

    contract_id: int
    meter_id: int
    manufacturer: str
    serial: str
    digits: int
    valid_from: datetime | None
    valid_to: datetime | None


_EXCHANGE = text(
    """
    SELECT DISTINCT ON (w.contract_id, r.meter_id, r.source)
           w.contract_id, r.meter_id, r.id, r.at, r.volume_ml, r.source, r.raw_frame_id
    FROM unnest(CAST(:contracts AS int[]), CAST(:meters AS int[]),
                CAST(:low AS timestamptz[]), CAST(:high AS timestamptz[]))
         AS w (contract_id, meter_id, low, high)
    JOIN register_read r ON r.meter_id = w.meter_id AND r.at BETWEEN w.low AND w.high
         AND r.source = ANY(:sources)
    ORDER BY w.contract_id, r.meter_id, r.source, r.id DESC
    """
)

# A binary search over the midnights is several times quicker than converting each hour to local time.
_DAILY = text(
    """
    SELECT w.contract_id, width_bucket(h.hour, CAST(:midnights AS timestamptz[])) AS day,
           CAST(sum(h.volume_ml) AS bigint) AS volume_ml
    FROM unnest(CAST(:contracts AS int[]), CAST(:meters AS int[]),
                CAST(:low AS timestamptz[]), CAST(:high AS timestamptz[]))
         AS w (contract_id, meter_id, low, high)
    JOIN hourly_volume h ON h.meter_id = w.meter_id AND h.hour >= w.low AND h.hour < w.high
    GROUP BY 1, 2
    """
)


def exchange_reads(
    connection: Connection,
    bounds: Mapping[int, tuple[datetime, datetime]],
    installed: Mapping[int, list[Installed]],
) -> dict[tuple[int, int], list[StoredRead]]:
    """Return removal and installation reads of meters that came or went inside the period."""
    moved = [span for span in _spans(bounds, installed) if (span.low, span.high) != bounds[span.contract_id]]
    result: dict[tuple[int, int], list[StoredRead]] = defaultdict(list)
    if moved:
        for row in connection.execute(_EXCHANGE, _columns(moved) | {"sources": list(EXCHANGE_SOURCES)}):
            result[row.contract_id, row.meter_id].append(StoredRead(*row[2:7]))
    return result


def daily_volumes(
    connection: Connection,
    bounds: Mapping[int, tuple[datetime, datetime]],
    installed: Mapping[int, list[Installed]],
    zone: ZoneInfo,
) -> dict[int, dict[date, int]]:
    """Return the volume of each local day of each contract [ml]; days without any hour are left out."""
    spans = list(_spans(bounds, installed))
    result: dict[int, dict[date, int]] = defaultdict(dict)
    if spans:
        first = min(span.low for span in spans).astimezone(zone).date()
        last = max(span.high for span in spans).astimezone(zone).date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        midnights = [local_midnight(day, zone) for day in days]
        for contract_id, day, volume_ml in connection.execute(_DAILY, _columns(spans) | {"midnights": midnights}):
            result[contract_id][days[day - 1]] = volume_ml
    return result


class _Span(NamedTuple):
    """When a meter counts for a contract: while it is installed, inside the period."""

    contract_id: int
    meter_id: int
    low: datetime
    high: datetime


def _spans(
    bounds: Mapping[int, tuple[datetime, datetime]], installed: Mapping[int, list[Installed]]
) -> Iterator[_Span]:
    for contract_id, (start, end) in bounds.items():
        for one in installed.get(contract_id, ()):
            low = max(start, one.valid_from or start)
            yield _Span(contract_id, one.meter_id, low, min(end, one.valid_to or end))


def _columns(spans: Sequence[_Span]) -> dict[str, object]:
    contracts, meters, low_at, high_at = map(list, zip(*spans, strict=True))
    return {"contracts": contracts, "meters": meters, "low": low_at, "high": high_at}
