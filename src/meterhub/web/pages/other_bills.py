"""Other bills: drafts from a price list of products, looked at, issued, or put away."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Form, Query, Request, Response
from pydantic import ValidationError

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing import prices
from meterhub.billing.other_bills import service
from meterhub.billing.other_bills.schemas import IssueRequest, OtherBillIn, Purpose
from meterhub.errors import BadInput
from meterhub.kit.paging import page_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 50
LINES = 5
Short = Annotated[str, Form(max_length=60)]
Many = Annotated[list[str], Form(max_length=LINES)]


@router.get("/other-bills")
def show_list(
    request: Request,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_INVOICES)],
    tariff: Annotated[str, Query(max_length=60)] = "",
    before: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """List bills, newest first, and offer the products of a price list for a new one."""
    today = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        rows = service.recent(connection, state=None, before_id=before, limit=ROWS + 1)
        codes = [
            one.code for one in prices.list_tariffs(connection) if any(v.kind == "one_off" for v in one.versions)
        ]
        chosen = tariff if tariff in codes else codes[0] if codes else ""
        products = service.list_products(connection, chosen, today) if chosen else []
        audit.record(connection, principal, action="list-other-bills", purpose="billing")
    shown, cursor = page_of(rows, ROWS, lambda row: row.id)
    values = {
        "bills": shown,
        "cursor": cursor,
        "codes": codes,
        "chosen": chosen,
        "products": products,
        "purposes": list(Purpose),
        "lines": range(LINES),
        "today": today,
    }
    return render(request, "other_bills.html", values, principal=principal)


@router.post("/other-bills", dependencies=[Depends(own_form)])
def write(
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    customer_no: Short,
    purpose: Annotated[Purpose, Form()],
    tariff: Short,
    delivered_on: Annotated[date, Form()],
    component: Many,
    quantity: Many,
    permit_no: Short = "",
    property_code: Short = "",
    note: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    """Write a draft; empty rows are left out."""
    items = [
        {"component": code, "quantity": number.replace(",", ".")}
        for code, number in zip(component, quantity, strict=False)
        if code and number.strip()
    ]
    try:
        bill = OtherBillIn.model_validate(
            {
                "purpose": purpose,
                "customer_no": customer_no.strip(),
                "tariff": tariff,
                "delivered_on": delivered_on,
                "permit_no": permit_no.strip() or None,
                "property_code": property_code.strip() or None,
                "note": note,
                "items": items,
            }
        )
    except ValidationError as error:
        raise BadInput(
            "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        ) from None
    with engine.begin() as connection:
        bill_id = service.write(connection, settings, principal, bill)
    return see_other(f"/other-bills/{bill_id}")


@router.get("/other-bills/{bill_id}")
def show(
    request: Request,
    bill_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_INVOICES)],
) -> Response:
    """Show a bill and what it comes to; logged."""
    with engine.begin() as connection:
        bill = service.find(connection, settings, bill_id)
        audit.record(
            connection, principal, action="read-other-bill", purpose="billing", subject=f"other-bill:{bill_id}"
        )
    values = {"bill": bill, "today": clock().astimezone(settings.tz).date()}
    return render(request, "other_bill.html", values, principal=principal)


@router.post("/other-bills/{bill_id}/issue", dependencies=[Depends(own_form)])
def issue(
    bill_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    issued_on: Annotated[date, Form()],
) -> Response:
    """Make the invoice of a draft."""
    with engine.begin() as connection:
        issued = service.issue_bill(connection, settings, principal, bill_id, IssueRequest(issued_on=issued_on))
    return see_other(f"/invoices/{issued.number}")


@router.post("/other-bills/{bill_id}/discard", dependencies=[Depends(own_form)])
def discard(
    bill_id: int, engine: EngineDep, principal: Annotated[Principal, page(Permission.RUN_BILLING)]
) -> Response:
    """Put a draft away."""
    with engine.begin() as connection:
        service.discard(connection, principal, bill_id)
    return see_other("/other-bills")
