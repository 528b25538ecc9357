"""One payment over several accounts: what each would get and what it covers, then all at once."""

from typing import Annotated

from fastapi import Depends, Form, Request, Response

from meterhub.access import audit
from meterhub.access.dependencies import EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.payments import clerk
from meterhub.billing.payments.clerk import Wanted, rolled_back
from meterhub.errors import BadInput, MeterhubError, NotAllowed
from meterhub.web.forms import amount_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS, MORE, MOST = 4, 4, 100

Writer = Annotated[Principal, page(Permission.WRITE_PAYMENTS)]
Written = Annotated[list[str] | None, Form(max_length=MOST)]


@router.get("/payments/{payment_id}/split")
def show(request: Request, payment_id: int, engine: EngineDep, principal: Writer) -> Response:
    """Ask for the accounts and how much each gets; the look is logged."""
    with engine.begin() as connection:
        values = {"payment": clerk.find(connection, payment_id), "lines": [("", "")] * ROWS}
        audit.record(
            connection, principal, action="read-payment", purpose="billing", subject=f"payment:{payment_id}"
        )
    return render(request, "payment_split.html", values | _NOTHING, principal=principal)


@router.post("/payments/{payment_id}/split", dependencies=[Depends(own_form)])
def split(
    request: Request,
    payment_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    *,
    customer: Written = None,
    amount: Written = None,
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show what a split would do, or do it; what is not given out stays in the queue."""
    lines = list(zip(customer or [], amount or [], strict=False))
    found: dict[str, object] = {}
    with engine.begin() as connection:
        row = clerk.find(connection, payment_id)
        audit.record(
            connection, principal, action="read-payment", purpose="billing", subject=f"payment:{payment_id}"
        )
    if step == "more":
        lines = (lines + [("", "")] * MORE)[:MOST]
    else:
        try:
            wanted = [Wanted(no.strip(), amount_of(part)) for no, part in lines if no.strip() or part.strip()]
            if not wanted or not all(one.customer_no for one in wanted):
                raise BadInput("name a customer number in each line that has an amount")
            with engine.begin() as connection:
                if step == "match":
                    clerk.match_by_hand(connection, settings, principal, payment_id, wanted)
                    return see_other(f"/payments/{payment_id}")
                with rolled_back(connection):
                    found["outcomes"] = clerk.match_by_hand(connection, settings, principal, payment_id, wanted)
        except NotAllowed:
            raise
        except MeterhubError as error:
            found["problem"] = error.detail
    values = {"payment": row, "lines": lines or [("", "")] * ROWS}
    return render(request, "payment_split.html", values | _NOTHING | found, principal=principal)


_NOTHING: dict[str, object] = {"outcomes": [], "problem": ""}
