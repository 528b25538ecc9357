"""What clerks do with billing: start, preview and resume runs, look at runs and issued documents."""

from datetime import date, timedelta

from sqlalchemy import Connection, Engine

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing import repository
from meterhub.billing.jobs import RUN
from meterhub.billing.rating.model import Country
from meterhub.billing.receivables.due_dates import FI_CONSUMER_MIN_DAYS, bank_day_from
from meterhub.billing.runs import execution
from meterhub.billing.schemas import (
    ComponentSum,
    Hold,
    Preview,
    RunDetail,
    RunOut,
    RunRequest,
    RunTotals,
    VatSum,
)
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit import queue
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange
from meterhub.settings import Settings

TERM_DAYS = 14


def start_run(connection: Connection, principal: Principal, request: RunRequest) -> int:
    """Store a run and queue its job; Conflict names the run that has bills of these days already."""
    run_id = add_run(connection, principal, request)
    queue.defer(connection, RUN, {"run_id": run_id}, once=f"{RUN}:{run_id}")
    record(connection, principal, action="start-billing-run", purpose="billing", subject=f"run:{run_id}")
    return run_id


def resume_run(connection: Connection, principal: Principal, run_id: int) -> None:
    """Queue a run again: what is left of it, and every contract that was held back."""
    find_run(connection, run_id, lock=True)
    repository.release_holds(connection, run_id)
    queue.defer(connection, RUN, {"run_id": run_id}, once=f"{RUN}:{run_id}")
    record(connection, principal, action="resume-billing-run", purpose="billing", subject=f"run:{run_id}")


def preview(engine: Engine, settings: Settings, principal: Principal, request: RunRequest) -> Preview:
    """Compute what a run would come to, on the same path, and keep nothing of it."""
    with engine.connect() as connection, connection.begin() as transaction:
        run_id = add_run(connection, principal, request)
        work = execution.begin(connection, settings, run_id, preview=True)
        while execution.bill_chunk(connection, work, execution.CHUNK):
            pass
        run = find_run(connection, run_id)
        result = Preview(
            accounts=run.accounts_total,
            due_on=run.due_on,
            totals=totals(connection, run_id),
            holds=[Hold.model_validate(row._mapping) for row in repository.holds(connection, run_id)],
        )
        transaction.rollback()
    return result


def add_run(connection: Connection, principal: Principal, request: RunRequest) -> int:
    """Store a run after checking it; nothing is queued."""
    period = DateRange(*request.period)
    if period.end <= period.start:
        raise _bad("period", f"the period ends on {period.end}, not after its start {period.start}")
    if request.issued_on < period.end:
        raise _bad("issued_on", f"issued_on {request.issued_on} lies before the period's end {period.end}")
    tariff = repository.tariff_by_code(connection, request.tariff)
    if tariff is None:
        raise NotFound(f"there is no tariff {request.tariff!r}")
    due_on = _due_on(Country(tariff.country), request.issued_on, request.due_on)
    run_id = repository.add_run(
        connection,
        {
            "billing_group": request.billing_group,
            "start": period.start,
            "end": period.end,
            "tariff_id": tariff.id,
            "issued_on": request.issued_on,
            "due_on": due_on,
            "created_by": principal.name,
        },
    )
    if run_id is None:
        other = repository.overlapping_run(connection, request.billing_group, period)
        assert other is not None
        raise Conflict(
            f"billing run {other.id} bills the {request.billing_group} group "
            f"from {other.period_start} to {other.period_end} already; resume that run instead"
        )
    return run_id


def find_run(connection: Connection, run_id: int, *, lock: bool = False) -> AnyRow:
    """Return a run; raise NotFound."""
    run = repository.run_by_id(connection, run_id, lock=lock)
    if run is None:
        raise NotFound(f"there is no billing run {run_id}")
    return run


def run_detail(connection: Connection, run_id: int) -> RunDetail:
    """Return a run with sums and holds."""
    run = find_run(connection, run_id)
    return RunDetail(
        **run_out(run).model_dump(),
        totals=totals(connection, run_id),
        holds=[Hold.model_validate(row._mapping) for row in repository.holds(connection, run_id)],
    )


def run_out(run: AnyRow) -> RunOut:
    """Return a run as it is shown."""
    return RunOut.model_validate({**run._mapping, "period": (run.period_start, run.period_end)})


def totals(connection: Connection, run_id: int) -> RunTotals:
    """Return the sums of a run by component and VAT rate."""
    return RunTotals(
        **repository.run_amounts(connection, run_id)._mapping,
        components=[
            ComponentSum.model_validate(row._mapping) for row in repository.component_sums(connection, run_id)
        ],
        vat_rates=[VatSum.model_validate(row._mapping) for row in repository.vat_sums(connection, run_id)],
    )


def _due_on(country: Country, issued_on: date, asked: date | None) -> date:
    """Return the day to print: lawful, and moved forward to a bank day."""
    if asked is None:
        return bank_day_from(country, issued_on + timedelta(days=TERM_DAYS))
    earliest = issued_on + timedelta(days=FI_CONSUMER_MIN_DAYS if country is Country.FI else 0)
    if asked < earliest:
        raise _bad("due_on", f"due_on {asked} is too early: consumers have until {earliest} at least")
    return bank_day_from(country, asked)


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, fields={field: message})
