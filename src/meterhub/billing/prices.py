"""Price lists in the database: versions are added, never edited; periods of one component never overlap.

The one change to a stored version is that an open-ended one is given its end, so that a successor can
follow; not before the end of what has been billed with it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from importlib import resources

from sqlalchemy import Connection

from meterhub.billing import repository
from meterhub.billing.rating.model import VatVersion
from meterhub.billing.rating.price_checks import Announced, problems
from meterhub.billing.schemas import TariffDocument, TariffImport, TariffOut, TariffVersionIn, VatRateIn
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.periods import overlaps

SHIPPED = ("kerava-2024", "example-town")


class BadPriceList(BadInput):
    """A price list has faults: `fields` names the place of each with its code."""

    code = "bad-price-list"


class TariffOverlap(Conflict):
    """Two versions of one component or VAT code share a day."""

    code = "tariff-overlap"


def shipped_tariff(name: str) -> TariffDocument:
    """Return a price list that comes with meterhub, by its file name without `.json`."""
    if name not in SHIPPED:
        raise NotFound(f"no price list {name!r} comes with meterhub; there are {', '.join(SHIPPED)}")
    file = resources.files("meterhub.billing") / "tariffs_data" / f"{name}.json"
    return TariffDocument.model_validate(json.loads(file.read_text(encoding="utf-8")))


def import_tariff(
    connection: Connection, document: TariffDocument, created_by: str, *, today: date | None = None
) -> TariffImport:
    """Store what is new in a price list; raise BadPriceList with all faults, Conflict over what is stored.

    With `today` prices to come must have been announced in time.
    """
    repository.lock_prices(connection)
    tariff_id = _tariff_id(connection, document)
    counts = {"added": 0, "closed": 0, "unchanged": 0}
    billed_until = repository.billed_until(connection, country=document.country)
    for position, rate in enumerate(document.vat):
        stored = repository.vat_rates(connection, document.country, rate.code)
        what = f"VAT code {rate.code!r}"
        match = _match(rate, stored, _VAT_FIELDS, what, f"vat[{position}]")
        if match is None:
            repository.add_vat_rate(connection, document.country, rate)
        elif _closes(rate, match, billed_until, what):
            repository.close_vat_rate(connection, match.id, rate.valid_to)
        counts[_outcome(rate, match)] += 1
    before = {row.id for row in repository.tariff_versions(connection, tariff_id)}
    places: dict[tuple[str, date], str] = {}
    for position, version in enumerate(document.versions):
        place = f"versions[{position}]"
        places[version.component, version.valid_from] = place
        stored = repository.tariff_versions(connection, tariff_id, version.component)
        what = f"component {version.component!r} of tariff {document.code!r}"
        if any((row.kind, row.service) != (version.kind, version.service) for row in stored):
            raise Conflict(f"{what}: all versions must be of one kind and service")
        match = _match(version, stored, _VERSION_FIELDS, what, place)
        if match is None:
            repository.add_tariff_version(connection, tariff_id, version, created_by)
        elif _closes(version, match, repository.billed_until(connection, tariff_id=tariff_id), what):
            repository.close_tariff_version(connection, match.id, version.valid_to)
        counts[_outcome(version, match)] += 1
    _refuse_faults(connection, document, tariff_id, before, places, today)
    return TariffImport(code=document.code, **counts)


def check_tariff(connection: Connection, document: TariffDocument, today: date) -> TariffImport:
    """Tell what an import would change, or what is wrong with it; the caller rolls back."""
    return import_tariff(connection, document, "check", today=today)


def notice_months(country: str) -> int:
    """Return how many months before a change of prices customers are told in a country."""
    file = resources.files("meterhub.billing") / "tariffs_data" / "notice.json"
    return int(json.loads(file.read_text(encoding="utf-8"))[country]["months"])


def _refuse_faults(
    connection: Connection,
    document: TariffDocument,
    tariff_id: int,
    before: set[int],
    places: Mapping[tuple[str, date], str],
    today: date | None,
) -> None:
    versions = []
    for row in repository.tariff_versions(connection, tariff_id):
        one = TariffVersionIn.model_validate(row, from_attributes=True)
        place = places.get((one.component, one.valid_from), f"stored {one.component} from {one.valid_from}")
        versions.append(Announced(place, one.rated(), one.announced_on, row.id not in before))
    vat = [
        VatVersion(row.code, row.category, row.rate, row.valid_from, row.valid_to)
        for row in repository.vat_rates(connection, document.country)
    ]
    faults = problems(versions, vat, notice_months=notice_months(document.country), today=today)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise BadPriceList(
            f"{faults[0].message}{more}", fields={one.place: f"{one.code}: {one.message}" for one in faults}
        )


def list_tariffs(connection: Connection) -> list[TariffOut]:
    """Return all price lists."""
    return [
        TariffOut(
            code=row.code,
            name=row.name,
            country=row.country,
            currency=row.currency,
            versions=[
                TariffVersionIn.model_validate(version, from_attributes=True)
                for version in repository.tariff_versions(connection, row.id)
            ],
            vat=[
                VatRateIn.model_validate(rate, from_attributes=True)
                for rate in repository.vat_rates(connection, row.country)
            ],
        )
        for row in repository.tariffs(connection)
    ]


_VERSION_FIELDS = ("kind", "service", "net_price", "per", "vat_code", "parameters")
_VAT_FIELDS = ("category", "rate")


def _tariff_id(connection: Connection, document: TariffDocument) -> int:
    stored = repository.tariff_by_code(connection, document.code)
    if stored is None:
        return repository.add_tariff(connection, document)
    for field in ("country", "currency"):
        if getattr(stored, field) != getattr(document, field):
            raise Conflict(
                f"tariff {document.code!r} is stored with {field} {getattr(stored, field)}, "
                f"not {getattr(document, field)}"
            )
    return int(stored.id)


def _match(
    new: TariffVersionIn | VatRateIn, stored: Sequence[AnyRow], fields: tuple[str, ...], what: str, place: str
) -> AnyRow | None:
    """Return the stored version that this one is; None if it is new; raise Conflict if it overlaps."""
    for row in stored:
        same = row.valid_from == new.valid_from and all(
            getattr(row, field) == getattr(new, field) for field in fields
        )
        if same and (row.valid_to == new.valid_to or row.valid_to is None):
            return row
        if overlaps(row.valid_from, row.valid_to, new.valid_from, new.valid_to):
            hint = (
                f"; send that version again with valid_to {new.valid_from} to end it first"
                if row.valid_to is None and row.valid_from < new.valid_from
                else ""
            )
            message = (
                f"{what}: the version from {_span(new.valid_from, new.valid_to)} overlaps "
                f"the stored one from {_span(row.valid_from, row.valid_to)}{hint}"
            )
            raise TariffOverlap(message, fields={f"{place}.valid_from": message})
    return None


def _closes(new: TariffVersionIn | VatRateIn, stored: AnyRow, billed_until: date | None, what: str) -> bool:
    if stored.valid_to == new.valid_to:
        return False
    if billed_until is not None and new.valid_to is not None and new.valid_to < billed_until:
        raise Conflict(f"{what} cannot end on {new.valid_to}: it is billed until {billed_until} already")
    return True


def _outcome(new: TariffVersionIn | VatRateIn, stored: AnyRow | None) -> str:
    if stored is None:
        return "added"
    return "unchanged" if stored.valid_to == new.valid_to else "closed"


def _span(start: date, end: date | None) -> str:
    return f"{start} to {end}" if end else f"{start} on"
