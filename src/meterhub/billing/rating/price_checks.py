"""What is wrong with a price list before anybody is billed by it: each fault with a code and a place."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.model import TariffVersion, VatVersion
from meterhub.billing.rating.strict_json import Fields


class Problem(NamedTuple):
    """A fault: a stable code, the field, and what to do."""

    code: str
    place: str
    message: str


class Announced(NamedTuple):
    """A version of a list under check: where it stands, and when customers were told of it."""

    place: str
    version: TariffVersion
    announced_on: date | None
    is_new: bool


def parameters_of(kind: str, per: str, parameters: Mapping[str, object], *, stored: bool = False) -> object:
    """Return the parameters of a component; raises RatingError, for one that is stored not over spare fields."""
    fields = Fields({**({"per": per} if per != "year" else {}), **parameters}, "parameters")
    made = KINDS[kind].parameters(fields)
    if not stored:
        fields.done()
    return made


def problems(
    versions: Sequence[Announced], vat: Iterable[VatVersion], *, notice_months: int, today: date | None
) -> list[Problem]:
    """Return the faults of new versions beside stored ones: gaps, VAT without a rate, too little notice.

    With `today` a price that comes into force later must say when it was announced.
    """
    rates: dict[str, list[VatVersion]] = {}
    for rate in vat:
        rates.setdefault(rate.code, []).append(rate)
    found: list[Problem] = []
    by_component: dict[str, list[Announced]] = {}
    for one in versions:
        by_component.setdefault(one.version.code, []).append(one)
    for group in by_component.values():
        group.sort(key=lambda one: one.version.valid_from)
        before: Announced | None = None
        for one in group:
            if before is not None and (one.is_new or before.is_new):
                found += _gap(before, one)
            if one.is_new:
                found += _vat(one, rates)
                found += _notice(one, notice_months, today, is_change=before is not None)
            before = one
    return found


def earliest(announced_on: date, notice_months: int) -> date:
    """Return the first day on which a price announced on a day may be in force."""
    months = announced_on.year * 12 + announced_on.month - 1 + notice_months
    for day in range(announced_on.day, 0, -1):
        try:
            return date(months // 12, months % 12 + 1, day)
        except ValueError:
            continue  # the month is shorter
    raise AssertionError("every month has a first day")


def _gap(before: Announced, after: Announced) -> list[Problem]:
    ends, starts = before.version.valid_to, after.version.valid_from
    if ends is None or ends >= starts:
        return []
    message = (
        f"component {after.version.code!r} has no price from {ends} to {starts}; "
        "let one version begin where the other ends"
    )
    return [Problem("tariff_gap", f"{after.place}.valid_from", message)]


def _vat(one: Announced, rates: Mapping[str, Sequence[VatVersion]]) -> list[Problem]:
    code, day = one.version.vat_code, one.version.valid_from
    known = rates.get(code, ())
    what = f"component {one.version.code!r}"
    if not known:
        message = f"{what}: no VAT rate has the code {code!r}"
    elif not any(rate.valid_from <= day and (rate.valid_to is None or day < rate.valid_to) for rate in known):
        message = f"{what}: VAT code {code!r} has no rate on {day}"
    else:
        return []
    return [Problem("vat_missing", f"{one.place}.vat_code", message)]


def _notice(one: Announced, months: int, today: date | None, *, is_change: bool) -> list[Problem]:
    day, told = one.version.valid_from, one.announced_on
    what = f"component {one.version.code!r} from {day}"
    if told is None:
        if not is_change or today is None or day <= today:
            return []
        message = f"{what}: say in announced_on when customers were told of the new price"
        return [Problem("announcement_missing", f"{one.place}.announced_on", message)]
    if not is_change or earliest(told, months) <= day:
        return []
    message = (
        f"{what} was announced on {told}: {months} months' notice lets it begin on {earliest(told, months)} at "
        "the earliest"
    )
    return [Problem("announced_too_late", f"{one.place}.valid_from", message)]
