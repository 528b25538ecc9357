"""When the meters of accounts count, and the reads at an exchange."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, text

from meterhub.billing.runs.usage import EXCHANGE_SOURCES, StoredRead
from meterhub.kit.arrays import instants, integers

EVER_FROM = datetime(1900, 1, 1, tzinfo=UTC)
EVER_TO = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Installed:
    """A meter at a point of an account, while it is installed there inside the time billed."""

    account: int
    point_id: int
    deducts: bool
    meter_id: int
    manufacturer: str
    serial: str
    digits: int
    size_mm: int | None
    q3_m3h: Decimal | None
    valid_from: datetime | None
    valid_to: datetime | None


class MeterSpan(NamedTuple):
    """When a meter counts for an account: while it is installed, inside the time billed."""

    account: int
    meter: Installed
    low: datetime
    high: datetime


_EXCHANGE = text(
    """
    SELECT DISTINCT ON (w.account, r.meter_id, r.source)
           w.account, r.meter_id, r.id, r.at, r.volume_ml, r.source, r.raw_frame_id
    FROM unnest(CAST(:accounts AS int[]), CAST(:meters AS int[]),
                CAST(:low AS timestamptz[]), CAST(:high AS timestamptz[]))
         AS w (account, meter_id, low, high)
    JOIN counted_read r ON r.meter_id = w.meter_id AND r.at BETWEEN w.low AND w.high
         AND r.source = ANY(:sources)
    ORDER BY w.account, r.meter_id, r.source, r.id DESC
    """
)


def exchange_reads(
    connection: Connection,
    bounds: Mapping[int, tuple[datetime, datetime]],
    installed: Mapping[int, list[Installed]],
) -> dict[tuple[int, int], list[StoredRead]]:
    """Return removal and installation reads of meters that came or went inside the time billed."""
    moved = [span for span in spans_of(bounds, installed) if (span.low, span.high) != bounds[span.account]]
    result: dict[tuple[int, int], list[StoredRead]] = defaultdict(list)
    if moved:
        values = {
            "accounts": integers(span.account for span in moved),
            "meters": integers(span.meter.meter_id for span in moved),
            "low": instants(span.low for span in moved),
            "high": instants(span.high for span in moved),
            "sources": list(EXCHANGE_SOURCES),
        }
        for row in connection.execute(_EXCHANGE, values):
            result[row.account, row.meter_id].append(StoredRead(*row[2:7]))
    return result


def spans_of(
    bounds: Mapping[int, tuple[datetime, datetime]], installed: Mapping[int, list[Installed]]
) -> Iterator[MeterSpan]:
    """Yield when each meter of each account counts, in order of accounts and time."""
    for account, (start, end) in bounds.items():
        for one in installed.get(account, ()):
            low = max(start, one.valid_from or start)
            high = min(end, one.valid_to or end)
            if low < high:
                yield MeterSpan(account, one, low, high)
