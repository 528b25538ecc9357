"""The export to bookkeeping: sums by ledger account before anything is exported, and each export again."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy import Engine

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import accounting
from meterhub.billing.payments.clerk import rolled_back
from meterhub.errors import BadInput, MeterhubError, NotAllowed
from meterhub.kit.paging import page_of
from meterhub.web.forms import day_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 25

Reader = Annotated[Principal, page(Permission.READ_LEDGER)]
Writer = Annotated[Principal, page(Permission.WRITE_PAYMENTS)]


@router.get("/accounting")
def show(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Reader,
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """List exports with their control totals, and ask up to which day the next one goes, usually a month's end."""
    until = clock().astimezone(settings.tz).date().replace(day=1) - timedelta(days=1)
    return _page(request, engine, principal, before, {"until": until.isoformat()})


@router.post("/accounting", dependencies=[Depends(own_form)])
def export(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    until: Annotated[str, Form(max_length=10)],
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show the sums of an export by ledger account, or export; nothing is exported twice."""
    values: dict[str, object] = {"until": until}
    try:
        day = day_of(until)
        if day is None:
            raise BadInput("the last day to export is missing")
        with engine.begin() as connection:
            if step == "export":
                done = accounting.export(connection, settings, principal, day)
                return see_other(f"/accounting/{done.export_id}")
            with rolled_back(connection):
                preview = accounting.export(connection, settings, principal, day)
            audit.record(connection, principal, action="preview-accounting-export", purpose="billing")
        values |= {"preview": preview, "sums": accounting.sums(preview.content)}
    except NotAllowed:
        raise
    except MeterhubError as error:
        values["problem"] = error.detail
    return _page(request, engine, principal, None, values)


@router.get("/accounting/{export_id}")
def show_one(request: Request, export_id: int, engine: EngineDep, principal: Reader) -> Response:
    """Show an export's sums by ledger account; the look is logged."""
    with engine.begin() as connection:
        found = accounting.again(connection, principal, export_id)
    values = {"export": found, "sums": accounting.sums(found.content)}
    return render(request, "accounting_export.html", values, principal=principal)


@router.get("/accounting/{export_id}/content")
def content(export_id: int, engine: EngineDep, principal: Reader) -> Response:
    """Give an export as it was written; each look is logged."""
    with engine.begin() as connection:
        found = accounting.again(connection, principal, export_id)
    headers = {
        "Content-Disposition": f'attachment; filename="accounting-{export_id}.csv"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(found.content.encode(), media_type="text/csv", headers=headers)


def _page(
    request: Request, engine: Engine, principal: Principal, before: int | None, more: dict[str, object]
) -> Response:
    with engine.connect() as connection:
        rows = accounting.exports(connection, before_id=before, limit=ROWS + 1)
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    values = {"exports": shown, "cursor": cursor, "preview": None, "sums": [], "problem": ""}
    return render(request, "accounting.html", values | more, principal=principal)
