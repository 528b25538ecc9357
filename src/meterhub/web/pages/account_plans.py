"""Payment plans of an account, seen as a table of instalments before they are agreed, and its stop list."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Form, Request, Response
from sqlalchemy import Connection

from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.ledger import balances, plans, stops
from meterhub.billing.ledger.plans import Instalment
from meterhub.errors import BadInput, MeterhubError, NotAllowed, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.settings import Settings
from meterhub.web import account_queries
from meterhub.web.forms import amount_of, day_of, days_of
from meterhub.web.page_route import page_router, see_other
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

MOST_INSTALMENTS = 60
OWN = [Depends(own_form)]
Writer = Annotated[Principal, page(Permission.WRITE_PAYMENTS)]
Note = Annotated[str, Form(max_length=500)]


@router.get("/accounts/{customer_no}/plan")
def show_plan(
    request: Request, customer_no: str, engine: EngineDep, settings: SettingsDep, principal: Writer
) -> Response:
    """Ask which open items are paid in how many instalments; the look is logged."""
    with engine.begin() as connection:
        customer = account_queries.look_at(connection, principal, customer_no)
        values = _form(connection, settings, customer)
    return render(request, "account_plan.html", values, principal=principal)


@router.post("/accounts/{customer_no}/plan", dependencies=OWN)
def plan(
    request: Request,
    customer_no: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Writer,
    *,
    entries: Annotated[list[int] | None, Form(max_length=500)] = None,
    count: Annotated[int, Form(ge=1, le=MOST_INSTALMENTS)] = 3,
    first_on: Annotated[str, Form(max_length=10)] = "",
    reason: Note = "",
    due_on: Annotated[list[str] | None, Form(max_length=MOST_INSTALMENTS)] = None,
    amount: Annotated[list[str] | None, Form(max_length=MOST_INSTALMENTS)] = None,
    step: Annotated[str, Form()] = "preview",
) -> Response:
    """Show even instalments, a month apart, or agree on them as they stand in the table."""
    chosen = entries or []
    today = clock().astimezone(settings.tz).date()
    table = list(zip(due_on or [], amount or [], strict=False))
    problem = ""
    try:
        with engine.begin() as connection:
            customer = account_queries.look_at(connection, principal, customer_no)
            if step == "agree":
                instalments = _written(table)
                plans.agree(connection, principal, customer.id, chosen, instalments, today, reason.strip())
                return see_other(f"/accounts/{quote(customer_no, safe='')}#plans")
            items = balances.open_items(connection, customer.id)
            total = sum((item.open_amount for item in items if item.entry_id in chosen), ZERO)
            first = day_of(first_on)
            if not total or first is None:
                raise BadInput("choose at least one open item, and the day of the first instalment")
            parts = plans.even_instalments(total, plans.monthly(first, count))
            table = [(one.due_on.isoformat(), str(one.amount)) for one in parts]
    except (NotFound, NotAllowed):
        raise
    except MeterhubError as error:
        problem = error.detail
    with engine.begin() as connection:
        values = _form(connection, settings, account_queries.look_at(connection, principal, customer_no))
    values |= {"chosen": chosen, "count": count, "first_on": first_on, "reason": reason, "table": table}
    return render(request, "account_plan.html", values | {"problem": problem}, principal=principal)


@router.post("/accounts/{customer_no}/plans/{plan_id}/end", dependencies=OWN)
def end_plan(
    customer_no: str, plan_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> Response:
    """End a payment plan of this account: its items are reminded of again."""
    today = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        customer = account_queries.look_at(connection, principal, customer_no)
        if plan_id not in {row.id for row in plans.plans_of(connection, customer.id, today)}:
            raise NotFound(f"account {customer_no} has no payment plan {plan_id}")
        plans.end(connection, principal, plan_id, today)
    return see_other(f"/accounts/{quote(customer_no, safe='')}#plans")


@router.post("/accounts/{customer_no}/stops", dependencies=OWN)
def add_stop(
    customer_no: str,
    engine: EngineDep,
    principal: Writer,
    *,
    reason: Annotated[str, Form(max_length=40)],
    valid_from: Annotated[str, Form(max_length=10)],
    last_on: Annotated[str, Form(max_length=10)] = "",
    entry: Annotated[str, Form(max_length=18)] = "",
    note: Note = "",
) -> Response:
    """Stop reminders, collection and closing of an account or of one item, up to and including a day."""
    [starts] = days_of([valid_from])
    last = day_of(last_on)
    with engine.begin() as connection:
        customer = account_queries.look_at(connection, principal, customer_no)
        stops.add_stop(
            connection,
            principal,
            customer.id,
            reason,
            starts,
            entry_id=int(entry) if entry.isascii() and entry.isdecimal() else None,
            valid_to=None if last is None else last + timedelta(days=1),
            note=note.strip(),
        )
    return see_other(f"/accounts/{quote(customer_no, safe='')}#plans")


@router.post("/accounts/{customer_no}/stops/{stop_id}/end", dependencies=OWN)
def end_stop(
    customer_no: str, stop_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> Response:
    """Take something of this account off the stop list from today on."""
    with engine.begin() as connection:
        customer = account_queries.look_at(connection, principal, customer_no)
        if stop_id not in {row.id for row in stops.stops_of(connection, customer.id)}:
            raise NotFound(f"account {customer_no} has no stop {stop_id}")
        stops.end_stop(connection, principal, stop_id, clock().astimezone(settings.tz).date())
    return see_other(f"/accounts/{quote(customer_no, safe='')}#plans")


def _written(table: list[tuple[str, str]]) -> list[Instalment]:
    """Return the instalments as a clerk left them in the table; raises BadInput."""
    days = days_of([day for day, _ in table])
    amounts: list[Decimal] = []
    for _, written in table:
        value = amount_of(written)
        if value is None or value <= 0:
            raise BadInput(f"{written!r} is not an instalment: each is above zero")
        amounts.append(value)
    return [Instalment(day, value) for day, value in zip(days, amounts, strict=True)]


def _form(connection: Connection, settings: Settings, customer: AnyRow) -> dict[str, object]:
    items = balances.open_items(connection, customer.id)
    return {
        "customer": customer,
        "items": items,
        "currency": settings.currency,
        "most": MOST_INSTALMENTS,
        "chosen": [item.entry_id for item in items],
        "count": 3,
        "first_on": "",
        "reason": "",
        "table": [],
        "problem": "",
    }
