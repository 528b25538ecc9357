"""What other documents say of contracts: days billed already, registers shared at either end, history."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.billing.credits.repository import wholly_credited
from meterhub.billing.runs.usage import Carried
from meterhub.kit.arrays import integers

CLOSING = "invoice"
OPENING = "next_invoice"


@dataclass(frozen=True, slots=True)
class Conflicting:
    """Why other documents stand against billing a contract now; the code is stable."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to where the contract's last document billed a meter on an estimate [ml]; no read says so."""

    volume_ml: int


@dataclass(frozen=True, slots=True)
class History:
    """What a contract was billed lately: how many documents, and the means a day of use [l] and of gross."""

    documents: int = 0
    daily_l: Decimal | None = None
    daily_gross: Decimal | None = None
    last_daily_l: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """All that other documents say, by contract (and meter)."""

    conflicts: Mapping[int, Conflicting]
    carried: Mapping[tuple[int, int], Mapping[date, Carried]]
    marks: Mapping[tuple[int, int], Mark]
    history: Mapping[int, History]


def load_neighbours(connection: Connection, run_id: int, ids: Sequence[int]) -> Neighbours:
    """Load what the documents around say."""
    values = {"run_id": run_id, "ids": integers(ids)}
    carried: dict[tuple[int, int], dict[date, Carried]] = defaultdict(dict)
    marks: dict[tuple[int, int], Mark] = {}
    for row in connection.execute(_CLOSINGS, values):
        key = (row.contract_id, row.meter_id)
        if row.estimated and row.same_contract:
            marks[key] = Mark(row.volume_ml)
        else:
            carried[key][row.day] = Carried(row.volume_ml, CLOSING, _named(row.number, row.other_id))
    for row in connection.execute(_OPENINGS, values):
        carried[row.contract_id, row.meter_id][row.day] = Carried(
            row.volume_ml, OPENING, _named(row.number, row.other_id)
        )
    history = {
        row.contract_id: History(row.documents, row.daily_l, row.daily_gross, row.last_daily_l)
        for row in connection.execute(_HISTORY, values)
    }
    return Neighbours(conflicts(connection, run_id, ids), carried, marks, history)


def conflicts(connection: Connection, run_id: int, ids: Sequence[int]) -> dict[int, Conflicting]:
    """Return the contracts that another document or run stands against, and why."""
    values = {"run_id": run_id, "ids": integers(ids)}
    found = {
        row.contract_id: Conflicting(
            "run_before_open",
            f"run {row.other} has calculated days before these and is not issued: issue or cancel it first",
        )
        for row in connection.execute(_RUN_BEFORE, values)
    }
    found |= {
        row.contract_id: Conflicting(
            "already_calculated", f"run {row.other} has calculated a part of this period: issue or cancel it first"
        )
        for row in connection.execute(_ALREADY_CALCULATED, values)
    }
    return found | {
        row.contract_id: Conflicting("already_billed", f"invoice {row.number} bills a part of this period already")
        for row in connection.execute(_ALREADY_BILLED, values)
    }


def _named(number: str | None, contract_id: int) -> dict[str, object]:
    return {"contract_id": contract_id} if number is None else {"invoice": number}


# Settlements bill the use of days whose a konto was billed before: the two do not stand against each other. A
# document that was credited as a whole is as if it had never been.
_SAME_LANE = "(r.kind = 'settlement') = (o.kind = 'settlement')"
_IN_FORCE = f"i.credits_id IS NULL AND NOT {wholly_credited()}"

_ALREADY_BILLED = text(
    f"""
    SELECT rc.contract_id, i.number
    FROM billing_run_contract rc
    JOIN billing_run r ON r.id = rc.run_id
    CROSS JOIN LATERAL (
        SELECT i.number FROM invoice i JOIN billing_run o ON o.id = i.run_id
        WHERE i.contract_id = rc.contract_id AND i.period && rc.period AND i.run_id <> rc.run_id
          AND i.kind = 'consumption' AND {_SAME_LANE} AND {_IN_FORCE}
        ORDER BY i.id LIMIT 1) i
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    """  # noqa: S608 - the conditions are those above
)

_ALREADY_CALCULATED = text(
    f"""
    SELECT DISTINCT ON (rc.contract_id) rc.contract_id, d.run_id AS other
    FROM billing_run_contract rc
    JOIN billing_run r ON r.id = rc.run_id
    JOIN billing_draft d ON d.contract_id = rc.contract_id AND d.period && rc.period AND d.run_id < rc.run_id
    JOIN billing_run o ON o.id = d.run_id AND {_SAME_LANE}
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, d.id
    """  # noqa: S608 - the conditions are those above
)

_RUN_BEFORE = text(
    """
    SELECT DISTINCT ON (rc.contract_id) rc.contract_id, d.run_id AS other
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN contract e ON e.metering_point_id = c.metering_point_id
    JOIN billing_draft d ON d.contract_id = e.id AND d.run_id <> rc.run_id AND upper(d.period) <= lower(rc.period)
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, d.id
    """
)

# What the last document of the point before this period closed each meter with, whoever paid it; in the same run
# it may be a draft still.
_CLOSINGS = text(
    f"""
    SELECT DISTINCT ON (rc.contract_id, meter_id) rc.contract_id, lower(rc.period) AS day, one.number,
           earlier.id AS other_id, earlier.id = c.id AS same_contract,
           coalesce(CAST(closing ->> 'estimated' AS boolean), false) AS estimated,
           CAST(closing ->> 'meter_id' AS int) AS meter_id, CAST(closing ->> 'volume_ml' AS bigint) AS volume_ml
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN contract earlier ON earlier.metering_point_id = c.metering_point_id
    CROSS JOIN LATERAL (
        SELECT i.number, i.id, i.snapshot FROM invoice i
        WHERE i.contract_id = earlier.id AND upper(i.period) = lower(rc.period) AND i.kind = 'consumption'
          AND {_IN_FORCE}
        UNION ALL
        SELECT NULL, d.id, d.snapshot FROM billing_draft d
        WHERE d.run_id = rc.run_id AND d.contract_id = earlier.id AND upper(d.period) = lower(rc.period)
    ) one
    CROSS JOIN LATERAL jsonb_array_elements(one.snapshot -> 'closings') AS closing
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, meter_id, one.number NULLS LAST, one.id DESC
    """  # noqa: S608 - the condition is that above
)

# What the document of the point after this period, if it was billed first, opened each meter with.
_OPENINGS = text(
    f"""
    SELECT DISTINCT ON (rc.contract_id, meter_id) rc.contract_id, upper(rc.period) AS day, later.number,
           after.id AS other_id, CAST(opening ->> 'meter_id' AS int) AS meter_id,
           CAST(opening ->> 'volume_ml' AS bigint) AS volume_ml
    FROM billing_run_contract rc
    JOIN contract c ON c.id = rc.contract_id
    JOIN contract after ON after.metering_point_id = c.metering_point_id
    CROSS JOIN LATERAL (
        SELECT i.number, i.id, i.snapshot FROM invoice i
        WHERE i.contract_id = after.id AND lower(i.period) = upper(rc.period) AND i.kind = 'consumption'
          AND {_IN_FORCE}
        UNION ALL
        SELECT NULL, d.id, d.snapshot FROM billing_draft d
        WHERE d.run_id = rc.run_id AND d.contract_id = after.id AND lower(d.period) = upper(rc.period)
    ) later
    CROSS JOIN LATERAL jsonb_array_elements(later.snapshot -> 'openings') AS opening
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    ORDER BY rc.contract_id, meter_id, later.number NULLS LAST, later.id DESC
    """  # noqa: S608 - the condition is that above
)

_HISTORY = text(
    f"""
    SELECT rc.contract_id, count(*) AS documents, avg(i.daily_l) AS daily_l,
           sum(i.gross) / sum(upper(i.period) - lower(i.period)) AS daily_gross,
           (array_agg(i.daily_l ORDER BY i.id DESC))[1] AS last_daily_l
    FROM billing_run_contract rc
    CROSS JOIN LATERAL (
        SELECT i.id, i.gross, i.period, i.daily_l FROM invoice i
        WHERE i.contract_id = rc.contract_id AND i.kind = 'consumption' AND i.period IS NOT NULL AND {_IN_FORCE}
        ORDER BY i.id DESC LIMIT 4) i
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    GROUP BY rc.contract_id
    """  # noqa: S608 - the condition is that above
)
