"""Crediting an issued document: which lines, what it would come to, then the credit note; and sending again."""

from typing import Annotated

from fastapi import Depends, Form, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.credits import service
from meterhub.billing.credits.schemas import LONGEST_REASON
from meterhub.billing.delivery import service as delivery
from meterhub.billing.documents import loading
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()


@router.get("/invoices/{number}/credit")
def show_credit(
    request: Request,
    number: str,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
) -> Response:
    """Show the lines of a document that can be returned."""
    return _page(request, engine, principal, number, None, "", None)


@router.post("/invoices/{number}/credit", dependencies=[Depends(own_form)])
def credit(
    request: Request,
    number: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
    lines: Annotated[list[int] | None, Form()] = None,
    reason: Annotated[str, Form(max_length=LONGEST_REASON)] = "",
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show what the credit note would come to, or issue it once that was seen."""
    chosen = lines or []
    if step != "issue":
        with engine.begin() as connection:
            preview = service.preview(connection, number, chosen)
        return _page(request, engine, principal, number, chosen, reason, preview.model_dump())
    issued_on = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        issued = service.credit(connection, principal, number, reason, chosen, issued_on=issued_on)
    return see_other(f"/invoices/{issued.number}")


@router.post("/invoices/{number}/deliveries/{delivery_id}/resend", dependencies=[Depends(own_form)])
def resend(
    number: str,
    delivery_id: int,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.RUN_BILLING)],
) -> Response:
    """Send a document again."""
    with engine.begin() as connection:
        delivery.resend(connection, principal, delivery_id, None)
    return see_other(f"/invoices/{number}")


def _page(
    request: Request,
    engine: EngineDep,
    principal: Principal,
    number: str,
    chosen: list[int] | None,
    reason: str,
    preview: dict[str, object] | None,
) -> Response:
    with engine.begin() as connection:
        invoice = loading.find_invoice(connection, number)
        earlier = service.credits_of(connection, number)
        audit.record(connection, principal, action="read-invoice", purpose="billing", subject=f"invoice:{number}")
    credited = {position for one in earlier for position in one.positions}
    values = {
        "invoice": invoice,
        "earlier": earlier,
        "credited": credited,
        "chosen": [line.position for line in invoice.lines if line.position not in credited]
        if chosen is None
        else chosen,
        "reason": reason,
        "preview": preview,
        "longest": LONGEST_REASON,
    }
    return render(request, "invoice_credit.html", values, principal=principal)
