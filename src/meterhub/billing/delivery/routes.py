"""REST for the outbox."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.delivery import repository, service
from meterhub.billing.delivery.schemas import DeliveryOut, ResendRequest, Resent
from meterhub.kit.paging import IdPage, Page, page_of

router = APIRouter(tags=["billing"])


@router.get("/deliveries")
def list_deliveries(
    engine: EngineDep,
    page: Annotated[IdPage, Query()],
    principal: Annotated[Principal, require(Permission.READ_INVOICES)],
    state: Literal["waiting", "sending", "sent", "failed", "uncertain"] | None = None,
    document: str | None = None,
    customer: str | None = None,
) -> Page[DeliveryOut]:
    """List documents on their way, newest first: in a state, of a document (number) or a customer (number)."""
    with engine.begin() as connection:
        rows = repository.listed(
            connection,
            before_id=page.after,
            limit=page.limit + 1,
            state=state,
            number=document,
            customer_no=customer,
        )
        record(connection, principal, action="list-deliveries", purpose="billing")
    shown, cursor = page_of(rows, page.limit, lambda row: row.id)
    return Page(items=[DeliveryOut.model_validate(row._mapping) for row in shown], next_cursor=cursor)


@router.post("/deliveries/{delivery_id}/resend", status_code=202)
def resend(
    delivery_id: int,
    body: ResendRequest,
    engine: EngineDep,
    principal: Annotated[Principal, require(Permission.RUN_BILLING)],
) -> Resent:
    """Send a document again, by another channel if one is named; 409 while it is on its way."""
    with engine.begin() as connection:
        made = service.resend(connection, principal, delivery_id, body.channel)
    return Resent(id=made)
