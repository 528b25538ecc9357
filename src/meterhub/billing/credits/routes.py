"""REST for credits."""

from typing import Annotated

from fastapi import APIRouter

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.credits import service
from meterhub.billing.credits.schemas import CreditIssued, CreditOut, CreditPreview, CreditRequest

router = APIRouter(tags=["billing"])


@router.post("/invoices/{number}/credits", status_code=201)
def credit_invoice(
    number: str,
    body: CreditRequest,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, require(Permission.RUN_BILLING)],
) -> CreditIssued:
    """Issue a credit note; 409 for what was credited before."""
    issued_on = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        issued = service.credit(connection, principal, number, body.reason, body.lines, issued_on=issued_on)
    return CreditIssued(number=issued.number, credits=number, gross=issued.gross)


@router.post("/invoices/{number}/credits/preview")
def preview_credit(
    number: str,
    body: CreditRequest,
    engine: EngineDep,
    principal: Annotated[Principal, require(Permission.RUN_BILLING)],
) -> CreditPreview:
    """Compute what a credit note would come to; nothing of it is kept."""
    with engine.begin() as connection:
        result = service.preview(connection, number, body.lines)
        record(connection, principal, action="preview-credit", purpose="billing", subject=f"invoice:{number}")
    return result


@router.get("/invoices/{number}/credits")
def list_credits(
    number: str, engine: EngineDep, principal: Annotated[Principal, require(Permission.READ_INVOICES)]
) -> list[CreditOut]:
    """List the credits of a document: why, by whom, which lines."""
    with engine.begin() as connection:
        result = service.credits_of(connection, number)
        record(connection, principal, action="list-credits", purpose="billing", subject=f"invoice:{number}")
    return result
