"""Proposing to pay credit back or to give up a debt: what it would do, then the proposal, and its undoing."""

from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Query, Request, Response
from sqlalchemy import Connection

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.ledger import balances
from meterhub.billing.ledger.balances import OpenItem
from meterhub.billing.payments import refunding, writing_off
from meterhub.billing.payments.clerk import rolled_back
from meterhub.errors import MeterhubError, NotAllowed, NotFound
from meterhub.kit.db import AnyRow
from meterhub.settings import Settings
from meterhub.web import account_queries
from meterhub.web.forms import amount_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

OWN = [Depends(own_form)]
Writer = Annotated[Principal, page(Permission.WRITE_PAYMENTS)]
Reason = Annotated[str, Form(min_length=1, max_length=500)]
Amount = Annotated[str, Form(max_length=20)]


@router.get("/accounts/{customer_no}/refund")
def show_refund(
    request: Request, customer_no: str, engine: EngineDep, settings: SettingsDep, principal: Writer
) -> Response:
    """Ask to which account credit is paid back; the look is logged."""
    with engine.begin() as connection:
        customer = account_queries.look_at(connection, principal, customer_no)
        values = _credit(connection, settings, customer)
    given = {"iban": "", "amount": "", "reason": "", "final": False}
    return render(request, "account_refund.html", values | given, principal=principal)


@router.post("/accounts/{customer_no}/refund", dependencies=OWN)
def refund(
    request: Request,
    customer_no: str,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    *,
    iban: Annotated[str, Form(max_length=42)],
    reason: Reason,
    amount: Amount = "",
    final: Annotated[bool, Form()] = False,
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show what a refund would pay and to whom, or propose it; two other people approve it."""
    given = {"iban": iban, "amount": amount, "reason": reason, "final": final}
    try:
        with engine.begin() as connection:
            wanted = amount_of(amount)
            if step == "propose":
                _propose_refund(connection, settings, principal, customer_no, given, wanted)
                return see_other("/refunds")
            customer = account_queries.look_at(connection, principal, customer_no)
            with rolled_back(connection):
                seen = _propose_refund(connection, settings, principal, customer_no, given, wanted)
            values = _credit(connection, settings, customer) | {"seen": seen}
    except (NotFound, NotAllowed):
        raise
    except MeterhubError as error:
        with engine.begin() as connection:
            customer = account_queries.look_at(connection, principal, customer_no)
            values = _credit(connection, settings, customer) | {"problem": error.detail}
    return render(request, "account_refund.html", values | given, principal=principal)


@router.get("/accounts/{customer_no}/write-off")
def show_write_off(
    request: Request,
    customer_no: str,
    engine: EngineDep,
    settings: SettingsDep,
    principal: Writer,
    entry: Annotated[int, Query(ge=1)],
) -> Response:
    """Ask why an open item is given up; the look is logged."""
    with engine.begin() as connection:
        customer = account_queries.look_at(connection, principal, customer_no)
        values = _debt(settings, customer, _item(connection, customer, entry))
    return render(request, "account_write_off.html", values | {"amount": "", "reason": ""}, principal=principal)


@router.post("/accounts/{customer_no}/write-off", dependencies=OWN)
def write_off(
    request: Request,
    customer_no: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Writer,
    *,
    entry: Annotated[int, Form(ge=1)],
    reason: Reason,
    amount: Amount = "",
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show what giving up a debt would do, or do it; over the limit it waits for a second person."""
    day = clock().astimezone(settings.tz).date()
    given = {"amount": amount, "reason": reason}
    try:
        with engine.begin() as connection:
            customer = account_queries.look_at(connection, principal, customer_no)
            item = _item(connection, customer, entry)
            wanted = amount_of(amount)
            if step == "propose":
                writing_off.propose(connection, settings, principal, entry, reason.strip(), day, wanted)
                return see_other(f"/accounts/{quote(customer_no, safe='')}#write-offs")
            with rolled_back(connection):
                seen = writing_off.propose(connection, settings, principal, entry, reason.strip(), day, wanted)
            values = _debt(settings, customer, item) | {"seen": seen}
    except (NotFound, NotAllowed):
        raise
    except MeterhubError as error:
        values = _debt(settings, customer, item) | {"problem": error.detail}
    return render(request, "account_write_off.html", values | given, principal=principal)


@router.post("/accounts/{customer_no}/write-offs/{write_off_id}/undo", dependencies=OWN)
def undo_write_off(
    customer_no: str,
    write_off_id: int,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Writer,
    reason: Reason,
) -> Response:
    """Open again what was written off of this account."""
    with engine.begin() as connection:
        if writing_off.find(connection, write_off_id).customer_no != customer_no:
            raise NotFound(f"account {customer_no} has no write-off {write_off_id}")
        day = clock().astimezone(settings.tz).date()
        writing_off.undo(connection, principal, write_off_id, reason.strip(), day)
    return see_other(f"/accounts/{quote(customer_no, safe='')}#write-offs")


def _propose_refund(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    customer_no: str,
    given: dict[str, object],
    amount: Decimal | None,
) -> AnyRow:
    refund_id = refunding.propose(
        connection,
        settings,
        principal,
        customer_no,
        str(given["iban"]),
        str(given["reason"]).strip(),
        amount=amount,
        final=bool(given["final"]),
    )
    return refunding.refund_by_id(connection, refund_id)


def _credit(connection: Connection, settings: Settings, customer: AnyRow) -> dict[str, object]:
    return {
        "customer": customer,
        "credit": refunding.credit_of(connection, customer.id, settings.currency),
        "currency": settings.currency,
        "minimum": settings.receivables.refund_minimum,
        "approvals": refunding.APPROVALS,
        "seen": None,
        "problem": "",
    }


def _debt(settings: Settings, customer: AnyRow, item: OpenItem) -> dict[str, object]:
    limit = settings.receivables.write_off_limit
    return {"customer": customer, "item": item, "limit": limit, "seen": None, "problem": ""}


def _item(connection: Connection, customer: AnyRow, entry_id: int) -> OpenItem:
    for item in balances.open_items(connection, customer.id):
        if item.entry_id == entry_id:
            return item
    raise NotFound(f"account {customer.customer_no} has no open item {entry_id}")
