"""REST for accounts: balance and entries, the stop list, payment plans."""

from typing import Annotated

from fastapi import APIRouter
from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.ledger import balances, plans, stops
from meterhub.billing.payments.schemas import (
    AccountOut,
    AllocationOut,
    Created,
    EntryOut,
    OpenItemOut,
    PlanIn,
    PlanOut,
    StopIn,
    StopOut,
)
from meterhub.errors import NotFound

router = APIRouter()

Reader = Annotated[Principal, require(Permission.READ_LEDGER)]
Writer = Annotated[Principal, require(Permission.WRITE_PAYMENTS)]


def customer_id_of(connection: Connection, customer_no: str) -> int:
    """Return the id of a customer; raises NotFound."""
    query = text("SELECT id FROM customer WHERE customer_no = :no")
    found: int | None = connection.execute(query, {"no": customer_no}).scalar_one_or_none()
    if found is None:
        raise NotFound(f"there is no customer {customer_no!r}")
    return found


@router.get("/accounts/{customer_no}")
def read_account(customer_no: str, engine: EngineDep, principal: Reader) -> AccountOut:
    """Return a customer's account: balance, open items, entries and what covers what; each look is logged."""
    with engine.begin() as connection:
        customer_id = customer_id_of(connection, customer_no)
        entries = balances.history(connection, customer_id)
        covers = balances.allocations_of(connection, [row.id for row in entries])
        result = AccountOut(
            customer_no=customer_no,
            balance=balances.balance(connection, customer_id),
            open_items=[OpenItemOut.model_validate(one) for one in balances.open_items(connection, customer_id)],
            entries=[EntryOut.model_validate(one) for one in entries],
            allocations=[AllocationOut.model_validate(one) for one in covers],
        )
        record(connection, principal, action="read-account", purpose="billing", subject=f"customer:{customer_no}")
    return result


@router.get("/accounts/{customer_no}/payment-plans")
def list_payment_plans(
    customer_no: str, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Reader
) -> list[PlanOut]:
    """List the payment plans of an account, newest first; each look is logged."""
    with engine.begin() as connection:
        customer_id = customer_id_of(connection, customer_no)
        rows = plans.plans_of(connection, customer_id, clock().astimezone(settings.tz).date())
        record(connection, principal, action="read-account", purpose="billing", subject=f"customer:{customer_no}")
    return [PlanOut.model_validate(row) for row in rows]


@router.post("/accounts/{customer_no}/payment-plans", status_code=201)
def agree_payment_plan(
    customer_no: str, body: PlanIn, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> Created:
    """Agree on instalments for open items; while they are paid, nobody is reminded of these items."""
    instalments = [plans.Instalment(one.due_on, one.amount) for one in body.instalments]
    with engine.begin() as connection:
        customer_id = customer_id_of(connection, customer_no)
        day = clock().astimezone(settings.tz).date()
        plan_id = plans.agree(connection, principal, customer_id, body.entries, instalments, day, body.reason)
    return Created(id=plan_id)


@router.post("/payment-plans/{plan_id}/end", status_code=204)
def end_payment_plan(
    plan_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> None:
    """End a payment plan: its items are reminded of again."""
    with engine.begin() as connection:
        plans.end(connection, principal, plan_id, clock().astimezone(settings.tz).date())


@router.get("/accounts/{customer_no}/stops")
def list_reminder_stops(customer_no: str, engine: EngineDep, principal: Reader) -> list[StopOut]:
    """List what of an account is on the stop list; each look is logged."""
    with engine.begin() as connection:
        rows = stops.stops_of(connection, customer_id_of(connection, customer_no))
        record(connection, principal, action="read-account", purpose="billing", subject=f"customer:{customer_no}")
    return [StopOut.model_validate(row) for row in rows]


@router.post("/accounts/{customer_no}/stops", status_code=201)
def add_reminder_stop(customer_no: str, body: StopIn, engine: EngineDep, principal: Writer) -> Created:
    """Stop reminders, collection and disconnection of an account or of one entry."""
    with engine.begin() as connection:
        stop_id = stops.add_stop(
            connection,
            principal,
            customer_id_of(connection, customer_no),
            body.reason,
            body.valid_from,
            entry_id=body.entry_id,
            valid_to=body.valid_to,
            note=body.text,
        )
    return Created(id=stop_id)


@router.post("/stops/{stop_id}/end", status_code=204)
def end_reminder_stop(
    stop_id: int, engine: EngineDep, settings: SettingsDep, clock: ClockDep, principal: Writer
) -> None:
    """Take something off the stop list from today on."""
    with engine.begin() as connection:
        stops.end_stop(connection, principal, stop_id, clock().astimezone(settings.tz).date())
