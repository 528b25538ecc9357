"""How a line was computed, as values that can be printed, stored and computed again.

A trace holds every number that entered the line, so `verify.disagreements` can repeat the arithmetic.
`ref` fields are the caller's own ids of reads, prices and VAT versions.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Ref: TypeAlias = str | int | None


class Method(StrEnum):
    """How the register of a meter on a day is known (R2, R3)."""

    READ = "read"
    INTERPOLATED = "interpolated"
    ESTIMATED = "estimated"
    REMOVED = "removed"
    NOT_YET_INSTALLED = "not_yet_installed"
    ANNUAL = "annual"


class Apportion(StrEnum):
    """How time is weighed: days/365, or months/12 with part months by their days."""

    DAYS = "days"
    MONTHS = "months"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A read that counts: as read, and unwrapped over rollovers and reverse flow [ml]."""

    on: date
    source: str
    volume_ml: int
    unwrapped_ml: int
    ref: Ref


@dataclass(frozen=True, slots=True)
class RegisterValue:
    """The register of a meter at 00:00 on a day, in whole litres, unwrapped, and the reads it rests on.

    `annual_m3` and `since` are set where the annual volume was used (R3, a konto, stipulated).
    """

    meter: str | None
    on: date
    method: Method
    value_l: int
    evidence: tuple[Evidence, ...] = ()
    annual_m3: Decimal | None = None
    since: date | None = None


@dataclass(frozen=True, slots=True)
class MeterVolume:
    """What one meter adds to a segment: from one billed-up-to mark to the next [l].

    The mark is the highest register billed so far: it stays where water flows backwards.
    """

    point: str
    opening: RegisterValue
    closing: RegisterValue
    billed_from_l: int
    billed_to_l: int


@dataclass(frozen=True, slots=True)
class VolumeTrace:
    """Quantity = Σ meters (billed_to - billed_from) - Σ deducted (billed_to - billed_from)."""

    apportion: Apportion
    meters: tuple[MeterVolume, ...]
    deducted: tuple[MeterVolume, ...] = ()
    tariff_ref: Ref = None
    vat_ref: Ref = None


@dataclass(frozen=True, slots=True)
class FixedTrace:
    """Quantity = days · units, or round6(months · units); months as exact numerator/denominator."""

    units: Decimal
    days: int | None
    months: tuple[int, int] | None
    tariff_ref: Ref = None
    vat_ref: Ref = None


@dataclass(frozen=True, slots=True)
class LeakTrace:
    """Quantity = -min(round3(max(0, measured - normal) · percent/100), cap left) [m³].

    normal = N(end) - N(start), N(x) = round3(normal_annual · days from `counted_from`/365).
    """

    measured_m3: Decimal
    normal_annual_m3: Decimal
    counted_from: date
    percent: Decimal
    cap_left_m3: Decimal | None
    tariff_ref: Ref = None
    vat_ref: Ref = None


@dataclass(frozen=True, slots=True)
class MinimumTrace:
    """Net = floor - net of the volumetric and leak-credit lines; floor = round2(price · days/period days)."""

    net_price: Decimal
    days: int
    period_days: int
    volumetric_net: Decimal
    tariff_ref: Ref = None
    vat_ref: Ref = None


@dataclass(frozen=True, slots=True)
class RelativeTrace:
    """Unit price = round6(price of the line it is on · percent/100); the quantity is that line's."""

    on_code: str
    on_price: Decimal
    percent: Decimal
    tariff_ref: Ref = None
    vat_ref: Ref = None


@dataclass(frozen=True, slots=True)
class ItemTrace:
    """A one-off of the price list, dated."""

    on: date
    vat_ref: Ref = None


@dataclass(frozen=True, slots=True)
class MirrorTrace:
    """A stored line returned: quantity and net negated, nothing computed."""

    document: str


@dataclass(frozen=True, slots=True)
class InterestTrace:
    """Σ balance · rate · days/36500, rounded once (R11); a row is (half-year, days, rate, balance)."""

    rows: tuple[tuple[str, int, Decimal, Decimal], ...]


@dataclass(frozen=True, slots=True)
class FeeTrace:
    """A fee as given."""


@dataclass(frozen=True, slots=True)
class SplitTrace:
    """A payer's part of a whole line (R10): quantity by weight, cents by largest remainder."""

    whole_quantity: Decimal
    whole_net: Decimal
    weights: tuple[Decimal, ...]
    position: int
    whole: "Trace"


Trace: TypeAlias = (
    VolumeTrace
    | FixedTrace
    | LeakTrace
    | MinimumTrace
    | RelativeTrace
    | ItemTrace
    | MirrorTrace
    | InterestTrace
    | FeeTrace
    | SplitTrace
)
