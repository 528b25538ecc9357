"""What clerks do with billing runs: start, preview, resume, release or skip holds, approve, issue, cancel."""

import json
from datetime import date, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import IntegrityError

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing import repository as prices
from meterhub.billing.rating.model import Country
from meterhub.billing.receivables.due_dates import FI_CONSUMER_MIN_DAYS, bank_day_from
from meterhub.billing.runs import execution, repository
from meterhub.billing.runs.schemas import (
    AccountSum,
    ComponentSum,
    Hold,
    Preview,
    RunDetail,
    RunKind,
    RunOut,
    RunRequest,
    RunTotals,
)
from meterhub.billing.schemas import VatSum
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit import queue
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import DateRange
from meterhub.settings import Settings

RUN = "billing.run"
TERM_DAYS = 14
# What a clerk may do in which state of a run.
_MAY = {
    "resume": ("failed", "calculated", "issued"),
    "release": ("calculated",),
    "approve": ("calculated",),
    "issue": ("approved", "issuing"),
    "cancel": ("queued", "failed", "calculated"),
}


def start_run(connection: Connection, principal: Principal, request: RunRequest) -> int:
    """Store a run and queue its calculation; Conflict names the run that has these days already."""
    run_id = add_run(connection, principal, request)
    _queue(connection, run_id)
    _note(connection, principal, "start-billing-run", run_id)
    return run_id


def resume_run(connection: Connection, principal: Principal, run_id: int) -> None:
    """Queue a run again: what is left of it, and every contract that it holds back; it needs a new approval."""
    _require(connection, run_id, "resume")
    repository.retry_held(connection, run_id)
    _queue(connection, run_id)
    _note(connection, principal, "resume-billing-run", run_id)


def release(connection: Connection, principal: Principal, run_id: int, contract_no: str, reason: str) -> None:
    """Bill what a run holds back of a contract as it is calculated; Conflict where nothing could be calculated."""
    contract_id, blocking = _held(connection, run_id, contract_no)
    if blocking:
        raise Conflict(
            f"contract {contract_no} cannot be billed as it is ({', '.join(blocking)}): mend the cause and resume "
            "the run, or skip the contract"
        )
    repository.resolve(connection, run_id, contract_id, "released", principal.name, reason)
    _note(connection, principal, "release-held-bill", run_id, contract_no=contract_no, reason=reason)


def skip(connection: Connection, principal: Principal, run_id: int, contract_no: str, reason: str) -> None:
    """Leave a contract that is held back out of a run; its days stay unbilled, and are told as a gap."""
    contract_id, _ = _held(connection, run_id, contract_no)
    repository.resolve(connection, run_id, contract_id, "skipped", principal.name, reason)
    _note(connection, principal, "skip-held-bill", run_id, contract_no=contract_no, reason=reason)


def approve(connection: Connection, principal: Principal, run_id: int) -> None:
    """Approve what a run has calculated; Conflict for who has created it (four eyes)."""
    run = _require(connection, run_id, "approve")
    if run.created_by == principal.name:
        raise Conflict(f"{principal.name} has created run {run_id}: somebody else has to approve it")
    repository.approve(connection, run_id, principal.name)
    _note(connection, principal, "approve-billing-run", run_id)


def issue(connection: Connection, principal: Principal, run_id: int) -> None:
    """Queue the issuing of an approved run."""
    _require(connection, run_id, "issue")
    repository.set_state(connection, run_id, "issuing")
    _queue(connection, run_id)
    _note(connection, principal, "issue-billing-run", run_id)


def cancel(connection: Connection, principal: Principal, run_id: int) -> None:
    """Drop a run that has issued nothing: its days can be billed by another."""
    run = _require(connection, run_id, "cancel")
    if repository.accounts_by_state(connection, run.id).get("issued"):
        raise Conflict(f"run {run_id} has issued documents: it cannot be cancelled")
    repository.cancel(connection, run_id, principal.name)
    _note(connection, principal, "cancel-billing-run", run_id)


def preview(engine: Engine, settings: Settings, principal: Principal, request: RunRequest) -> Preview:
    """Compute what a run would come to, on the same path, and keep nothing of it."""
    with engine.connect() as connection, connection.begin() as transaction:
        run_id = add_run(connection, principal, request)
        work = execution.begin(connection, settings, run_id, preview=True)
        assert work is not None
        while execution.bill_chunk(connection, work, execution.CHUNK):
            pass
        issuing = execution.begin_issuing(connection, settings, run_id, preview=True)
        assert issuing is not None
        while execution.issue_drafts(connection, issuing, execution.CHUNK):
            pass
        run = find_run(connection, run_id)
        result = Preview(
            accounts=run.accounts_total,
            due_on=run.due_on,
            totals=totals(connection, run_id),
            holds=_holds(connection, run_id),
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
    tariff = prices.tariff_by_code(connection, request.tariff)
    if tariff is None:
        raise NotFound(f"there is no tariff {request.tariff!r}")
    values = {
        "kind": request.kind,
        "billing_group": request.billing_group,
        "contract_ids": _contract_ids(connection, request),
        "start": period.start,
        "end": period.end,
        "tariff_id": tariff.id,
        "issued_on": request.issued_on,
        "due_on": _due_on(Country(tariff.country), request.issued_on, request.due_on),
        "parameters": json.dumps(request.holds),
        "created_by": principal.name,
    }
    try:
        with connection.begin_nested():
            run_id = repository.add_run(connection, values)
    except IntegrityError:
        raise _bad("billing_group", f"there is no billing group {request.billing_group!r}") from None
    if run_id is None:
        assert request.billing_group is not None
        other = repository.overlapping_run(connection, request.billing_group, request.kind, period)
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
        parameters=run.parameters,
        totals=totals(connection, run_id),
        accounts=repository.accounts_by_state(connection, run_id),
        holds=_holds(connection, run_id),
    )


def run_out(run: AnyRow) -> RunOut:
    """Return a run as it is shown."""
    return RunOut.model_validate({**run._mapping, "period": (run.period_start, run.period_end)})


def totals(connection: Connection, run_id: int) -> RunTotals:
    """Return the sums of a run by component, VAT rate and ledger account."""
    return RunTotals(
        **repository.run_amounts(connection, run_id)._mapping,
        components=[
            ComponentSum.model_validate(row._mapping) for row in repository.component_sums(connection, run_id)
        ],
        vat_rates=[VatSum.model_validate(row._mapping) for row in repository.vat_sums(connection, run_id)],
        ledger_accounts=[
            AccountSum.model_validate(row._mapping) for row in repository.ledger_sums(connection, run_id)
        ],
    )


def _holds(connection: Connection, run_id: int) -> list[Hold]:
    return [Hold.model_validate(row._mapping) for row in repository.holds(connection, run_id)]


def _queue(connection: Connection, run_id: int) -> None:
    queue.defer(connection, RUN, {"run_id": run_id}, once=f"{RUN}:{run_id}")


def _require(connection: Connection, run_id: int, what: str) -> AnyRow:
    """Return a run, locked, in which this may be done now."""
    run = find_run(connection, run_id, lock=True)
    if run.state not in _MAY[what]:
        raise Conflict(f"run {run_id} is {run.state}; only a run that is {' or '.join(_MAY[what])} allows this")
    return run


def _held(connection: Connection, run_id: int, contract_no: str) -> tuple[int, list[str]]:
    """Return a held contract of a calculated run, and the reasons for which it has no draft."""
    _require(connection, run_id, "release")
    rows = repository.open_holds(connection, run_id, contract_no)
    if not rows:
        raise NotFound(f"run {run_id} holds nothing back of contract {contract_no!r}")
    return rows[0].contract_id, [row.code for row in rows if not row.releasable]


def _contract_ids(connection: Connection, request: RunRequest) -> list[int] | None:
    if request.kind is not RunKind.CONTRACTS:
        return None
    found = repository.contract_ids(connection, request.contracts)
    missing = [number for number in request.contracts if number not in found]
    if missing:
        raise _bad("contracts", f"there is no contract {missing[0]!r}")
    return list(found.values())


def _due_on(country: Country, issued_on: date, asked: date | None) -> date:
    """Return the day to print: lawful, and moved forward to a bank day."""
    if asked is None:
        return bank_day_from(country, issued_on + timedelta(days=TERM_DAYS))
    earliest = issued_on + timedelta(days=FI_CONSUMER_MIN_DAYS if country is Country.FI else 0)
    if asked < earliest:
        raise _bad("due_on", f"due_on {asked} is too early: consumers have until {earliest} at least")
    return bank_day_from(country, asked)


def _note(connection: Connection, principal: Principal, action: str, run_id: int, **detail: str) -> None:
    record(connection, principal, action=action, purpose="billing", subject=f"run:{run_id}", detail=detail)


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, fields={field: message})
