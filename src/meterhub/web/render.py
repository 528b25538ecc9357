"""Templates and how values are written in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.kit.units import ML_PER_M3
from meterhub.settings import Settings
from meterhub.web.security import PAGE_HEADERS

FOLDER = Path(__file__).parent
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
ML_PER_L = 1000
# UN/ECE Recommendation 20, as invoices have them.
UNITS = {
    "MTQ": "m³",
    "DAY": "days",
    "MON": "months",
    "C62": "pcs",
    "HUR": "h",
    "MTK": "m²",
    "MTR": "m",
    "KMT": "km",
}


@dataclass(frozen=True, slots=True)
class NavItem:
    """An entry of the menu, in its room, for those who may see its page."""

    path: str
    label: str
    room: str
    permission: Permission


NAV = (
    NavItem("/", "Overview", "Town", Permission.VIEW_OVERVIEW),
    NavItem("/points", "Metering points", "Town", Permission.READ_POINTS),
    NavItem("/alerts", "Alerts", "Town", Permission.READ_ALERTS),
    NavItem("/findings", "Reading quality", "Town", Permission.READ_CONSUMPTION),
    NavItem("/live", "Live", "Town", Permission.READ_CONSUMPTION),
    NavItem("/runs", "Billing runs", "Billing", Permission.READ_INVOICES),
    NavItem("/invoices", "Invoices", "Billing", Permission.READ_INVOICES),
    NavItem("/prices", "Prices", "Billing", Permission.READ_TARIFFS),
    NavItem("/other-bills", "Other bills", "Billing", Permission.READ_INVOICES),
    NavItem("/self-readings", "Self-reading", "Billing", Permission.READ_CUSTOMERS),
    NavItem("/dunning", "Dunning", "Billing", Permission.READ_INVOICES),
    NavItem("/accounts", "Accounts", "Money", Permission.READ_LEDGER),
    NavItem("/payments", "Payments", "Money", Permission.READ_LEDGER),
    NavItem("/refunds", "Refunds", "Money", Permission.READ_LEDGER),
    NavItem("/accounting", "Bookkeeping", "Money", Permission.READ_LEDGER),
    NavItem("/opening-balances", "Opening balances", "Money", Permission.WRITE_PAYMENTS),
    NavItem("/fleet", "Gateways", "Radio", Permission.READ_GATEWAYS),
    NavItem("/coverage", "Coverage", "Radio", Permission.READ_POINTS),
    NavItem("/quarantine", "Quarantine", "Radio", Permission.READ_QUARANTINE),
    NavItem("/keys", "Keys", "Radio", Permission.READ_KEY_STATUS),
    NavItem("/operations", "Operations", "System", Permission.READ_HEALTH),
)


def number(value: Decimal | float, decimals: int = 0) -> str:
    """Return a number with thin spaces between thousands."""
    return f"{value:,.{decimals}f}".replace(",", NARROW_SPACE).replace("-", "\N{MINUS SIGN}")


def cubic_metres(volume_ml: int, decimals: int = 3) -> str:
    """Return millilitres as m³."""
    return number(Decimal(volume_ml) / ML_PER_M3, decimals) + "\N{NO-BREAK SPACE}m³"


def litres(volume_ml: int, decimals: int = 0) -> str:
    """Return millilitres as litres."""
    return number(Decimal(volume_ml) / ML_PER_L, decimals) + "\N{NO-BREAK SPACE}L"


def day(value: date) -> str:
    """Return a day as people write it."""
    return f"{value.day}\N{NO-BREAK SPACE}{value:%b}\N{NO-BREAK SPACE}{value.year}"


def plain_words(code: str) -> str:
    """Return a code such as `key-missing` as words."""
    return code.replace("-", " ").replace("_", " ").capitalize()


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        m3=cubic_metres,
        litres=litres,
        day=day,
        last_day=lambda end: day(end - timedelta(days=1)),
        unit=lambda code: UNITS.get(code, code),
        words=plain_words,
        picture=Markup,
    )
    environment.globals["P"] = Permission
    return environment


_ENVIRONMENT = _environment()


def render(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    principal: Principal | None = None,
    status: int = 200,
) -> HTMLResponse:
    """Return a page; times in it are shown in the utility's zone."""
    settings: Settings = request.app.state.settings
    zone = settings.tz
    nav = [item for item in NAV if principal is not None and principal.may(item.permission)]
    address = request.url.path
    here = max((item for item in NAV if address.startswith(item.path)), key=lambda item: len(item.path))
    html = _ENVIRONMENT.get_template(template).render(
        **values,
        me=principal,
        rooms={item.room: item for item in reversed(nav)},
        nav=[item for item in nav if item.room == here.room],
        here=here,
        utility=settings.utility.name,
        zone=settings.zone,
        at=lambda value: _at(value, zone),
        ago=lambda value: _ago(value, request.app.state.clock()),
    )
    return HTMLResponse(html, status_code=status, headers=PAGE_HEADERS)


def _at(value: datetime, zone: ZoneInfo) -> Markup:
    """Return an instant in the utility's zone, with the exact one for machines."""
    local = value.astimezone(zone)
    shown = f"{day(local.date())} {local:%H:%M}"
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(timespec="seconds"), shown)


def _ago(value: datetime, now: datetime) -> str:
    minutes = int((now - value).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    raise AssertionError("a minute is a minute")
