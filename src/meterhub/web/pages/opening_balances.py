"""Opening balances of the system before: what a file would post, every fault by its line, then the import."""

from typing import Annotated

from fastapi import Depends, Form, Request, Response, UploadFile

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import opening
from meterhub.billing.payments.clerk import rolled_back
from meterhub.errors import BadInput, Conflict
from meterhub.web.page_route import page_router
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

Writer = Annotated[Principal, page(Permission.WRITE_PAYMENTS)]
_NOTHING: dict[str, object] = {"result": None, "preview": False, "problem": "", "faults": {}, "name": ""}


@router.get("/opening-balances")
def show(request: Request, settings: SettingsDep, principal: Writer) -> Response:
    """Ask for the file."""
    return render(request, "opening_balances.html", _values(settings.currency), principal=principal)


@router.post("/opening-balances", dependencies=[Depends(own_form)])
def import_file(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Writer,
    file: UploadFile,
    action: Annotated[str, Form()] = "preview",
) -> Response:
    """Tell what an import would post, or import; a file is taken whole or not at all, and once."""
    data, day = file.file.read(), clock().astimezone(settings.tz).date()
    preview = action != "import"
    values = _values(settings.currency) | {"preview": preview, "name": file.filename or "upload"}
    try:
        with engine.begin() as connection:
            if preview:
                with rolled_back(connection):
                    values["result"] = opening.import_opening(connection, settings, principal, data, day)
            else:
                values["result"] = opening.import_opening(connection, settings, principal, data, day)
    except (BadInput, Conflict) as error:
        values |= {"problem": error.detail, "faults": error.fields}
    return render(request, "opening_balances.html", values, principal=principal)


def _values(currency: str) -> dict[str, object]:
    return _NOTHING | {"currency": currency, "columns": opening.COLUMNS}
