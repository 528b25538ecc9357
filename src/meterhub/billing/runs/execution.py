"""Carries out a billing run: contracts in chunks, each chunk one transaction.

Any number of workers may carry out the same run: each takes contracts in state `todo` that nobody else has
taken (SKIP LOCKED). After a crash a run goes on where it stopped: a chunk is either wholly there or not.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from threading import Event

from sqlalchemy import Connection, Engine, text

from meterhub.billing import repository
from meterhub.billing.issuing import Draft, Kind, issue
from meterhub.billing.runs.accounts import Bill, Held, Pricing, bill_account
from meterhub.billing.runs.loading import load_chunk
from meterhub.billing.runs.snapshot import frozen_prices
from meterhub.errors import NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange
from meterhub.settings import Settings

CHUNK = 200
# One computes while the other waits for the database.
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Head:
    """What all documents of a run share."""

    run_id: int
    issued_on: date
    due_on: date
    country: str
    currency: str
    preview: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """A run under way: its head, and its prices as they are now."""

    head: Head
    pricing: Pricing


def carry_out(
    engine: Engine, settings: Settings, run_id: int, *, chunk_size: int = CHUNK, workers: int = WORKERS
) -> None:
    """Bill what a run has left to bill; on a fault the run is marked failed and can be resumed."""
    try:
        with engine.begin() as connection:
            work = begin(connection, settings, run_id)
        fault = Event()
        with ThreadPoolExecutor(workers) as pool:
            shares = [pool.submit(_bill_chunks, engine, work, chunk_size, fault) for _ in range(workers)]
        for share in shares:
            share.result()
        with engine.begin() as connection:
            finish(connection, run_id)
    except BaseException:
        with engine.begin() as connection:
            connection.execute(_FAILED, {"id": run_id})
        raise


def _bill_chunks(engine: Engine, work: Work, size: int, fault: Event) -> None:
    """Bill chunk after chunk until nothing is left or another worker has met a fault."""
    try:
        while not fault.is_set():
            with engine.begin() as connection:
                if not bill_chunk(connection, work, size):
                    return
    except BaseException:
        fault.set()
        raise


def begin(connection: Connection, settings: Settings, run_id: int, *, preview: bool = False) -> Work:
    """Mark a run as running, fix its contracts when it begins for the first time, and load its prices."""
    run = repository.run_by_id(connection, run_id, lock=True)
    if run is None:
        raise NotFound(f"there is no billing run {run_id}")
    if run.state != "finished":
        if run.accounts_total == 0:
            connection.execute(_FIX_CONTRACTS, {"id": run_id})
        connection.execute(_RUNNING, {"id": run_id})
    head = Head(run_id, run.issued_on, run.due_on, run.country, run.currency, preview)
    return Work(head, _pricing(connection, settings, run))


def bill_chunk(connection: Connection, work: Work, size: int) -> int:
    """Bill contracts that nobody else has taken, in the caller's transaction; return how many."""
    run_id = work.head.run_id
    taken = list(connection.execute(_TAKE, {"run_id": run_id, "size": size}).scalars())
    if not taken:
        return 0
    if not work.head.preview:
        connection.execute(_LOCK_POINTS, {"ids": taken})
    chunk = load_chunk(connection, run_id, taken, work.pricing.settings.tz, work.pricing.cuts())
    results = {account.contract_id: bill_account(account, chunk, work.pricing) for account in chunk.accounts}
    bills = [result for result in results.values() if isinstance(result, Bill)]
    held = [result for result in results.values() if isinstance(result, Held)]
    issue(connection, [_draft(work.head, bill) for bill in bills], preview=work.head.preview)
    _hold(connection, run_id, held)
    states = {one.contract_id: "issued" for one in bills} | {one.contract_id: "held" for one in held}
    connection.execute(
        _DONE,
        {"run_id": run_id, "ids": taken, "states": [states.get(one, "nothing") for one in taken]},
    )
    connection.execute(_COUNT, {"id": run_id, "done": len(taken)})
    return len(taken)


def finish(connection: Connection, run_id: int) -> None:
    """Mark a run finished if no contract is left; one that another worker still has is its to finish."""
    repository.run_by_id(connection, run_id, lock=True)
    connection.execute(_FINISHED, {"id": run_id})


def _draft(head: Head, bill: Bill) -> Draft:
    return Draft(
        kind=Kind.CONSUMPTION,
        customer_id=bill.customer_id,
        document=bill.document,
        snapshot=bill.snapshot,
        issued_on=head.issued_on,
        due_on=head.due_on,
        currency=head.currency,
        country=head.country,
        contract_id=bill.contract_id,
        run_id=head.run_id,
        period=bill.period,
    )


def _pricing(connection: Connection, settings: Settings, run: AnyRow) -> Pricing:
    tariff = repository.tariff_by_code(connection, run.tariff)
    assert tariff is not None
    prices = frozen_prices(
        tariff,
        repository.tariff_versions(connection, tariff.id),
        repository.vat_rates(connection, tariff.country),
        DateRange(run.period_start, run.period_end),
    )
    return Pricing(settings, tariff.currency, tariff.country, prices)


def _hold(connection: Connection, run_id: int, held: list[Held]) -> None:
    if held:
        connection.execute(
            _HOLD,
            {
                "run_id": run_id,
                "contracts": [one.contract_id for one in held],
                "codes": [one.code for one in held],
                "messages": [one.message for one in held],
            },
        )


_FIX_CONTRACTS = text(
    """
    WITH fixed AS (
        INSERT INTO billing_run_contract (run_id, contract_id, period)
        SELECT r.id, c.id, c.valid * r.period
        FROM billing_run r JOIN contract c ON c.billing_group = r.billing_group AND c.valid && r.period
        WHERE r.id = :id
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    UPDATE billing_run SET accounts_total = (SELECT count(*) FROM fixed) WHERE id = :id
    """
)

_RUNNING = text("UPDATE billing_run SET state = 'running' WHERE id = :id")
_FAILED = text("UPDATE billing_run SET state = 'failed' WHERE id = :id AND state = 'running'")
_FINISHED = text(
    """
    UPDATE billing_run SET state = 'finished', finished_at = now() WHERE id = :id AND state <> 'finished'
    AND NOT EXISTS (SELECT 1 FROM billing_run_contract WHERE run_id = :id AND state = 'todo')
    """
)

_TAKE = text(
    """
    SELECT contract_id FROM billing_run_contract WHERE run_id = :run_id AND state = 'todo'
    ORDER BY contract_id LIMIT :size FOR UPDATE SKIP LOCKED
    """
)

# Documents of one point depend on each other: whoever comes later sees what the first billed, also where another
# run has the contract (its billing group changed) and where one contract follows another.
_LOCK_POINTS = text(
    """
    SELECT m.id FROM metering_point m JOIN contract c ON c.metering_point_id = m.id
    WHERE c.id = ANY(:ids) ORDER BY m.id FOR NO KEY UPDATE OF m
    """
)

_DONE = text(
    """
    UPDATE billing_run_contract rc SET state = new.state
    FROM unnest(CAST(:ids AS int[]), CAST(:states AS text[])) AS new (contract_id, state)
    WHERE rc.run_id = :run_id AND rc.contract_id = new.contract_id
    """
)

_COUNT = text("UPDATE billing_run SET accounts_done = accounts_done + :done WHERE id = :id")

_HOLD = text(
    """
    INSERT INTO billing_hold (run_id, contract_id, code, message)
    SELECT :run_id, contract_id, code, message
    FROM unnest(CAST(:contracts AS int[]), CAST(:codes AS text[]), CAST(:messages AS text[]))
         AS new (contract_id, code, message)
    ON CONFLICT (run_id, contract_id) DO UPDATE
    SET code = excluded.code, message = excluded.message, held_at = now(), resolved_at = NULL
    """
)
