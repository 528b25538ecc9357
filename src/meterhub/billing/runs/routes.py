"""REST for billing runs, what is added to bills, and days that nobody was billed for."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.runs import adjusting, life, reports, repository
from meterhub.billing.runs.schemas import (
    Adjustment,
    Gap,
    NewAdjustment,
    Preview,
    Resolution,
    RunCreated,
    RunDetail,
    RunOut,
    RunReport,
    RunRequest,
)
from meterhub.billing.schemas import Day
from meterhub.errors import BadInput
from meterhub.kit.paging import IdPage, Page, page_of
from meterhub.kit.periods import DateRange

router = APIRouter()

Reader = Annotated[Principal, require(Permission.READ_INVOICES)]
Biller = Annotated[Principal, require(Permission.RUN_BILLING)]


@router.post("/billing/runs", status_code=202)
def start_run(body: RunRequest, engine: EngineDep, principal: Biller) -> RunCreated:
    """Start a billing run: it calculates drafts; 409 names the run if one of the group has these days already."""
    with engine.begin() as connection:
        run_id = life.start_run(connection, principal, body)
    return RunCreated(id=run_id, state="queued")


@router.post("/billing/runs/preview")
def preview_run(body: RunRequest, engine: EngineDep, settings: SettingsDep, principal: Biller) -> Preview:
    """Compute what a run would come to; nothing of it is kept."""
    return life.preview(engine, settings, principal, body)


@router.get("/billing/runs")
def list_runs(engine: EngineDep, page: Annotated[IdPage, Query()], _principal: Reader) -> Page[RunOut]:
    """List billing runs, newest first."""
    with engine.connect() as connection:
        rows = repository.list_runs(connection, before_id=page.after, limit=page.limit + 1)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[life.run_out(row) for row in shown], next_cursor=cursor)


@router.get("/billing/runs/{run_id}")
def read_run(run_id: int, engine: EngineDep, _principal: Reader) -> RunDetail:
    """Return a run: state, progress, sums by component, VAT rate and ledger account, contracts held back."""
    with engine.connect() as connection:
        return life.run_detail(connection, run_id)


@router.get("/billing/runs/{run_id}/report")
def read_report(run_id: int, engine: EngineDep, _principal: Reader) -> RunReport:
    """Return the sums of a run beside those of the run of its group before it."""
    with engine.connect() as connection:
        return reports.report(connection, run_id)


@router.get(
    "/billing/runs/{run_id}/report.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "The report as CSV."}},
)
def read_report_csv(run_id: int, engine: EngineDep, _principal: Reader) -> Response:
    """Return the report of a run as CSV."""
    with engine.connect() as connection:
        content = reports.report_csv(reports.report(connection, run_id))
    headers = {"Content-Disposition": f'attachment; filename="run-{run_id}.csv"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/billing/runs/{run_id}/resume", status_code=202)
def resume_run(run_id: int, engine: EngineDep, principal: Biller) -> RunCreated:
    """Calculate what a run has left, and what it holds back once more; it then needs a new approval."""
    with engine.begin() as connection:
        life.resume_run(connection, principal, run_id)
    return RunCreated(id=run_id, state="queued")


@router.post("/billing/runs/{run_id}/approve")
def approve_run(run_id: int, engine: EngineDep, principal: Biller) -> RunDetail:
    """Approve what a run has calculated; 409 for who has created it."""
    with engine.begin() as connection:
        life.approve(connection, principal, run_id)
        return life.run_detail(connection, run_id)


@router.post("/billing/runs/{run_id}/issue", status_code=202)
def issue_run(run_id: int, engine: EngineDep, principal: Biller) -> RunCreated:
    """Issue an approved run: numbers are given now, and nothing of it can be changed any more."""
    with engine.begin() as connection:
        life.issue(connection, principal, run_id)
    return RunCreated(id=run_id, state="issuing")


@router.post("/billing/runs/{run_id}/cancel")
def cancel_run(run_id: int, engine: EngineDep, principal: Biller) -> RunDetail:
    """Drop a run that has issued nothing; its days can then be billed by another."""
    with engine.begin() as connection:
        life.cancel(connection, principal, run_id)
        return life.run_detail(connection, run_id)


@router.post("/billing/runs/{run_id}/holds/{contract_no}/release")
def release_hold(
    run_id: int, contract_no: str, body: Resolution, engine: EngineDep, principal: Biller
) -> RunDetail:
    """Bill what a run holds back of a contract as it was calculated, for a reason."""
    with engine.begin() as connection:
        life.release(connection, principal, run_id, contract_no, body.reason)
        return life.run_detail(connection, run_id)


@router.post("/billing/runs/{run_id}/holds/{contract_no}/skip")
def skip_hold(run_id: int, contract_no: str, body: Resolution, engine: EngineDep, principal: Biller) -> RunDetail:
    """Leave a contract that a run holds back out of it, for a reason."""
    with engine.begin() as connection:
        life.skip(connection, principal, run_id, contract_no, body.reason)
        return life.run_detail(connection, run_id)


@router.get("/billing/gaps")
def list_gaps(engine: EngineDep, since: Day, until: Day, principal: Reader) -> list[Gap]:
    """List days of contracts from `since` until before `until` that no document covers (first thousand)."""
    days = _days(since, until)
    with engine.begin() as connection:
        found = reports.gaps(connection, days)
        record(connection, principal, action="list-billing-gaps", purpose="billing")
    return found


@router.get("/contracts/{contract_no}/adjustments")
def list_adjustments(contract_no: str, engine: EngineDep, principal: Reader) -> list[Adjustment]:
    """List what clerks added to a contract's bills, newest first."""
    with engine.begin() as connection:
        found = adjusting.list_of(connection, contract_no)
        subject = f"contract:{contract_no}"
        record(connection, principal, action="list-billing-adjustments", purpose="billing", subject=subject)
    return found


@router.post("/contracts/{contract_no}/adjustments", status_code=201)
def add_adjustment(contract_no: str, body: NewAdjustment, engine: EngineDep, principal: Biller) -> Adjustment:
    """Add a one-off, a leak credit or a credit for an interruption to a contract's next bill."""
    with engine.begin() as connection:
        return adjusting.add(connection, principal, contract_no, body)


@router.delete("/billing/adjustments/{adjustment_id}", status_code=204)
def cancel_adjustment(adjustment_id: int, engine: EngineDep, principal: Biller) -> None:
    """Take back what was added to a next bill and no run has taken up."""
    with engine.begin() as connection:
        adjusting.cancel(connection, principal, adjustment_id)


def _days(since: date, until: date) -> DateRange:
    if until <= since:
        raise BadInput(f"until {until} is not after since {since}", fields={"until": "not after since"})
    return DateRange(since, until)
