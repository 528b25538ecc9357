"""Keys: which meters have one, since when, whether it opens what they send; trying one before it is stored."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy import Connection

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets.keys import key_history
from meterhub.assets.schemas import Manufacturer, Serial
from meterhub.assets.sealing import parse_key
from meterhub.assets.service import require_meter
from meterhub.errors import BadInput
from meterhub.ingest.key_check import check_meter
from meterhub.ingest.key_status import KeyState, key_status_of, key_statuses, key_totals
from meterhub.kit.db import AnyRow
from meterhub.kit.paging import page_of
from meterhub.web.page_route import page_router
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 50
CHECKED_DAYS = 7


@router.get("/keys")
def show_list(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_KEY_STATUS)],
    state: str = KeyState.ALL,
    q: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[int, Query(ge=0, lt=2**31)] = 0,
) -> Response:
    """List meters with what may be told of their keys."""
    wanted = KeyState(state) if state in list(KeyState) else KeyState.ALL
    with engine.connect() as connection:
        totals = key_totals(connection)
        rows = key_statuses(connection, state=wanted, search=q.strip(), after=after, limit=ROWS + 1)
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    values = {
        "totals": totals,
        "rows": shown,
        "cursor": cursor,
        "state": wanted,
        "states": list(KeyState),
        "search": q.strip(),
    }
    return render(request, "keys.html", values, principal=principal)


@router.get("/keys/{manufacturer}/{serial}")
def show(
    request: Request,
    manufacturer: Manufacturer,
    serial: Serial,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_KEY_STATUS)],
) -> Response:
    """Show the history of a meter's keys."""
    with engine.connect() as connection:
        meter = require_meter(connection, manufacturer, serial)
        values = _values(connection, meter)
    return render(request, "key.html", values, principal=principal)


@router.post("/keys/{manufacturer}/{serial}", dependencies=[Depends(own_form)])
def try_key(
    request: Request,
    manufacturer: Manufacturer,
    serial: Serial,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.WRITE_KEYS)],
    key: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Try a key, or those in custody, on the telegrams of the last days; nothing is stored."""
    with engine.begin() as connection:
        meter = require_meter(connection, manufacturer, serial)
        values = _values(connection, meter)
        try:
            tried = parse_key(key.strip()) if key.strip() else None
        except BadInput as error:
            return render(request, "key.html", values | {"problem": error.detail}, principal=principal, status=422)
        since = clock() - timedelta(days=CHECKED_DAYS)
        check = check_meter(connection, principal, settings, meter.id, since=since, key=tried)
    return render(request, "key.html", values | {"check": check, "given": tried is not None}, principal=principal)


def _values(connection: Connection, meter: AnyRow) -> dict[str, object]:
    return {
        "status": key_status_of(connection, meter.id),
        "history": key_history(connection, meter.id),
        "days": CHECKED_DAYS,
        "check": None,
        "given": False,
        "problem": "",
    }
