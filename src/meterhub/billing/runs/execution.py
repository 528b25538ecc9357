"""Carries out a billing run: first it calculates drafts, then, when it is approved, it issues and readies them.

Either is done in chunks, each chunk one transaction. Any number of workers may carry out the same run: each takes
contracts that nobody else has taken (SKIP LOCKED). After a crash a run goes on where it stopped: a chunk is either
wholly there or not.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from threading import Event

from sqlalchemy import Connection, Engine, text

from meterhub.billing import repository as prices
from meterhub.billing.runs import drafts, repository
from meterhub.billing.runs.accounts import Bill, Held, Pricing, bill_account, frozen_of
from meterhub.billing.runs.holds import held_by_rules
from meterhub.billing.runs.holds.model import Case
from meterhub.billing.runs.loading import Account, Chunk, load_chunk
from meterhub.billing.runs.neighbours import History
from meterhub.billing.runs.picturing import prepare_documents
from meterhub.billing.runs.snapshot import frozen_hash, frozen_prices
from meterhub.errors import NotFound
from meterhub.kit.arrays import integers
from meterhub.kit.db import AnyRow, make_engine
from meterhub.kit.periods import DateRange
from meterhub.settings import Settings

CHUNK = 500
# One computes while the other waits for the database; of many contracts the other in a process of its own.
WORKERS = 2
MANY = 3_000


@dataclass(frozen=True, slots=True)
class Work:
    """A run under way: its row, and its prices as they are now."""

    run: AnyRow
    pricing: Pricing
    preview: bool = False
    contracts: int = 0


def carry_out(
    engine: Engine, settings: Settings, run_id: int, *, chunk_size: int = CHUNK, workers: int = WORKERS
) -> None:
    """Calculate or issue what a run has left, as its state asks; on a fault it is marked and can be resumed."""
    with engine.connect() as connection:
        run = repository.run_by_id(connection, run_id)
    if run is None:
        raise NotFound(f"there is no billing run {run_id}")
    if run.state in ("queued", "running", "failed"):
        calculate(engine, settings, run_id, chunk_size=chunk_size, workers=workers)
    elif run.state in ("approved", "issuing", "issued"):
        issue_run(engine, settings, run_id, chunk_size=chunk_size, workers=workers)
        prepare_documents(engine, settings, run_id)


def calculate(
    engine: Engine, settings: Settings, run_id: int, *, chunk_size: int = CHUNK, workers: int = WORKERS
) -> None:
    """Calculate the drafts that a run has left; on a fault the run is marked failed and can be resumed."""
    try:
        with engine.begin() as connection:
            work = begin(connection, settings, run_id)
        if work is None:
            return
        others = workers - 1 if work.contracts > MANY else 0
        with _helped(engine, settings, run_id, chunk_size, others), _engine_apart(engine) as apart:
            _share(apart, lambda connection: bill_chunk(connection, work, chunk_size), workers - others)
        with engine.begin() as connection:
            finish(connection, run_id)
    except BaseException:
        with engine.begin() as connection:
            connection.execute(_FAILED, {"id": run_id})
        raise


def issue_run(
    engine: Engine, settings: Settings, run_id: int, *, chunk_size: int = CHUNK, workers: int = WORKERS
) -> None:
    """Issue the drafts that an approved run has left; after a fault it goes on where it stopped."""
    with engine.begin() as connection:
        work = begin_issuing(connection, settings, run_id)
    if work is None:
        return
    with _engine_apart(engine) as apart:
        _share(apart, lambda connection: issue_drafts(connection, work, chunk_size), workers)
    with engine.begin() as connection:
        finish_issuing(connection, run_id)


def _share(engine: Engine, one_chunk: Callable[[Connection], int], workers: int) -> None:
    """Let workers do chunk after chunk until nothing is left or one of them has met a fault."""
    fault = Event()

    def work() -> None:
        try:
            while not fault.is_set():
                with engine.begin() as connection:
                    connection.execute(_BY_INDEX)
                    if not one_chunk(connection):
                        return
        except BaseException:
            fault.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        shares = [pool.submit(work) for _ in range(workers)]
    for share in shares:
        share.result()


@contextmanager
def _engine_apart(engine: Engine) -> Iterator[Engine]:
    """Yield connections that keep no plans: tables grow while a run fills them."""
    apart = make_engine(_url(engine), prepares=False)
    try:
        yield apart
    finally:
        apart.dispose()


def _url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


@contextmanager
def _helped(engine: Engine, settings: Settings, run_id: int, size: int, others: int) -> Iterator[None]:
    """Let other processes calculate too: rating is computing, and a process has one core.

    Starting one takes a second, in which this process is at work already.
    """
    if not others:
        yield
        return
    url = _url(engine)
    with ProcessPoolExecutor(others, mp_context=get_context("spawn")) as pool:
        shares = [pool.submit(_calculate_apart, url, settings, run_id, size) for _ in range(others)]
        yield
    for share in shares:
        share.result()


def _calculate_apart(url: str, settings: Settings, run_id: int, size: int) -> None:
    with _engine_apart(make_engine(url)) as engine:
        with engine.begin() as connection:
            work = begin(connection, settings, run_id)
        if work is not None:
            _share(engine, lambda connection: bill_chunk(connection, work, size), 1)


def begin(connection: Connection, settings: Settings, run_id: int, *, preview: bool = False) -> Work | None:
    """Mark a run as running, fix its contracts when it begins for the first time, and load its prices.

    None if nothing is to be calculated: it was cancelled, or calculated by another worker, meanwhile.
    """
    run = repository.run_by_id(connection, run_id, lock=True)
    if run is None:
        raise NotFound(f"there is no billing run {run_id}")
    if run.state not in ("queued", "running", "failed"):
        return None
    total = run.accounts_total or connection.execute(_FIX_CONTRACTS, {"id": run_id}).scalar_one()
    connection.execute(_RUNNING, {"id": run_id})
    return Work(run, _pricing(connection, settings, run), preview, total)


def bill_chunk(connection: Connection, work: Work, size: int) -> int:
    """Calculate contracts that nobody else has taken, in the caller's transaction; return how many."""
    run_id = work.run.id
    taken = list(connection.execute(_TAKE_TODO, {"run_id": run_id, "size": size}).scalars())
    if not taken:
        return 0
    if not work.preview:
        connection.execute(_LOCK_POINTS, {"ids": integers(taken)})
    drafts.drop(connection, run_id, taken)
    zone, cuts = work.pricing.settings.tz, work.pricing.cuts()
    chunk = load_chunk(connection, run_id, work.run.kind, taken, zone, cuts)
    bills: list[Bill] = []
    held: list[Held] = []
    for account in chunk.accounts:
        result = bill_account(account, chunk, work.pricing)
        if isinstance(result, Held):
            held.append(result)
        elif result:
            bills += result
            held += _judged(account, chunk, work, result)
    faulty = {one.contract_id for one in held if not one.releasable}
    drafts.store(connection, run_id, [bill for bill in bills if bill.contract_id not in faulty])
    drafts.hold(connection, run_id, _one_each(held))
    billed = {bill.contract_id for bill in bills}
    values = {"run_id": run_id, "ids": integers(taken), "billed": integers(billed)}
    connection.execute(_DONE, values)
    connection.execute(_COUNT, {"id": run_id, "done": len(taken)})
    return len(taken)


def finish(connection: Connection, run_id: int) -> None:
    """Mark a run calculated if no contract is left; one that another worker still has is its to finish."""
    repository.run_by_id(connection, run_id, lock=True)
    connection.execute(_CALCULATED, {"id": run_id})


def begin_issuing(
    connection: Connection, settings: Settings, run_id: int, *, preview: bool = False
) -> Work | None:
    """Mark an approved run as being issued; None if it is not to be."""
    run = repository.run_by_id(connection, run_id, lock=True)
    if run is None:
        raise NotFound(f"there is no billing run {run_id}")
    if run.state not in ("approved", "issuing") and not preview:
        return None
    connection.execute(_ISSUING, {"id": run_id})
    return Work(run, _pricing(connection, settings, run), preview)


def issue_drafts(connection: Connection, work: Work, size: int) -> int:
    """Issue drafts of contracts that nobody else has taken, in the caller's transaction; return how many."""
    run_id = work.run.id
    taken = list(connection.execute(_TAKE_READY, {"run_id": run_id, "size": size}).scalars())
    if not taken:
        return 0
    if not work.preview:
        connection.execute(_LOCK_POINTS, {"ids": integers(taken)})
    drafts.issue_chunk(connection, run_id, work.pricing.country, taken, preview=work.preview)
    connection.execute(_COUNT, {"id": run_id, "done": len(taken)})
    return len(taken)


def finish_issuing(connection: Connection, run_id: int) -> None:
    """Mark a run issued if nothing ready is left, and free what its other contracts had reserved."""
    repository.run_by_id(connection, run_id, lock=True)
    if connection.execute(_ISSUED, {"id": run_id}).rowcount:
        connection.execute(_FREE_ADJUSTMENTS, {"id": run_id})
        connection.execute(_DROP_UNISSUED, {"id": run_id})


def _judged(account: Account, chunk: Chunk, work: Work, bills: list[Bill]) -> list[Held]:
    history = chunk.neighbours.history.get(account.contract_id) or History()
    case = Case(bills, history, account.regime, work.run.issued_on, work.pricing.currency)
    found = held_by_rules(case, work.run.parameters)
    return [Held(account.contract_id, code, message, releasable=True) for code, message in found]


def _one_each(held: list[Held]) -> list[Held]:
    """Return each reason of a contract once: parts of its days may be held for the same."""
    return list({(one.contract_id, one.code): one for one in reversed(held)}.values())


def _pricing(connection: Connection, settings: Settings, run: AnyRow) -> Pricing:
    tariff = prices.tariff_by_code(connection, run.tariff)
    assert tariff is not None
    since: date | None = connection.execute(_FIRST_ESTIMATE, {"id": run.id}).scalar_one()
    frozen_list = frozen_prices(
        tariff,
        prices.tariff_versions(connection, tariff.id),
        prices.vat_rates(connection, tariff.country),
        DateRange(min(run.period_start, since or run.period_start), run.period_end),
    )
    frozen = frozen_of(settings, tariff.country, tariff.currency, frozen_list)
    name = frozen_hash(frozen)
    connection.execute(_FREEZE, {"hash": name, "content": json.dumps(frozen, ensure_ascii=False)})
    return Pricing(settings, tariff.currency, tariff.country, frozen_list, frozen, name)


# Checks of foreign keys keep their plans, and a plan made while a table is empty would scan it whole ever after.
_BY_INDEX = text("SET LOCAL enable_seqscan = off")

_FIX_CONTRACTS = text(
    """
    WITH fixed AS (
        INSERT INTO billing_run_contract (run_id, contract_id, period)
        SELECT r.id, c.id, c.valid * r.period
        FROM billing_run r JOIN contract c ON c.valid && r.period
            AND (c.billing_group = r.billing_group OR c.id = ANY(r.contract_ids))
        JOIN billing_group g ON g.code = c.billing_group
        WHERE r.id = :id AND (r.kind <> 'settlement' OR coalesce(c.regime, g.regime) = 'akonto')
        ON CONFLICT DO NOTHING
        RETURNING 1
    )
    UPDATE billing_run SET accounts_total = (SELECT count(*) FROM fixed) WHERE id = :id RETURNING accounts_total
    """
)

_RUNNING = text("UPDATE billing_run SET state = 'running' WHERE id = :id AND state IN ('queued', 'failed')")
_FAILED = text("UPDATE billing_run SET state = 'failed' WHERE id = :id AND state = 'running'")
_CALCULATED = text(
    """
    UPDATE billing_run SET state = 'calculated' WHERE id = :id AND state = 'running'
    AND NOT EXISTS (SELECT 1 FROM billing_run_contract WHERE run_id = :id AND state = 'todo')
    """
)
_ISSUING = text(
    """
    UPDATE billing_run r SET state = 'issuing', accounts_done = r.accounts_total - (
        SELECT count(*) FROM billing_run_contract WHERE run_id = r.id AND state = 'ready')
    WHERE id = :id
    """
)
_ISSUED = text(
    """
    UPDATE billing_run SET state = 'issued', finished_at = now() WHERE id = :id AND state = 'issuing'
    AND NOT EXISTS (SELECT 1 FROM billing_run_contract WHERE run_id = :id AND state = 'ready')
    """
)
_FREE_ADJUSTMENTS = text(
    """
    UPDATE billing_adjustment a SET run_id = NULL FROM billing_run_contract rc
    WHERE a.run_id = :id AND rc.run_id = :id AND rc.contract_id = a.contract_id AND rc.state <> 'issued'
    """
)
_DROP_UNISSUED = text("DELETE FROM billing_draft WHERE run_id = :id")

_TAKE = """
    SELECT contract_id FROM billing_run_contract WHERE run_id = :run_id AND state = '{state}'
    ORDER BY contract_id LIMIT :size FOR UPDATE SKIP LOCKED
"""
_TAKE_TODO = text(_TAKE.format(state="todo"))
_TAKE_READY = text(_TAKE.format(state="ready"))

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
    UPDATE billing_run_contract rc SET state = CASE
        WHEN EXISTS (SELECT 1 FROM billing_hold h WHERE h.run_id = :run_id AND h.contract_id = rc.contract_id
                     AND h.resolved_at IS NULL) THEN 'held'
        WHEN rc.contract_id = ANY(:billed) THEN 'ready' ELSE 'nothing' END
    WHERE rc.run_id = :run_id AND rc.contract_id = ANY(:ids)
    """
)

_COUNT = text("UPDATE billing_run SET accounts_done = accounts_done + :done WHERE id = :id")

_FREEZE = text(
    "INSERT INTO billing_frozen (hash, content) VALUES (:hash, CAST(:content AS jsonb)) ON CONFLICT DO NOTHING"
)

# From where prices may be needed: where the first estimate began that measured use may replace.
_FIRST_ESTIMATE = text(
    """
    SELECT min(lower(l.period))
    FROM billing_run_contract rc
    JOIN invoice i ON i.contract_id = rc.contract_id AND i.kind = 'consumption'
    JOIN invoice_line l ON l.invoice_id = i.id AND l.quality = 'estimated' AND l.refers_to IS NULL
    WHERE rc.run_id = :id
      AND NOT EXISTS (SELECT 1 FROM invoice_line r WHERE r.refers_to = i.number AND r.period = l.period)
    """
)
