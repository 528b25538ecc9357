"""What a run needs of a chunk of contracts, each kind of fact in one query for all of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.billing.runs.pictures import pictures
from meterhub.billing.runs.spans import EVER_FROM, EVER_TO, Installed, exchange_reads
from meterhub.billing.runs.usage import Boundary, Carried, StoredRead, local_midnight
from meterhub.kit.arrays import instants, integers
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange, cut_days
from meterhub.kit.values import Json


@dataclass(frozen=True, slots=True)
class Account:
    """A contract to be billed for a period, with its customer, property and point as they are now."""

    contract_id: int
    period: DateRange
    row: AnyRow

    @property
    def point_id(self) -> int:
        """The metering point's id."""
        return int(self.row.point_id)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Everything stored that the invoices of some contracts depend on, apart from prices."""

    accounts: list[Account]
    already_billed: Mapping[int, str]
    installed: Mapping[int, list[Installed]]
    boundaries: Mapping[tuple[int, int], list[Boundary]]
    exchange: Mapping[tuple[int, int], list[StoredRead]]
    carried: Mapping[tuple[int, int], Mapping[date, Carried]]
    pictures: Mapping[int, Json]


def load_chunk(
    connection: Connection,
    run_id: int,
    contract_ids: Sequence[int],
    zone: ZoneInfo,
    price_cuts: Sequence[date],
) -> Chunk:
    """Load a chunk; `price_cuts` are the days on which a price or VAT rate changes."""
    ids = {"run_id": run_id, "ids": list(contract_ids)}
    accounts = [
        Account(row.contract_id, DateRange(row.period_start, row.period_end), row)
        for row in connection.execute(_ACCOUNTS, ids)
    ]
    bounds = {
        account.contract_id: (
            local_midnight(account.period.start, zone),
            local_midnight(account.period.end, zone),
        )
        for account in accounts
    }
    installed = _installed(connection, accounts, bounds)
    return Chunk(
        accounts=accounts,
        already_billed={row.contract_id: row.number for row in connection.execute(_ALREADY_BILLED, ids)},
        installed=installed,
        boundaries=_boundaries(connection, accounts, installed, zone, price_cuts),
        exchange=exchange_reads(connection, bounds, installed),
        carried=_carried(connection, ids),
        pictures=pictures(
            connection, {account.contract_id: account.period for account in accounts}, bounds, installed, zone
        ),
    )


_ACCOUNTS = text(
    """
    SELECT rc.contract_id, lower(rc.period) AS period_start, upper(rc.period) AS period_end,
           c.contract_no, u.id AS customer_id, u.customer_no, u.kind, u.name, u.street, u.postal_code, u.city,
           u.language, m.id AS point_id, m.point_code, m.services, p.property_code,
           p.street AS property_street, p.postal_code AS property_postal_code, p.city AS property_city
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN customer u ON u.id = c.customer_id
    JOIN metering_point m ON m.id = c.metering_point_id
    JOIN property p ON p.id = m.property_id
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id
    """
)

_ALREADY_BILLED = text(
    """
    SELECT DISTINCT ON (rc.contract_id) rc.contract_id, i.number
    FROM billing_run_contract rc
    JOIN invoice i ON i.contract_id = rc.contract_id AND i.period && rc.period AND i.run_id <> rc.run_id
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, i.id
    """
)

_INSTALLED = text(
    """
    SELECT w.contract_id, i.meter_id, m.manufacturer, m.serial, m.digits,
           lower(i.valid) AS valid_from, upper(i.valid) AS valid_to
    FROM unnest(CAST(:contracts AS int[]), CAST(:points AS int[]),
                CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
         AS w (contract_id, point_id, start_at, end_at)
    JOIN installation i ON i.metering_point_id = w.point_id AND i.valid && tstzrange(w.start_at, w.end_at)
    JOIN meter m ON m.id = i.meter_id
    ORDER BY w.contract_id, i.valid
    """
)

# Of several reads at one instant the last stored counts: a correction is a new row.
_AROUND = text(
    """
    SELECT w.n, b.id AS b_id, b.at AS b_at, b.volume_ml AS b_volume_ml, b.source AS b_source,
           b.raw_frame_id AS b_raw_frame_id,
           a.id AS a_id, a.at AS a_at, a.volume_ml AS a_volume_ml, a.source AS a_source,
           a.raw_frame_id AS a_raw_frame_id
    FROM unnest(CAST(:numbers AS int[]), CAST(:meters AS int[]), CAST(:at AS timestamptz[]),
                CAST(:low AS timestamptz[]), CAST(:high AS timestamptz[]))
         AS w (n, meter_id, at, low, high)
    LEFT JOIN LATERAL (
        SELECT r.id, r.at, r.volume_ml, r.source, r.raw_frame_id FROM register_read r
        WHERE r.meter_id = w.meter_id AND r.at <= w.at AND r.at >= w.low
        ORDER BY r.at DESC, r.id DESC LIMIT 1) b ON true
    LEFT JOIN LATERAL (
        SELECT r.id, r.at, r.volume_ml, r.source, r.raw_frame_id FROM register_read r
        WHERE r.meter_id = w.meter_id AND r.at >= w.at AND r.at <= w.high
        ORDER BY r.at, r.id DESC LIMIT 1) a ON true
    ORDER BY w.n
    """
)

# What the last document of the point before this period closed each meter with, whoever paid it.
_CLOSINGS = text(
    """
    SELECT DISTINCT ON (rc.contract_id, meter_id) rc.contract_id, lower(rc.period) AS day, i.number,
           CAST(closing ->> 'meter_id' AS int) AS meter_id, CAST(closing ->> 'volume_ml' AS bigint) AS volume_ml
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN contract earlier ON earlier.metering_point_id = c.metering_point_id
    JOIN invoice i ON i.contract_id = earlier.id AND upper(i.period) = lower(rc.period)
    CROSS JOIN LATERAL jsonb_array_elements(i.snapshot -> 'closings') AS closing
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, meter_id, i.id DESC
    """
)


# What the document of the point after this period, if it was billed first, opened each meter with.
_OPENINGS = text(
    """
    SELECT DISTINCT ON (rc.contract_id, meter_id) rc.contract_id, upper(rc.period) AS day, i.number,
           CAST(one ->> 'meter_id' AS int) AS meter_id, CAST(read ->> 'volume_ml' AS bigint) AS volume_ml
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN contract later ON later.metering_point_id = c.metering_point_id
    JOIN invoice i ON i.contract_id = later.id AND lower(i.period) = upper(rc.period)
    CROSS JOIN LATERAL jsonb_array_elements(i.snapshot -> 'installations') AS one
    CROSS JOIN LATERAL jsonb_array_elements(one -> 'reads') AS read
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
      AND CAST(read ->> 'on' AS date) = lower(i.period)
    ORDER BY rc.contract_id, meter_id, i.id DESC
    """
)


def _carried(connection: Connection, ids: Mapping[str, object]) -> dict[tuple[int, int], dict[date, Carried]]:
    """Return by contract and meter the registers that are fixed by documents of the days around."""
    result: dict[tuple[int, int], dict[date, Carried]] = defaultdict(dict)
    for query in (_CLOSINGS, _OPENINGS):
        for row in connection.execute(query, ids):
            result[row.contract_id, row.meter_id][row.day] = Carried(row.number, row.volume_ml)
    return result


def _installed(
    connection: Connection, accounts: list[Account], bounds: Mapping[int, tuple[datetime, datetime]]
) -> dict[int, list[Installed]]:
    rows = connection.execute(
        _INSTALLED,
        {
            "contracts": integers(account.contract_id for account in accounts),
            "points": integers(account.point_id for account in accounts),
            "starts": instants(bounds[account.contract_id][0] for account in accounts),
            "ends": instants(bounds[account.contract_id][1] for account in accounts),
        },
    )
    result: dict[int, list[Installed]] = defaultdict(list)
    for row in rows:
        result[row.contract_id].append(Installed(*row))
    return result


def _boundaries(
    connection: Connection,
    accounts: list[Account],
    installed: Mapping[int, list[Installed]],
    zone: ZoneInfo,
    price_cuts: Sequence[date],
) -> dict[tuple[int, int], list[Boundary]]:
    wanted: list[tuple[int, Installed, date, datetime]] = []
    midnights: dict[date, datetime] = {}
    for account in accounts:
        for day in cut_days(account.period, price_cuts):
            if day not in midnights:
                midnights[day] = local_midnight(day, zone)
            at = midnights[day]
            wanted += [
                (account.contract_id, one, day, at)
                for one in installed.get(account.contract_id, ())
                if (one.valid_from is None or one.valid_from <= at)
                and (one.valid_to is None or at <= one.valid_to)
            ]
    rows = connection.execute(
        _AROUND,
        {
            "numbers": integers(range(len(wanted))),
            "meters": integers(one.meter_id for _, one, _, _ in wanted),
            "at": instants(at for _, _, _, at in wanted),
            "low": instants(one.valid_from or EVER_FROM for _, one, _, _ in wanted),
            "high": instants(one.valid_to or EVER_TO for _, one, _, _ in wanted),
        },
    )
    result: dict[tuple[int, int], list[Boundary]] = defaultdict(list)
    for (contract_id, one, day, at), row in zip(wanted, rows, strict=True):
        before = StoredRead(*row[1:6]) if row.b_id is not None else None
        after = StoredRead(*row[6:11]) if row.a_id is not None else None
        result[contract_id, one.meter_id].append(Boundary(day, at, before, after))
    return result
