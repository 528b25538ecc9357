"""REST for findings, and for edits of reads and hours."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.kit.db import AnyRow
from meterhub.kit.paging import IdPage, Page, page_of
from meterhub.kit.units import ML_PER_M3, volume_ml
from meterhub.readings.service import find_point
from meterhub.vee import affected, repository, schemas, service
from meterhub.vee.rules import by_name

router = APIRouter(prefix="/api/v1", tags=["reading quality"])

EDITS_SHOWN = 200

Reader = Annotated[Principal, require(Permission.READ_CONSUMPTION)]
Editor = Annotated[Principal, require(Permission.EDIT_READS)]


@router.get("/findings")
def list_findings(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Reader,
    state: schemas.State | None = schemas.State.OPEN,
    rule: str | None = None,
    severity: str | None = None,
    point_code: str | None = None,
) -> Page[schemas.Finding]:
    """List findings, newest first; by default those that are open."""
    with engine.begin() as connection:
        rows = repository.list_findings(
            connection,
            state=state,
            rule=rule,
            severity=severity,
            point_code=point_code,
            before_id=page.after,
            limit=page.limit + 1,
        )
        audit.record(connection, principal, action="list-findings", purpose=service.PURPOSE)
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[schemas.Finding(**row._mapping) for row in shown], next_cursor=cursor)


@router.get("/findings/{finding_id}")
def read_finding(finding_id: int, engine: EngineDep, principal: Reader) -> schemas.FindingDetail:
    """Return a finding with its history and what to do about it."""
    with engine.begin() as connection:
        row = service.read_finding(connection, principal, finding_id)
        events = [schemas.Event(**event._mapping) for event in repository.events_of(connection, finding_id)]
    return schemas.FindingDetail(**row._mapping, action=by_name()[row.rule].action, events=events)


@router.post("/findings/{finding_id}/accept", status_code=204)
def accept_finding(
    finding_id: int, body: schemas.Settle, engine: EngineDep, clock: ClockDep, principal: Editor
) -> Response:
    """Say that it is so and that nothing has to be changed."""
    return _settle(finding_id, "accepted", body, engine, clock, principal)


@router.post("/findings/{finding_id}/dismiss", status_code=204)
def dismiss_finding(
    finding_id: int, body: schemas.Settle, engine: EngineDep, clock: ClockDep, principal: Editor
) -> Response:
    """Say that the rule is wrong here."""
    return _settle(finding_id, "dismissed", body, engine, clock, principal)


@router.post("/reads/{read_id}/edit/preview")
def preview_read_edit(
    read_id: int, body: schemas.ReadEdit, engine: EngineDep, principal: Editor
) -> schemas.Preview:
    """Say which hours and which issued invoices an edit would touch; changes nothing."""
    with engine.begin() as connection:
        seen = service.preview_read_edit(connection, read_id, _ml(body.volume_m3))
        audit.record(
            connection, principal, action="preview-edit", purpose=service.PURPOSE, subject=f"read:{read_id}"
        )
    hours = [
        schemas.ChangedHour(hour=one.hour, before_m3=_m3(one.before_ml), after_m3=_m3(one.after_ml))
        for one in seen.hours
    ]
    return schemas.Preview(hours=hours, invoices=_invoices(seen.invoices))


@router.post("/reads/{read_id}/edit", status_code=201)
def edit_read(
    read_id: int, body: schemas.ReadEdit, engine: EngineDep, clock: ClockDep, principal: Editor
) -> schemas.Edited:
    """Set a read aside or correct it; the original is kept, hours follow within a minute."""
    with engine.begin() as connection:
        edit_id = service.edit_read(
            connection,
            principal,
            read_id,
            corrected_ml=_ml(body.volume_m3),
            reason=body.reason,
            finding_id=body.finding_id,
            now=clock(),
        )
        touched = affected.invoices(connection, read_id)
    return schemas.Edited(edit_id=edit_id, invoices=_invoices(touched))


@router.post("/read-edits/{edit_id}/undo", status_code=204)
def undo_read_edit(
    edit_id: int, body: schemas.Settle, engine: EngineDep, clock: ClockDep, principal: Editor
) -> Response:
    """Let the read count again that was edited."""
    with engine.begin() as connection:
        service.undo_read_edit(connection, principal, edit_id, reason=body.reason, now=clock())
    return Response(status_code=204)


@router.post("/metering-points/{point_code}/hour-edits", status_code=201)
def edit_hours(point_code: str, body: schemas.HourEdit, engine: EngineDep, principal: Editor) -> schemas.Edited:
    """Lay volumes over hours in a row; the originals are kept. Invoices rest on registers, so none is touched."""
    with engine.begin() as connection:
        edit_id = service.edit_hours(
            connection,
            principal,
            point_code,
            body.first_at,
            [volume_ml(volume) for volume in body.volumes_m3],
            reason=body.reason,
        )
    return schemas.Edited(edit_id=edit_id, invoices=[])


@router.post("/hour-edits/{edit_id}/undo", status_code=204)
def undo_hour_edit(edit_id: int, body: schemas.Settle, engine: EngineDep, principal: Editor) -> Response:
    """Let the hours be again what follows from the reads."""
    with engine.begin() as connection:
        service.undo_hour_edit(connection, principal, edit_id, reason=body.reason)
    return Response(status_code=204)


@router.get("/metering-points/{point_code}/edits")
def list_edits(point_code: str, engine: EngineDep, principal: Reader) -> list[schemas.Edit]:
    """Return the newest edits of a point with the originals, also those that were undone."""
    with engine.begin() as connection:
        point = find_point(connection, point_code)
        rows = repository.edits_of_point(connection, point, EDITS_SHOWN)
        audit.record(
            connection, principal, action="list-edits", purpose=service.PURPOSE, subject=f"point:{point_code}"
        )
    return [schemas.Edit(**row._mapping, before_m3=_m3(row.before_ml), after_m3=_m3(row.after_ml)) for row in rows]


def _settle(
    finding_id: int,
    state: str,
    body: schemas.Settle,
    engine: EngineDep,
    clock: ClockDep,
    principal: Principal,
) -> Response:
    with engine.begin() as connection:
        service.settle(connection, principal, finding_id, state, reason=body.reason, now=clock())
    return Response(status_code=204)


def _ml(volume_m3: Decimal | None) -> int | None:
    return None if volume_m3 is None else volume_ml(volume_m3)


def _m3(value_ml: int | None) -> Decimal | None:
    return None if value_ml is None else Decimal(value_ml) / ML_PER_M3


def _invoices(rows: Sequence[AnyRow]) -> list[schemas.AffectedInvoice]:
    return [
        schemas.AffectedInvoice(
            number=row.number,
            period_start=row.period_start,
            period_end=row.period_end,
            next_step=affected.NEXT_STEP,
        )
        for row in rows
    ]
