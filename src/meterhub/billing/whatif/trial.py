"""Tries a price list: every account of a past year by today's list and by the other, into sums."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from meterhub.billing import repository
from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Country, TariffVersion, VatVersion
from meterhub.billing.schemas import TariffDocument, TariffVersionIn, VatRateIn
from meterhub.billing.whatif.pricing import Shape, YearlyPrices
from meterhub.billing.whatif.summing import Summary
from meterhub.billing.whatif.usage import CHUNK, YearOfUse, use_of_year
from meterhub.errors import BadInput, NotFound
from meterhub.kit.db import AnyRow

NO_USE = "no_use_known"

Progress = Callable[[int], None]


def try_list(
    connection: Connection,
    year: int,
    zone: ZoneInfo,
    before: YearlyPrices,
    after: YearlyPrices,
    progress: Progress = lambda _done: None,
) -> Summary:
    """Return the sums over all accounts of a year; `progress` is told now and then how many are done."""
    return summed(use_of_year(connection, year, zone), before, after, progress)


def summed(
    accounts: Iterable[YearOfUse],
    before: YearlyPrices,
    after: YearlyPrices,
    progress: Progress = lambda _done: None,
) -> Summary:
    """Rate each account by both lists; one that either cannot rate is left out of both."""
    summary = Summary()
    for number, account in enumerate(accounts, start=1):
        _count(summary, account, before, after)
        if number % CHUNK == 0:
            progress(number)
    return summary


def stored_prices(connection: Connection, code: str, on: date) -> YearlyPrices:
    """Return a stored price list as it stands on a day; raise NotFound, BadInput where it has no price then."""
    tariff = _tariff(connection, code)
    return _prices(tariff.country, tariff.currency, _versions(connection, tariff), _vat(connection, tariff), on)


def tried_prices(connection: Connection, document: TariffDocument, on: date | None) -> YearlyPrices:
    """Return a list that is not decided yet, over what is stored of it, by default when all of it is in force."""
    tariff = repository.tariff_by_code(connection, document.code)
    day = on or max(version.valid_from for version in document.versions)
    stored: list[TariffVersionIn] = []
    vat = list(document.vat)
    if tariff is not None:
        new = {version.component for version in document.versions if _holds(version, day)}
        stored = [version for version in _versions(connection, tariff) if version.component not in new]
    given = {(rate.code, rate.valid_from) for rate in vat}
    vat += [rate for rate in _vat_of(connection, document.country) if (rate.code, rate.valid_from) not in given]
    return _prices(document.country, document.currency, [*stored, *document.versions], vat, day)


def _count(summary: Summary, account: YearOfUse, before: YearlyPrices, after: YearlyPrices) -> None:
    if account.volume_ml is None:
        summary.leave_out(NO_USE, f"contract {account.contract_no}")
        return
    shape = Shape(account.services, account.period, account.site)
    try:
        old, new = before.rate(shape, account.volume_ml), after.rate(shape, account.volume_ml)
    except RatingError as error:
        summary.leave_out(error.reason, f"contract {account.contract_no}: {error.detail}")
        return
    summary.estimated += account.estimated
    summary.count(account.contract_no, account.kind, account.volume_ml, old, new)


def _prices(
    country: str, currency: str, versions: Sequence[TariffVersionIn], vat: Sequence[VatRateIn], day: date
) -> YearlyPrices:
    """Hold what is in force on a day for good."""
    held = [version for version in versions if _holds(version, day)]
    if not held:
        raise BadInput(f"the price list has no price on {day}", fields={"on": "no price then"})
    rates = [rate for rate in vat if _holds(rate, day)]
    return YearlyPrices(
        Country(country),
        currency,
        [_for_good(version.rated()) for version in held],
        [_vat_for_good(one) for one in rates],
    )


def _for_good(version: TariffVersion) -> TariffVersion:
    return TariffVersion(
        code=version.code,
        kind=version.kind,
        net_price=version.net_price,
        vat_code=version.vat_code,
        valid_from=date.min,
        service=version.service,
        parameters=version.parameters,
    )


def _vat_for_good(rate: VatRateIn) -> VatVersion:
    return VatVersion(rate.code, rate.category, rate.rate, date.min)


def _holds(one: TariffVersionIn | VatRateIn, day: date) -> bool:
    return one.valid_from <= day and (one.valid_to is None or day < one.valid_to)


def _tariff(connection: Connection, code: str) -> AnyRow:
    tariff = repository.tariff_by_code(connection, code)
    if tariff is None:
        raise NotFound(f"there is no tariff {code!r}")
    return tariff


def _versions(connection: Connection, tariff: AnyRow) -> list[TariffVersionIn]:
    rows = repository.tariff_versions(connection, tariff.id)
    return [TariffVersionIn.model_validate(row, from_attributes=True) for row in rows]


def _vat(connection: Connection, tariff: AnyRow) -> list[VatRateIn]:
    return _vat_of(connection, tariff.country)


def _vat_of(connection: Connection, country: str) -> list[VatRateIn]:
    return [
        VatRateIn.model_validate(row, from_attributes=True) for row in repository.vat_rates(connection, country)
    ]
