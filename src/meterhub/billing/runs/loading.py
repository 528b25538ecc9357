"""What a run needs of a chunk of contracts, each kind of fact in one query for all of them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import count, pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from meterhub.billing.runs.contracts import Contract, Payer, load_contracts
from meterhub.billing.runs.neighbours import Neighbours, load_neighbours
from meterhub.billing.runs.spans import EVER_FROM, EVER_TO, Installed, exchange_reads
from meterhub.billing.runs.usage import Boundary, StoredRead, local_midnight
from meterhub.kit.arrays import instants, integers
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange, cut_days

SETTLEMENT = "settlement"
METERED = ("amr", "estimate")


@dataclass(frozen=True, slots=True)
class Account:
    """A contract to be billed for days with the same payers.

    `billed` reaches back to the first estimate that measured use replaces, `earlier` are those estimates.
    """

    key: int
    contract: Contract
    regime: str
    period: DateRange
    billed: DateRange
    payers: Sequence[Payer]
    earlier: Sequence[AnyRow]
    takes_extras: bool

    @property
    def contract_id(self) -> int:
        """The contract's id."""
        return int(self.contract.row.contract_id)

    @property
    def is_metered(self) -> bool:
        """Whether registers decide what is billed."""
        return self.regime in (*METERED, SETTLEMENT)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Everything stored that the invoices of some contracts depend on, apart from prices; meters by account."""

    accounts: Sequence[Account]
    neighbours: Neighbours
    deduct_points: Mapping[int, str]
    installed: Mapping[int, list[Installed]]
    boundaries: Mapping[tuple[int, int], list[Boundary]]
    exchange: Mapping[tuple[int, int], list[StoredRead]]


def load_chunk(
    connection: Connection,
    run_id: int,
    kind: str,
    contract_ids: Sequence[int],
    zone: ZoneInfo,
    price_cuts: Sequence[date],
) -> Chunk:
    """Load a chunk; `price_cuts` are the days on which a price or VAT rate changes."""
    contracts = load_contracts(connection, run_id, contract_ids, zone.key)
    numbers = count()
    accounts = [account for contract in contracts for account in _accounts(contract, kind, numbers)]
    metered = [account for account in accounts if account.is_metered]
    bounds = {account.key: instants_of(account.billed, zone) for account in metered}
    deducts = _deduct_points(connection, [account.contract.row.point_id for account in metered])
    installed = _installed(connection, metered, bounds, deducts)
    return Chunk(
        accounts=accounts,
        neighbours=load_neighbours(connection, run_id, contract_ids),
        deduct_points={point_id: code for rows in deducts.values() for point_id, code in rows},
        installed=installed,
        boundaries=_boundaries(connection, metered, installed, zone, price_cuts),
        exchange=exchange_reads(connection, bounds, installed),
    )


def _accounts(contract: Contract, kind: str, numbers: Iterator[int]) -> Iterable[Account]:
    """Cut a contract's days where its payers change; the first part takes what is given back and added."""
    row = contract.row
    regime = SETTLEMENT if kind == SETTLEMENT else row.regime
    period = DateRange(row.period_start, row.period_end)
    trues_up = (regime in METERED and contract.read_since) or regime == SETTLEMENT
    days = [day for payer in contract.payers for day in (payer.from_on, payer.until_on)]
    bounds = cut_days(period, days)
    for position, (start, end) in enumerate(pairwise(bounds)):
        first = position == 0
        earlier = contract.open_estimates if trues_up and first else ()
        since = min([start, *(one.starts for one in earlier)])
        payers = [
            payer
            for payer in contract.payers
            if (payer.from_on is None or payer.from_on <= start)
            and (payer.until_on is None or payer.until_on > start)
        ]
        yield Account(
            key=next(numbers),
            contract=contract,
            regime=regime,
            period=DateRange(start, end),
            billed=DateRange(since, end),
            payers=payers,
            earlier=earlier,
            takes_extras=first,
        )


def instants_of(days: DateRange, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the instants at which days begin and end."""
    return local_midnight(days.start, zone), local_midnight(days.end, zone)


_DEDUCT_POINTS = text(
    """
    SELECT deducts_from_id, id, point_code FROM metering_point
    WHERE deducts_from_id = ANY(:ids) ORDER BY point_code
    """
)

_INSTALLED = text(
    """
    SELECT w.account, w.point_id, w.deducts, i.meter_id, m.manufacturer, m.serial, m.digits, m.size_mm, m.q3_m3h,
           lower(i.valid) AS valid_from, upper(i.valid) AS valid_to
    FROM unnest(CAST(:accounts AS int[]), CAST(:points AS int[]), CAST(:deducts AS boolean[]),
                CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))
         AS w (account, point_id, deducts, start_at, end_at)
    JOIN installation i ON i.metering_point_id = w.point_id AND i.valid && tstzrange(w.start_at, w.end_at)
    JOIN meter m ON m.id = i.meter_id
    ORDER BY w.account, w.deducts, w.point_id, i.valid
    """
)

# Of several reads at one instant the last stored counts: a correction is a new row. Estimates are no reads. The
# bounds are asked of what is found: with both in the search it would look short, and all reads would be sorted.
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
        SELECT r.id, r.at, r.volume_ml, r.source, r.raw_frame_id FROM counted_read r
        WHERE r.meter_id = w.meter_id AND r.at <= w.at
        ORDER BY r.at DESC, r.id DESC LIMIT 1) b ON b.at >= w.low
    LEFT JOIN LATERAL (
        SELECT r.id, r.at, r.volume_ml, r.source, r.raw_frame_id FROM counted_read r
        WHERE r.meter_id = w.meter_id AND r.at >= w.at
        ORDER BY r.at, r.id DESC LIMIT 1) a ON a.at <= w.high
    ORDER BY w.n
    """
)


def _deduct_points(connection: Connection, point_ids: Sequence[int]) -> dict[int, list[tuple[int, str]]]:
    """Return by point the deduct points that are taken off its wastewater."""
    result: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for row in connection.execute(_DEDUCT_POINTS, {"ids": integers(point_ids)}):
        result[row.deducts_from_id].append((row.id, row.point_code))
    return result


def _installed(
    connection: Connection,
    accounts: Sequence[Account],
    bounds: Mapping[int, tuple[datetime, datetime]],
    deducts: Mapping[int, list[tuple[int, str]]],
) -> dict[int, list[Installed]]:
    wanted: list[tuple[int, int, bool]] = []
    for account in accounts:
        point_id = account.contract.row.point_id
        wanted.append((account.key, point_id, False))
        wanted += [(account.key, deduct_id, True) for deduct_id, _ in deducts.get(point_id, ())]
    return installed_at(connection, wanted, bounds)


def installed_at(
    connection: Connection,
    wanted: Sequence[tuple[int, int, bool]],
    bounds: Mapping[int, tuple[datetime, datetime]],
) -> dict[int, list[Installed]]:
    """Return the meters at points (key, point, whether it deducts) inside the bounds of each key."""
    rows = connection.execute(
        _INSTALLED,
        {
            "accounts": integers(key for key, _, _ in wanted),
            "points": integers(point_id for _, point_id, _ in wanted),
            "deducts": [deduct for _, _, deduct in wanted],
            "starts": instants(bounds[key][0] for key, _, _ in wanted),
            "ends": instants(bounds[key][1] for key, _, _ in wanted),
        },
    ).all()
    result: dict[int, list[Installed]] = defaultdict(list)
    for row in rows:
        result[row.account].append(Installed(*row))
    return result


def _boundaries(
    connection: Connection,
    accounts: Sequence[Account],
    installed: Mapping[int, list[Installed]],
    zone: ZoneInfo,
    price_cuts: Sequence[date],
) -> dict[tuple[int, int], list[Boundary]]:
    wanted: list[tuple[int, Installed, date, datetime]] = []
    midnights: dict[date, datetime] = {}
    for account in accounts:
        cuts = [*price_cuts, account.period.start]
        cuts += [day for one in account.earlier for day in (one.starts, one.ends)]
        for day in cut_days(account.billed, cuts):
            if day not in midnights:
                midnights[day] = local_midnight(day, zone)
            at = midnights[day]
            wanted += [
                (account.key, one, day, at)
                for one in installed.get(account.key, ())
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
    ).all()
    result: dict[tuple[int, int], list[Boundary]] = defaultdict(list)
    for (key, one, day, at), row in zip(wanted, rows, strict=True):
        before = StoredRead(*row[1:6]) if row.b_id is not None else None
        after = StoredRead(*row[6:11]) if row.a_id is not None else None
        result[key, one.meter_id].append(Boundary(day, at, before, after))
    return result


def q4_m3h(q3_m3h: Decimal | None) -> Decimal | None:
    """Return the overload flow of a meter, 1.25 times Q3 (ISO 4064-1)."""
    return None if q3_m3h is None else q3_m3h * Decimal("1.25")
