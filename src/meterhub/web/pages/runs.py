"""Billing runs: the list, preview and start of one, what it has calculated and holds, approval and issue."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from pydantic import ValidationError
from sqlalchemy import Connection, Engine

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets import account_repository
from meterhub.billing import repository as prices
from meterhub.billing.runs import life, reports, repository
from meterhub.billing.runs.schemas import RunRequest
from meterhub.errors import MeterhubError
from meterhub.kit.paging import page_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 50
FIELDS = ("kind", "billing_group", "start", "last", "tariff", "issued_on")
GOING = ("queued", "running", "issuing")

Reader = Annotated[Principal, page(Permission.READ_INVOICES)]
Biller = Annotated[Principal, page(Permission.RUN_BILLING)]
Reason = Annotated[str, Form(min_length=3, max_length=500)]
OWN = [Depends(own_form)]


@router.get("/runs")
def show_list(
    request: Request, engine: EngineDep, principal: Reader, before: Annotated[int | None, Query(ge=0)] = None
) -> Response:
    """List billing runs, newest first."""
    with engine.connect() as connection:
        rows = repository.list_runs(connection, before_id=before, limit=ROWS + 1)
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    return render(request, "runs.html", {"runs": shown, "cursor": cursor}, principal=principal)


@router.get("/runs/new")
def show_form(
    request: Request, engine: EngineDep, clock: ClockDep, settings: SettingsDep, principal: Biller
) -> Response:
    """Ask whom to bill for which days."""
    today = clock().astimezone(settings.tz).date()
    return _form(request, engine, principal, {"issued_on": today.isoformat()})


@router.post("/runs/new", dependencies=OWN)
def preview_or_start(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Biller,
    *,
    kind: Annotated[str, Form()],
    billing_group: Annotated[str, Form()],
    start: Annotated[str, Form()],
    last: Annotated[str, Form()],
    tariff: Annotated[str, Form()],
    issued_on: Annotated[str, Form()],
    do: Annotated[str, Form()] = "preview",
) -> Response:
    """Show what a run would come to, or start it; nothing is kept of a preview."""
    given = {
        "kind": kind, "billing_group": billing_group, "start": start, "last": last, "tariff": tariff,
        "issued_on": issued_on,
    }  # fmt: skip
    try:
        asked = RunRequest.model_validate(
            {
                "kind": kind,
                "billing_group": billing_group,
                "period": (start, _day_after(last)),
                "tariff": tariff,
                "issued_on": issued_on,
            }
        )
        if do == "start":
            with engine.begin() as connection:
                run_id = life.start_run(connection, principal, asked)
            return see_other(f"/runs/{run_id}")
        return _form(request, engine, principal, given, preview=life.preview(engine, settings, principal, asked))
    except (ValidationError, ValueError) as error:
        message = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        return _form(request, engine, principal, given, fault=message)
    except MeterhubError as error:
        return _form(request, engine, principal, given, fault=error.detail)


@router.get("/runs/{run_id}")
def show(request: Request, run_id: int, engine: EngineDep, principal: Reader) -> Response:
    """Show a run: progress, sums beside those of the run before, what it holds back, and what can be done now."""
    with engine.begin() as connection:
        run = life.run_detail(connection, run_id)
        values = {"run": run, "report": reports.report(connection, run_id)}
        audit.record(connection, principal, action="view-billing-run", purpose="billing", subject=f"run:{run_id}")
    response = render(request, "run.html", values, principal=principal)
    if run.state in GOING:
        response.headers["Refresh"] = "5"
    return response


@router.post("/runs/{run_id}/approve", dependencies=OWN)
def approve(run_id: int, engine: EngineDep, principal: Biller) -> Response:
    """Approve what a run has calculated; not for who has created it."""
    return _do(engine, run_id, lambda connection: life.approve(connection, principal, run_id))


@router.post("/runs/{run_id}/issue", dependencies=OWN)
def issue(run_id: int, engine: EngineDep, principal: Biller) -> Response:
    """Give the numbers; nothing can be changed after."""
    return _do(engine, run_id, lambda connection: life.issue(connection, principal, run_id))


@router.post("/runs/{run_id}/resume", dependencies=OWN)
def resume(run_id: int, engine: EngineDep, principal: Biller) -> Response:
    """Calculate what is left and what is held once more."""
    return _do(engine, run_id, lambda connection: life.resume_run(connection, principal, run_id))


@router.post("/runs/{run_id}/cancel", dependencies=OWN)
def cancel(run_id: int, engine: EngineDep, principal: Biller) -> Response:
    """Drop a run that has issued nothing."""
    return _do(engine, run_id, lambda connection: life.cancel(connection, principal, run_id))


@router.post("/runs/{run_id}/holds/{contract_no}", dependencies=OWN)
def settle_hold(
    run_id: int,
    contract_no: str,
    engine: EngineDep,
    principal: Biller,
    reason: Reason,
    do: Annotated[str, Form()] = "release",
) -> Response:
    """Bill what is held as it was calculated, or leave the contract out; either for a reason."""
    settle = life.skip if do == "skip" else life.release
    return _do(engine, run_id, lambda connection: settle(connection, principal, run_id, contract_no, reason))


def _do(engine: Engine, run_id: int, what: Callable[[Connection], None]) -> Response:
    with engine.begin() as connection:
        what(connection)
    return see_other(f"/runs/{run_id}")


def _form(
    request: Request, engine: Engine, principal: Principal, given: dict[str, str], **more: object
) -> Response:
    with engine.connect() as connection:
        values = {
            "groups": account_repository.groups(connection),
            "tariffs": prices.tariffs(connection),
            "given": dict.fromkeys(FIELDS, "") | given,
            "preview": None,
            "fault": "",
            **more,
        }
    return render(request, "run_new.html", values, principal=principal)


def _day_after(text: str) -> date:
    day = date.fromisoformat(text)
    return date.fromordinal(day.toordinal() + 1)
