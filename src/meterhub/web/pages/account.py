"""Accounts: the search, and one account's life: money, documents, water, plans and stops."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query, Request, Response
from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing.ledger import balances, plans, stops
from meterhub.billing.payments import refunding, writing_off
from meterhub.errors import NotFound
from meterhub.kit.charts import Bar, Size
from meterhub.kit.db import AnyRow
from meterhub.kit.step_chart import step_chart
from meterhub.readings import repository as readings
from meterhub.readings.schemas import Resolution
from meterhub.web import account_queries, queries
from meterhub.web.page_route import page_router
from meterhub.web.pictures import HIGH, NARROW, WIDE, bars_in_two_sizes
from meterhub.web.render import number, render
from meterhub.web.security import page

router = page_router()

ROWS = 50
SHOWN = 20
MONTHS = 13
POINTS_SHOWN = 12
MONTH = timedelta(days=28)
PURPOSES = ("billing", "customer-service", "collection")


@router.get("/accounts")
def search(
    request: Request,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_LEDGER)],
    q: Annotated[str, Query(max_length=100)] = "",
    purpose: str = PURPOSES[0],
) -> Response:
    """Find a customer by number or name, for a purpose that is logged."""
    purpose = purpose if purpose in PURPOSES else PURPOSES[0]
    wanted = q.strip()
    with engine.begin() as connection:
        found = account_queries.search(connection, wanted, ROWS) if wanted else []
        if wanted:
            audit.record(connection, principal, action="search-customers", purpose=purpose)
    values = {"found": found, "search": wanted, "purpose": purpose, "purposes": PURPOSES}
    return render(request, "accounts.html", values, principal=principal)


@router.get("/accounts/{customer_no}")
def show(
    request: Request,
    customer_no: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_LEDGER)],
    purpose: str = PURPOSES[0],
) -> Response:
    """Show an account: balance over time, what is open, what was posted, documents, water; logged."""
    purpose = purpose if purpose in PURPOSES else PURPOSES[0]
    today = clock().astimezone(settings.tz).date()
    with engine.begin() as connection:
        customer = account_queries.customer(connection, customer_no)
        if customer is None:
            raise NotFound(f"there is no customer {customer_no!r}")
        entries = balances.history(connection, customer.id)
        points = account_queries.points(connection, customer.id)
        values = {
            "customer": customer,
            "balance": balances.balance(connection, customer.id),
            "currency": settings.currency,
            "items": balances.open_items(connection, customer.id),
            "entries": list(reversed(entries)),
            "covers": _covers(connection, entries),
            "documents": account_queries.documents(connection, customer.id),
            "points": points,
            "plans": plans.plans_of(connection, customer.id, today),
            "stops": stops.stops_of(connection, customer.id),
            "stop_reasons": stops.REASONS,
            "credit": refunding.credit_of(connection, customer.id, settings.currency),
            "refunds": refunding.refunds(connection, customer_id=customer.id, limit=SHOWN),
            "write_offs": writing_off.write_offs(connection, customer_id=customer.id, limit=SHOWN),
            "today": today,
            "picture": _balance(entries, today, settings.currency),
            "sees_water": principal.may(Permission.READ_CONSUMPTION),
        }
        if values["sees_water"]:
            shown = points[:POINTS_SHOWN]
            values["reads"] = {one.point_code: queries.last_read(connection, one.point_id) for one in shown}
            values["water"] = _water(connection, shown, clock(), settings.tz)
        audit.record(
            connection, principal, action="read-account", purpose=purpose, subject=f"customer:{customer_no}"
        )
    return render(request, "account.html", values, principal=principal)


def _covers(connection: Connection, entries: Sequence[AnyRow]) -> dict[int, list[str]]:
    """Return by credit entry what it covers, in words, leaving out what was taken back."""
    rows = balances.allocations_of(connection, [row.id for row in entries])
    undone = {row.reverses_id for row in rows}
    result: dict[int, list[str]] = {}
    for row in rows:
        if row.reverses_id is None and row.id not in undone:
            what = row.debit_number or row.debit_kind.replace("_", " ")
            result.setdefault(row.credit_entry_id, []).append(f"{number(row.amount, 2)} on {what}")
    return result


def _balance(entries: Sequence[AnyRow], today: date, currency: str) -> str:
    steps: dict[date, float] = {}
    for row in entries:
        steps[row.booked_on] = float(row.balance_after)
    drawn = [
        step_chart(
            list(steps.items()),
            max([today, *steps]),
            name=f"balance-{kind}",
            title="Balance over time",
            description="What the customer owes; below zero what it has in credit.",
            unit=currency,
            size=Size(width, HIGH),
        )
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    return f'<div class="wide">{drawn[0]}</div><div class="narrow">{drawn[1]}</div>'


def _water(connection: Connection, points: Sequence[AnyRow], now: datetime, zone: ZoneInfo) -> str:
    """Return the water of all points of the account by the month."""
    local = now.astimezone(zone)
    first = local.year * 12 + local.month - MONTHS
    starts = [datetime((first + n) // 12, (first + n) % 12 + 1, 1, tzinfo=zone) for n in range(MONTHS)]
    volumes: dict[tuple[int, int], int] = {}
    for one in {row.point_id for row in points}:
        rows = readings.consumption(connection, one, starts[0], now, resolution=Resolution.MONTH, zone=str(zone))
        for row in rows:
            month = row.start.astimezone(zone)
            volumes[month.year, month.month] = volumes.get((month.year, month.month), 0) + row.volume_ml
    bars = [
        Bar(start, volume / 1e6 if (volume := volumes.get((start.year, start.month))) is not None else None)
        for start in starts
    ]
    said = f"{number(sum(volumes.values()) / 1e6, 1)} m³ in {len(volumes)} months with data."
    return bars_in_two_sizes(
        bars, MONTH, name="water", title="Water by the month", description=said, unit="m³", zone=zone
    )
