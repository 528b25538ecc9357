"""What rating takes and gives: plain frozen values, no database, no clock, no JSON.

Volumes of reads are integer millilitres (ml); billed volumes are Decimal m³ with three decimals; money is
Decimal. Periods are half-open local dates (R1). `ref` fields are opaque to rating (a database id, say) and
come out in the traces, so that a line leads back to its reads, price and VAT versions.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from meterhub.billing.rating.traces import Apportion, Ref, Trace
from meterhub.kit.periods import DateRange

if TYPE_CHECKING:
    from meterhub.billing.rating.tariffs import PriceList


class Country(StrEnum):
    """Countries whose rules are known."""

    FI = "FI"
    NO = "NO"


class Regime(StrEnum):
    """Where the volume comes from: the meter, last year's volume, or an assumed one."""

    METERED = "metered"
    AKONTO = "akonto"
    STIPULATED = "stipulated"


class Service(StrEnum):
    """Services with a volume of their own."""

    WATER = "water"
    WASTEWATER = "wastewater"


class Role(StrEnum):
    """What a metering point is for: one payer, several payers, or subtracted from wastewater."""

    MAIN = "main"
    SHARED = "shared"
    DEDUCT = "deduct"


class ReadSource(StrEnum):
    """Where a read comes from, best evidence first; `estimated` ones are ignored."""

    INSTALLATION = "installation"
    REMOVAL = "removal"
    AMR = "amr"
    UTILITY = "utility"
    CUSTOMER = "customer"
    ESTIMATED = "estimated"


class FixedMethod(StrEnum):
    """How a yearly fee is apportioned (R5)."""

    DAYS_OF_YEAR = "days_of_year"
    MONTHS = "months"


class VatCut(StrEnum):
    """Whether VAT versions cut lines, or the period's last day decides."""

    SPLIT = "split"
    PERIOD_END = "period_end"


class Quality(StrEnum):
    """Whether a volume rests on reads at both ends."""

    ACTUAL = "actual"
    ESTIMATED = "estimated"


class DocumentType(StrEnum):
    """Sign of the gross decides (R9)."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class Read:
    """The register of a meter at 00:00 local time on a day [ml]."""

    on: date
    volume_ml: int
    source: ReadSource
    confirmed: bool = False
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class Installation:
    """A meter at a point, with all its reads in any order; `digits` before the decimal point."""

    meter: str
    reads: tuple[Read, ...]
    digits: int = 5
    qmax_m3h: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A metering point; `annual_m3` is the annual estimate, or basis · factor."""

    id: str
    installations: tuple[Installation, ...] = ()
    role: Role = Role.MAIN
    services: tuple[Service, ...] = (Service.WATER, Service.WASTEWATER)
    payer: str | None = None
    deducts_from: str | None = None
    annual_m3: Decimal | None = None
    billed_mark_ml: int | None = None


@dataclass(frozen=True, slots=True)
class VatVersion:
    """A VAT rate [%] of a code while it is in force; category as in EN 16931 (S, E, Z, O)."""

    code: str
    category: str
    rate: Decimal
    valid_from: date
    valid_to: date | None = None
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class TariffVersion:
    """A net price of a component while it is in force; `parameters` belong to the component's kind.

    `service` is one of `Service` where volumes are priced, elsewhere any word (stormwater, say).
    """

    code: str
    kind: str
    net_price: Decimal
    vat_code: str
    valid_from: date
    valid_to: date | None = None
    service: str | None = None
    parameters: object = None
    ref: Ref = None


@dataclass(frozen=True, slots=True)
class Payer:
    """Someone who pays a part of what has no single owner."""

    id: str
    weight: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Move:
    """A change of customer at 00:00 on a day strictly inside the period."""

    on: date
    outgoing: str
    incoming: str


@dataclass(frozen=True, slots=True)
class LeakCredit:
    """Credit of leaked volume on one component at one point (None: the only main or shared one)."""

    component: str
    normal_annual_m3: Decimal
    point: str | None = None
    percent: Decimal = Decimal(100)
    cap_m3: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A one-off; `on` None means the last day of the period, `payer` None means split."""

    code: str
    quantity: Decimal
    net_price: Decimal
    vat_code: str
    unit: str = "C62"
    on: date | None = None
    payer: str | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What fees other than volumes are by, from a day on; None where nobody has told.

    `meter_size_mm` is the nominal size (DN) of the site's largest meter; `marks` name what only some sites
    pay (a combined sewer) or get (a reduced fee).
    """

    valid_from: date = date.min
    meter_size_mm: int | None = None
    floor_area_m2: Decimal | None = None
    plot_area_m2: Decimal | None = None
    dwellings: int | None = None
    building_type: str | None = None
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """A priced line; None where a field does not apply. `trace` says how it was computed."""

    code: str
    point: str | None
    period: DateRange | None
    quantity: Decimal
    unit: str
    unit_price: Decimal
    price_base_quantity: Decimal
    net: Decimal
    vat_category: str
    vat_rate: Decimal
    quality: Quality | None = None
    refers_to: str | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class EarlierLine:
    """A stored line of an earlier document that this one returns."""

    document: str
    line: Line
    payer: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Choices of the utility; None takes the country's default (see `rules.resolve`)."""

    fixed_method: FixedMethod | None = None
    volume_apportion: Apportion | None = None
    vat_cut: VatCut = VatCut.SPLIT
    reverse_tolerance_ml: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Quote:
    """Everything one bill depends on. Build `prices` once (`tariffs.PriceList.of`) and share it."""

    country: Country
    currency: str
    period: DateRange
    prices: "PriceList"
    points: tuple[Point, ...] = ()
    regime: Regime = Regime.METERED
    earlier: tuple[EarlierLine, ...] = ()
    payers: tuple[Payer, ...] = (Payer("customer"),)
    move: Move | None = None
    leak_credit: LeakCredit | None = None
    items: tuple[Item, ...] = ()
    sites: tuple[Site, ...] = ()
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class VatGroup:
    """One group per category and rate (R7): vat = round2(base · rate/100)."""

    category: str
    rate: Decimal
    base: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Document:
    """What one payer gets; signs stay as computed in a credit note too."""

    type: DocumentType
    payer: str
    refers_to: str | None
    lines: tuple[Line, ...]
    vat_groups: tuple[VatGroup, ...]
    net: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True)
class QuoteResult:
    """The documents of one bill; none when there is nothing to bill."""

    documents: tuple[Document, ...]
