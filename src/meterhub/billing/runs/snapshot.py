"""The snapshot: every input of an invoice as JSON, and the way from it to the quote that is rated.

A run rates exactly what it stores: it builds the snapshot first and rates `quote_of(snapshot)`, and so does
whoever computes an issued invoice again. Volumes are integer millilitres, other numbers decimal strings.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from meterhub.billing.rating.model import (
    Country,
    Document,
    EarlierLine,
    Installation,
    Item,
    LeakCredit,
    Payer,
    Point,
    Quote,
    QuoteResult,
    Read,
    ReadSource,
    Regime,
    Role,
    Rules,
    Service,
    Site,
    TariffVersion,
    VatVersion,
)
from meterhub.billing.rating.price_checks import parameters_of
from meterhub.billing.rating.serialise import line_from_json
from meterhub.billing.rating.tariffs import PriceList
from meterhub.billing.rating.traces import Apportion
from meterhub.kit.db import AnyRow
from meterhub.kit.money import multiply
from meterhub.kit.periods import DateRange
from meterhub.kit.values import Json

SCHEMA = 2
SETTLEMENT = "settlement"
VOLUMETRIC = "volumetric"
# How rating calls the payer of a contract that only its customer pays.
ONLY_PAYER = "customer"
_REGIMES = {
    "amr": Regime.METERED,
    "estimate": Regime.METERED,
    SETTLEMENT: Regime.METERED,
    "akonto": Regime.AKONTO,
    "stipulated": Regime.STIPULATED,
}
_SETTLED_BY_MONTHS = Rules(volume_apportion=Apportion.MONTHS)
_METERED = tuple(Service)
# Overload flow Q4 of the usual household meter, Q3 = 2.5 m³/h (ISO 4064-1): what a rollover may not exceed.
HOUSEHOLD_Q4_M3H = Decimal("3.125")


def frozen_hash(frozen: Json) -> str:
    """Return the name under which what many documents share is kept: a hash of its content."""
    content = json.dumps(frozen, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def frozen_prices(tariff: AnyRow, versions: Sequence[AnyRow], vat: Sequence[AnyRow], period: DateRange) -> Json:
    """Return a price list and the VAT rates of its country as they are frozen into invoices of a period."""
    return {
        "tariff": {
            "id": tariff.id,
            "code": tariff.code,
            "name": tariff.name,
            "versions": [
                {
                    "id": row.id,
                    "component": row.component,
                    "kind": row.kind,
                    "service": row.service,
                    "net_price": str(row.net_price),
                    "per": row.per,
                    "parameters": row.parameters,
                    "ledger_account": row.ledger_account,
                    "vat_code": row.vat_code,
                    "valid_from": row.valid_from.isoformat(),
                    "valid_to": row.valid_to.isoformat() if row.valid_to else None,
                }
                for row in _that_matter(versions, "component", period)
            ],
        },
        "vat": [
            {
                "id": row.id,
                "code": row.code,
                "category": row.category,
                "rate": str(row.rate),
                "valid_from": row.valid_from.isoformat(),
                "valid_to": row.valid_to.isoformat() if row.valid_to else None,
            }
            for row in _that_matter(vat, "code", period)
        ],
    }


def price_list(prices: Json, services: tuple[str, ...], *, volumes_only: bool = False) -> PriceList:
    """Return what is priced at a point with these services; a fee for another service is not its own."""
    versions = [
        TariffVersion(
            code=version["component"],
            kind=version["kind"],
            net_price=Decimal(version["net_price"]),
            vat_code=version["vat_code"],
            valid_from=date.fromisoformat(version["valid_from"]),
            valid_to=_day(version["valid_to"]),
            service=version["service"],
            parameters=_parameters(version),
            ref=version["id"],
        )
        for version in prices["tariff"]["versions"]
        if (version["service"] not in _METERED or version["service"] in services)
        and (not volumes_only or version["kind"] == VOLUMETRIC)
    ]
    vat = [
        VatVersion(
            code=rate["code"],
            category=rate["category"],
            rate=Decimal(rate["rate"]),
            valid_from=date.fromisoformat(rate["valid_from"]),
            valid_to=_day(rate["valid_to"]),
            ref=rate["id"],
        )
        for rate in prices["vat"]
    ]
    return PriceList.of(versions, vat)


def quote_of(snapshot: Json, prices: PriceList | None = None) -> Quote:
    """Return what rating is asked; `prices` may be given where many snapshots share them."""
    services = tuple(snapshot["point"]["services"])
    country = Country(snapshot["country"])
    settles = snapshot.get("regime") == SETTLEMENT
    return Quote(
        country=country,
        currency=snapshot["currency"],
        period=period_of(snapshot),
        prices=price_list(snapshot, services, volumes_only=settles) if prices is None else prices,
        points=_points(snapshot, services),
        regime=_REGIMES[snapshot.get("regime", "amr")],
        earlier=tuple(_earlier(one) for one in snapshot.get("earlier", ())),
        payers=_payers(snapshot),
        leak_credit=_leak_credit(snapshot.get("leak_credit")),
        items=tuple(_item(one) for one in snapshot.get("items", ())),
        sites=tuple(_site(one) for one in snapshot.get("sites", ())),
        rules=_SETTLED_BY_MONTHS if settles and country is Country.NO else Rules(),
    )


def document_of(result: QuoteResult, snapshot: Json) -> Document | None:
    """Return the document of the payer whom a snapshot is for; None where there is nothing to bill."""
    payer = snapshot["customer"]["customer_no"] if "payers" in snapshot or "earlier" in snapshot else ONLY_PAYER
    return next((document for document in result.documents if document.payer == payer), None)


def period_of(snapshot: Json) -> DateRange:
    """Return the billed period."""
    start, end = snapshot["period"]
    return DateRange(date.fromisoformat(start), date.fromisoformat(end))


def meter_name(installation: Json) -> str:
    """Return how a meter is called in traces and on paper."""
    return f"{installation['manufacturer']} {installation['serial']}"


def _that_matter(versions: Sequence[AnyRow], key: str, period: DateRange) -> Iterator[AnyRow]:
    """Leave out what a neighbour of the same key makes irrelevant; the two beside a gap stay, so that it shows."""
    for row in versions:
        others = [other for other in versions if getattr(other, key) == getattr(row, key)]
        succeeded = any(row.valid_from < other.valid_from <= period.start for other in others)
        covered = row.valid_from >= period.end and any(
            other.valid_from < row.valid_from and other.valid_to >= period.end for other in others
        )
        if not (succeeded or covered):
            yield row


def _installation(installation: Json) -> Installation:
    return Installation(
        meter=meter_name(installation),
        digits=installation["digits"],
        qmax_m3h=Decimal(installation["q4_m3h"]) if "q4_m3h" in installation else HOUSEHOLD_Q4_M3H,
        reads=tuple(
            Read(
                on=date.fromisoformat(read["on"]),
                volume_ml=read["volume_ml"],
                source=ReadSource(read["source"]),
                confirmed=True,
                ref=read["ref"],
            )
            for read in installation["reads"]
        ),
    )


def _points(snapshot: Json, services: tuple[str, ...]) -> tuple[Point, ...]:
    main = Point(
        id=snapshot["point"]["point_code"],
        installations=tuple(_installation(one) for one in snapshot["installations"]),
        role=Role.SHARED if len(snapshot.get("payers", ())) > 1 else Role.MAIN,
        services=tuple(Service(service) for service in services),
        annual_m3=_annual_m3(snapshot.get("annual")),
        billed_mark_ml=snapshot.get("billed_mark_ml"),
    )
    deducts = (
        Point(
            id=one["point_code"],
            installations=tuple(_installation(installed) for installed in one["installations"]),
            role=Role.DEDUCT,
            deducts_from=main.id,
        )
        for one in snapshot.get("deducts", ())
    )
    return (main, *deducts)


def _annual_m3(annual: Json | None) -> Decimal | None:
    if annual is None:
        return None
    if "basis" in annual:
        return multiply(Decimal(annual["basis"]), Decimal(annual["factor"]))
    return Decimal(annual["annual_m3"])


def _payers(snapshot: Json) -> tuple[Payer, ...]:
    """Return who pays; by number where documents of several may come of it."""
    given = snapshot.get("payers")
    if given:
        return tuple(Payer(one["customer_no"], Decimal(one["weight"])) for one in given)
    if "earlier" in snapshot:
        return (Payer(snapshot["customer"]["customer_no"]),)
    return (Payer(ONLY_PAYER),)


def _earlier(earlier: Json) -> EarlierLine:
    return EarlierLine(earlier["document"], line_from_json(earlier["line"]), earlier["payer"])


def _leak_credit(given: Json | None) -> LeakCredit | None:
    if given is None:
        return None
    return LeakCredit(
        component=given["component"],
        normal_annual_m3=Decimal(given["normal_annual_m3"]),
        percent=Decimal(given["percent"]),
        cap_m3=_amount(given["cap_m3"]),
    )


def _item(item: Json) -> Item:
    return Item(
        code=item["code"],
        quantity=Decimal(item["quantity"]),
        net_price=Decimal(item["net_price"]),
        vat_code=item["vat_code"],
        unit=item["unit"],
        on=_day(item["on"]),
    )


def _parameters(version: Json) -> object:
    return parameters_of(version["kind"], version["per"], version.get("parameters") or {}, stored=True)


def _site(site: Json) -> Site:
    return Site(
        valid_from=date.fromisoformat(site["valid_from"]),
        meter_size_mm=site["meter_size_mm"],
        floor_area_m2=_amount(site["floor_area_m2"]),
        plot_area_m2=_amount(site["plot_area_m2"]),
        dwellings=site["dwellings"],
        building_type=site["building_type"],
        marks=frozenset(site["marks"]),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
