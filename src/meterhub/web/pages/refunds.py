"""Refunds and write-offs that wait for approval, and the file for the bank."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import refunding, writing_off
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 100

Approver = Annotated[Principal, page(Permission.APPROVE_REFUNDS)]
Reason = Annotated[str, Form(min_length=1, max_length=500)]


@router.get("/refunds")
def show(
    request: Request, engine: EngineDep, principal: Annotated[Principal, page(Permission.READ_LEDGER)]
) -> Response:
    """List what waits for approval or for the file, and what was done lately; logged, as bank accounts show."""
    with engine.begin() as connection:
        refunds = refunding.refunds(connection, limit=ROWS)
        values = {
            "waiting": [row for row in refunds if row.state == "proposed"],
            "approved": [row for row in refunds if row.state == "approved"],
            "done": [row for row in refunds if row.state not in ("proposed", "approved")],
            "write_offs": writing_off.write_offs(connection, state="proposed", before_id=None, limit=ROWS),
        }
        audit.record(connection, principal, action="list-refunds", purpose="billing")
    return render(request, "refunds.html", values, principal=principal)


@router.post("/refunds/{refund_id}/approve", dependencies=[Depends(own_form)])
def approve(
    refund_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver
) -> Response:
    """Approve a refund."""
    with engine.begin() as connection:
        refunding.approve(connection, principal, refund_id, clock().astimezone(settings.tz).date())
    return see_other("/refunds")


@router.post("/refunds/{refund_id}/reject", dependencies=[Depends(own_form)])
def reject(
    refund_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver, reason: Reason
) -> Response:
    """Refuse a refund."""
    with engine.begin() as connection:
        day = clock().astimezone(settings.tz).date()
        refunding.reject(connection, principal, refund_id, reason.strip(), day)
    return see_other("/refunds")


@router.post("/refunds/file", dependencies=[Depends(own_form)])
def write_file(engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver) -> Response:
    """Write all approved refunds into a file for the bank, to be paid tomorrow."""
    now = clock()
    with engine.begin() as connection:
        day = now.astimezone(settings.tz).date() + timedelta(days=1)
        refunding.export(connection, settings, principal, day, now)
    return see_other("/refunds")


@router.get("/refunds/files/{file_id}")
def read_file(file_id: int, engine: EngineDep, principal: Approver) -> Response:
    """Give a file for the bank as it was written; each look is logged."""
    with engine.begin() as connection:
        message_id, content = refunding.file_content(connection, principal, file_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{message_id}.xml"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type="application/xml", headers=headers)


@router.post("/write-offs/{write_off_id}/approve", dependencies=[Depends(own_form)])
def approve_write_off(
    write_off_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Approver
) -> Response:
    """Post a write-off that another person proposed."""
    with engine.begin() as connection:
        writing_off.approve(connection, principal, write_off_id, clock().astimezone(settings.tz).date())
    return see_other("/refunds")


@router.post("/write-offs/{write_off_id}/reject", dependencies=[Depends(own_form)])
def reject_write_off(write_off_id: int, engine: EngineDep, principal: Approver) -> Response:
    """Refuse a write-off."""
    with engine.begin() as connection:
        writing_off.reject(connection, principal, write_off_id)
    return see_other("/refunds")
