"""Price lists: what is in force, to come and past; announcing a new price; trying a list on a past year."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, Form, Request, Response
from pydantic import ValidationError

from meterhub.access import audit
from meterhub.access.dependencies import ClockDep, EngineDep, SettingsDep
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.billing import prices
from meterhub.billing.rating.price_checks import earliest
from meterhub.billing.schemas import TariffDocument, TariffOut, TariffVersionIn
from meterhub.billing.whatif import service as what_ifs
from meterhub.billing.whatif.schemas import WhatIfRequest
from meterhub.billing.whatif.summing import Json
from meterhub.errors import BadInput, MeterhubError, NotFound
from meterhub.kit.money import trimmed
from meterhub.web.billing_pictures import Pair, Step, histogram, pairs, price_steps
from meterhub.web.page_route import page_router, see_other
from meterhub.web.pictures import NARROW, WIDE
from meterhub.web.render import render
from meterhub.web.security import own_form, page

router = page_router()

ROWS = 20
LONGEST = 200_000


@router.get("/prices")
def show_lists(
    request: Request, engine: EngineDep, principal: Annotated[Principal, page(Permission.READ_TARIFFS)]
) -> Response:
    """List price lists and what-ifs."""
    with engine.connect() as connection:
        lists = prices.list_tariffs(connection)
        tried = what_ifs.recent(connection, before_id=None, limit=ROWS)
    return render(request, "price_lists.html", {"lists": lists, "what_ifs": tried}, principal=principal)


@router.get("/prices/{code}")
def show(
    request: Request,
    code: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.READ_TARIFFS)],
) -> Response:
    """Show a price list: current prices, those to come, and the history of each as a picture."""
    today = clock().astimezone(settings.tz).date()
    with engine.connect() as connection:
        found = _find(prices.list_tariffs(connection), code)
    return _shown(request, found, today, principal)


@router.post("/prices/{code}", dependencies=[Depends(own_form)])
def change(
    request: Request,
    code: str,
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.WRITE_TARIFFS)],
    component: Annotated[str, Form(max_length=60)],
    net_price: Annotated[str, Form(max_length=20)],
    valid_from: Annotated[str, Form(max_length=10)],
    announced_on: Annotated[str, Form(max_length=10)] = "",
    action: Annotated[str, Form(max_length=10)] = "check",
) -> Response:
    """Announce a price to come for one component, or only look whether it would hold."""
    today = clock().astimezone(settings.tz).date()
    entered = {
        "component": component,
        "net_price": net_price,
        "valid_from": valid_from,
        "announced_on": announced_on,
    }
    with engine.connect() as connection:
        found = _find(prices.list_tariffs(connection), code)
    try:
        document = _successor(found, component, net_price.replace(",", "."), valid_from, announced_on or None)
        with engine.connect() as connection, connection.begin() as transaction:
            prices.import_tariff(connection, document, principal.name, today=today)
            if action == "announce":
                audit.record(
                    connection, principal, action="import-tariff", purpose="billing", subject=f"tariff:{code}"
                )
            else:
                transaction.rollback()
    except MeterhubError as error:
        faults = list(error.fields.values()) or [error.detail]
        return _shown(request, found, today, principal, entered=entered, faults=faults, status=error.status)
    if action == "announce":
        return see_other(f"/prices/{code}")
    return _shown(request, found, today, principal, entered=entered, holds=True)


@router.post("/prices", dependencies=[Depends(own_form)])
def start_what_if(
    engine: EngineDep,
    settings: SettingsDep,
    clock: ClockDep,
    principal: Annotated[Principal, page(Permission.WRITE_TARIFFS)],
    year: Annotated[int, Form(ge=1990, le=2200)],
    against: Annotated[str, Form(max_length=60)],
    tariff: Annotated[str, Form(max_length=60)] = "",
    document: Annotated[str, Form(max_length=LONGEST)] = "",
) -> Response:
    """Try a stored list, or one that is pasted, on a past year."""
    today = clock().astimezone(settings.tz).date()
    try:
        asked = WhatIfRequest(
            year=year,
            against=against,
            tariff=None if document.strip() else tariff,
            document=TariffDocument.model_validate_json(document) if document.strip() else None,
        )
    except ValidationError as error:
        raise BadInput(
            "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        ) from None
    with engine.begin() as connection:
        number = what_ifs.start(connection, principal, asked, today)
    return see_other(f"/prices/tried/{number}")


@router.get("/prices/tried/{what_if_id}")
def show_what_if(
    request: Request,
    what_if_id: int,
    engine: EngineDep,
    principal: Annotated[Principal, page(Permission.READ_INVOICES)],
) -> Response:
    """Show the progress of a what-if, then its sums: by component, by group, and who pays more; logged."""
    with engine.begin() as connection:
        found = what_ifs.find(connection, what_if_id)
        audit.record(
            connection, principal, action="read-what-if", purpose="billing", subject=f"what-if:{what_if_id}"
        )
    pictures = _pictures(found.result) if found.result else None
    response = render(request, "what_if.html", {"tried": found, "pictures": pictures}, principal=principal)
    if found.state in ("queued", "running"):
        response.headers["Refresh"] = "2"
    return response


def _shown(
    request: Request,
    found: TariffOut,
    today: date,
    principal: Principal,
    *,
    entered: dict[str, str] | None = None,
    faults: Sequence[str] = (),
    holds: bool = False,
    status: int = 200,
) -> Response:
    by_component: dict[str, list[TariffVersionIn]] = {}
    for version in found.versions:
        by_component.setdefault(version.component, []).append(version)
    components = []
    for code, versions in by_component.items():
        current = next((one for one in versions if _holds(one, today)), None)
        coming = [one for one in versions if one.valid_from > today]
        priced = [one for one in versions if one.net_price]
        picture = priced and price_steps(
            [Step(one.valid_from, one.valid_to, trimmed(one.net_price)) for one in priced],
            today,
            name=f"price-{code}",
            title=f"{code}: net price over time",
        )
        components.append(
            {"code": code, "versions": versions, "current": current, "coming": coming, "picture": picture}
        )
    months = prices.notice_months(found.country)
    values = {
        "list": found,
        "components": components,
        "months": months,
        "earliest": earliest(today, months),
        "today": today,
        "entered": entered or {},
        "faults": faults,
        "holds": holds,
    }
    return render(request, "price_list.html", values, principal=principal, status=status)


def _successor(
    found: TariffOut, component: str, net_price: str, valid_from: str, announced_on: str | None
) -> TariffDocument:
    """Return the document that ends the component's open price and begins the next; raises BadInput, NotFound."""
    versions = [one for one in found.versions if one.component == component]
    if not versions:
        raise NotFound(f"the list has no component {component!r}")
    before = max(versions, key=lambda one: one.valid_from)
    sent = before.model_dump(mode="json", exclude_unset=True) | {"component": component}
    ended = sent | {"valid_to": valid_from}
    new = {name: value for name, value in sent.items() if name != "valid_to"}
    new |= {"net_price": net_price, "valid_from": valid_from, "announced_on": announced_on}
    try:
        return TariffDocument.model_validate(
            {
                "code": found.code,
                "name": found.name,
                "country": found.country,
                "currency": found.currency,
                "versions": [ended, new] if before.valid_to is None else [new],
            }
        )
    except ValidationError as error:
        raise BadInput("; ".join(one["msg"] for one in error.errors())) from None


def _find(lists: Sequence[TariffOut], code: str) -> TariffOut:
    for one in lists:
        if one.code == code:
            return one
    raise NotFound(f"there is no price list {code!r}")


def _holds(version: TariffVersionIn, day: date) -> bool:
    return version.valid_from <= day and (version.valid_to is None or day < version.valid_to)


def _pictures(result: Json) -> dict[str, str]:

    components = [
        Pair(one["component"], Decimal(one["net"]["before"]), Decimal(one["net"]["after"]))
        for one in result["components"]
    ]
    groups = [
        Pair(one["kind"].replace("_", " "), Decimal(one["gross"]["before"]), Decimal(one["gross"]["after"]))
        for one in result["groups"]
    ]
    classes = [(_label(one["from_percent"], one["to_percent"]), one["accounts"]) for one in result["spread"]]
    unit = result["currency"]
    title, change = "Accounts by change", "Change of the year's gross in percent."
    return {
        "components": pairs(
            components, name="components", title="Net by component", description=f"{unit} a year, today above."
        ),
        "groups": pairs(groups, name="groups", title="Gross by group", description=f"{unit} a year, today above."),
        "spread": histogram(classes, WIDE, name="spread-wide", title=title, description=change),
        "spread_narrow": histogram(classes, NARROW, name="spread-narrow", title=title, description=change),
    }


def _label(low: int | None, high: int | None) -> str:
    if low is None:
        return f"<{high}"
    return f"≥{low}" if high is None else f"{low}…{high}"
