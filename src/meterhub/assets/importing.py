"""Registers in one document: all of it in one transaction, or nothing and a list of what is wrong.

Rows are told apart by their natural keys, so importing the same again changes nothing; what differs from
what is stored is a conflict, for a person to settle. Set-based: a handful of statements a section, however
many objects.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Table, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets import repository
from meterhub.assets.import_accounts import import_annual_volumes, import_payers, import_sites
from meterhub.assets.import_placement import import_contracts, import_installations
from meterhub.assets.import_schemas import ImportedMeter, ImportResult, RegistersImport, SectionResult
from meterhub.assets.keys import KEY_CUSTODY, keys_of, store_keys
from meterhub.assets.problems import Problems
from meterhub.assets.repository import Key
from meterhub.assets.retry import retry_telegrams_of
from meterhub.assets.schemas import NewMeteringPoint
from meterhub.assets.sealing import parse_key
from meterhub.assets.service import NETWORK, in_order
from meterhub.assets.tables import billing_group, customer, meter, metering_point, property_
from meterhub.errors import BadInput, TooLarge
from meterhub.settings import Settings

MAX_OBJECTS = 100_000
# Two imports at once would each miss what the other is about to store.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7261001)")


def import_registers(
    connection: Connection, principal: Principal, settings: Settings, document: RegistersImport
) -> ImportResult:
    """Store what is new of a document; errors name section, index and field of everything wrong."""
    _check_size(document)
    connection.execute(_ONE_AT_A_TIME)
    problems = Problems()
    result = ImportResult(
        properties=_store(
            connection, property_, ("property_code",), "properties", _dump(document.properties), problems
        ),
        customers=_store(connection, customer, ("customer_no",), "customers", _dump(document.customers), problems),
        metering_points=_store_points(connection, document.metering_points, problems),
        meters=_store_meters(connection, document.meters, problems),
        keys=_store_keys(connection, principal, settings, document.meters, problems),
        installations=import_installations(connection, document, problems),
        billing_groups=_store(
            connection, billing_group, ("code",), "billing_groups", _dump(document.billing_groups), problems
        ),
        contracts=import_contracts(connection, document, problems),
        payers=import_payers(connection, document.payers, problems),
        annual_volumes=import_annual_volumes(connection, principal, document.annual_volumes, problems),
        sites=import_sites(connection, principal, document.sites, problems),
    )
    problems.raise_any()
    counts = {name: section["added"] for name, section in result.model_dump().items()}
    if any(counts.values()):
        record(connection, principal, action="import-registers", purpose=NETWORK, detail=counts)
    if counts["keys"]:
        detail = {"count": counts["keys"]}
        record(connection, principal, action="import-meter-keys", purpose=KEY_CUSTODY, detail=detail)
    return result


def _check_size(document: RegistersImport) -> None:
    sections = {name: getattr(document, name) for name in RegistersImport.model_fields}
    total = sum(map(len, sections.values()))
    if total > MAX_OBJECTS:
        raise TooLarge(f"{total} objects are more than the {MAX_OBJECTS} of one import: send them in parts")


def _dump(objects: Sequence[object]) -> list[dict[str, object]]:
    return [dict(vars(each)) for each in objects]


def _store(
    connection: Connection,
    table: Table,
    key: Sequence[str],
    section: str,
    given: Sequence[Mapping[str, object]],
    problems: Problems,
    fields: Mapping[str, str] | None = None,
) -> SectionResult:
    """Store the objects that are new by their key; `fields` names columns as the document does."""
    shown = fields or {}
    first: dict[Key, int] = {}
    for index, values in enumerate(given):
        earlier = first.setdefault(_key(values, key), index)
        if earlier != index:
            problems.bad(f"{section}.{index}.{key[-1]}", f"is also in {section}.{earlier}")
    known = repository.find_many(connection, table, key, first)
    new = [given[index] for name, index in first.items() if name not in known]
    for name, row in known.items():
        for column, value in given[first[name]].items():
            if row._mapping[column] != value:
                path = f"{section}.{first[name]}.{shown.get(column, column)}"
                problems.conflict(path, "differs from what is stored")
    repository.add_many(connection, table, new)
    return SectionResult(added=len(new), unchanged=len(given) - len(new))


def _key(values: Mapping[str, object], key: Sequence[str]) -> Key:
    return tuple(str(values[name]) for name in key)


def _store_points(connection: Connection, points: Sequence[NewMeteringPoint], problems: Problems) -> SectionResult:
    properties = repository.find_many(
        connection, property_, ("property_code",), {(point.property_code,) for point in points}
    )
    given: list[dict[str, object]] = []
    for index, point in enumerate(points):
        place = properties.get((point.property_code,))
        if place is None:
            problems.bad(f"metering_points.{index}.property_code", f"there is no property {point.property_code!r}")
        given.append(
            {
                "point_code": point.point_code,
                "property_id": place.id if place else None,
                "services": in_order(point.services),
            }
        )
    if any(values["property_id"] is None for values in given):
        return SectionResult(added=0, unchanged=0)
    result = _store(
        connection,
        metering_point,
        ("point_code",),
        "metering_points",
        given,
        problems,
        {"property_id": "property_code"},
    )
    _link_deduct_points(connection, points, problems)
    return result


# A point that is a deduct meter's cannot be another's, and what is stored is not changed by an import.
_DEDUCT = text(
    """
    UPDATE metering_point p SET deducts_from_id = main.id
    FROM unnest(CAST(:points AS text[]), CAST(:mains AS text[])) AS given (point, main)
    JOIN metering_point main ON main.point_code = given.main
    WHERE p.point_code = given.point AND main.deducts_from_id IS NULL
        AND (p.deducts_from_id IS NULL OR p.deducts_from_id = main.id)
    RETURNING p.point_code
    """
)


def _link_deduct_points(connection: Connection, points: Sequence[NewMeteringPoint], problems: Problems) -> None:
    linked = {point.point_code: point.deducts_from for point in points if point.deducts_from is not None}
    values = {"points": list(linked), "mains": list(linked.values())}
    done = set(connection.execute(_DEDUCT, values).scalars()) if linked else set()
    for index, point in enumerate(points):
        if point.point_code in linked and point.point_code not in done:
            message = f"{point.deducts_from!r} is not a metering point that this one can be taken off"
            problems.bad(f"metering_points.{index}.deducts_from", message)


def _store_meters(connection: Connection, meters: Sequence[ImportedMeter], problems: Problems) -> SectionResult:
    given = [{name: value for name, value in values.items() if name != "key"} for values in _dump(meters)]
    before = repository.meters_by_address(connection, {(each.manufacturer, each.serial) for each in meters})
    result = _store(connection, meter, ("manufacturer", "serial"), "meters", given, problems)
    after = repository.meters_by_address(connection, {(each.manufacturer, each.serial) for each in meters})
    retry_telegrams_of(connection, [row.id for name, row in after.items() if name not in before])
    return result


def _store_keys(
    connection: Connection,
    principal: Principal,
    settings: Settings,
    meters: Sequence[ImportedMeter],
    problems: Problems,
) -> SectionResult:
    """Store the keys of meters that have none; a meter with another key is a conflict."""
    ids = {
        name: row.id
        for name, row in repository.meters_by_address(
            connection, {(each.manufacturer, each.serial) for each in meters if each.key}
        ).items()
    }
    if not ids:
        return SectionResult(added=0, unchanged=0)
    masters = settings.require_master_keys()
    kept = keys_of(connection, masters, list(ids.values()))
    wanted: dict[int, bytes] = {}
    unchanged = 0
    for index, each in enumerate(meters):
        if each.key is None:
            continue
        meter_id = ids[each.manufacturer, each.serial]
        try:
            key = parse_key(each.key.get_secret_value())
        except BadInput as error:
            problems.bad(f"meters.{index}.key", error.detail)
            continue
        if meter_id not in kept:
            wanted[meter_id] = key
        elif key in kept[meter_id]:
            unchanged += 1
        else:
            problems.conflict(f"meters.{index}.key", "the meter has another key: a new one is put on its own")
    return SectionResult(added=len(store_keys(connection, principal, masters, wanted)), unchanged=unchanged)
