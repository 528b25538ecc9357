"""The sections of an import that say how contracts are billed: payers, annual volumes, sites."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, TextClause, text

from meterhub.access.principal import Principal
from meterhub.assets import repository
from meterhub.assets.account_schemas import ImportedAnnualVolume, ImportedPayer, NewSite
from meterhub.assets.import_schemas import SectionResult
from meterhub.assets.problems import Problems
from meterhub.assets.tables import contract, customer, property_

# The same again is told by all its values; a payer whose days meet others of the contract is left out and named.
_PAYERS = text(
    """
    INSERT INTO contract_payer (contract_id, customer_id, weight, valid)
    SELECT contract_id, customer_id, weight, daterange(from_on, until_on)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given
        (contract_id integer, customer_id integer, weight numeric, from_on date, until_on date)
    WHERE NOT EXISTS (
        SELECT 1 FROM contract_payer p WHERE p.contract_id = given.contract_id
        AND p.customer_id = given.customer_id AND p.weight = given.weight
        AND p.valid = daterange(given.from_on, given.until_on))
    ON CONFLICT DO NOTHING
    """
)
_PAYERS_KNOWN = text(
    """
    SELECT count(*)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given
        (contract_id integer, customer_id integer, weight numeric, from_on date, until_on date)
    JOIN contract_payer p ON p.contract_id = given.contract_id AND p.customer_id = given.customer_id
        AND p.weight = given.weight AND p.valid = daterange(given.from_on, given.until_on)
    """
)
_VOLUMES = text(
    """
    INSERT INTO annual_volume (contract_id, valid_from, annual_m3, basis, factor, source, created_by)
    SELECT contract_id, valid_from, annual_m3, basis, factor, source, :by
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given
        (contract_id integer, valid_from date, annual_m3 numeric, basis numeric, factor numeric, source text)
    WHERE NOT EXISTS (
        SELECT 1 FROM annual_volume v WHERE v.contract_id = given.contract_id AND v.valid_from = given.valid_from
        AND v.source = given.source AND v.annual_m3 IS NOT DISTINCT FROM given.annual_m3
        AND v.basis IS NOT DISTINCT FROM given.basis AND v.factor IS NOT DISTINCT FROM given.factor)
    """
)
_SITES = text(
    """
    INSERT INTO property_site
        (property_id, valid_from, floor_area_m2, plot_area_m2, dwellings, building_type, marks, created_by)
    SELECT property_id, valid_from, floor_area_m2, plot_area_m2, dwellings, building_type, marks, :by
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given
        (property_id integer, valid_from date, floor_area_m2 numeric, plot_area_m2 numeric, dwellings integer,
         building_type text, marks text[])
    WHERE NOT EXISTS (
        SELECT 1 FROM property_site s WHERE s.property_id = given.property_id AND s.valid_from = given.valid_from
        AND s.floor_area_m2 IS NOT DISTINCT FROM given.floor_area_m2
        AND s.plot_area_m2 IS NOT DISTINCT FROM given.plot_area_m2
        AND s.dwellings IS NOT DISTINCT FROM given.dwellings
        AND s.building_type IS NOT DISTINCT FROM given.building_type AND s.marks = given.marks)
    """
)


def import_payers(connection: Connection, given: Sequence[ImportedPayer], problems: Problems) -> SectionResult:
    """Store who pays contracts and when."""
    contracts = _ids(connection, "contract_no", given)
    customers = _ids(connection, "customer_no", given)
    rows = []
    for index, each in enumerate(given):
        path = f"payers.{index}"
        if each.contract_no not in contracts:
            problems.bad(f"{path}.contract_no", f"there is no contract {each.contract_no!r}")
        elif each.customer_no not in customers:
            problems.bad(f"{path}.customer_no", f"there is no customer {each.customer_no!r}")
        elif each.until_on is not None and each.until_on <= each.from_on:
            problems.bad(f"{path}.until_on", "is not after from_on")
        else:
            ids = {"contract_id": contracts[each.contract_no], "customer_id": customers[each.customer_no]}
            rows.append(each.model_dump(mode="json") | ids)
    result = _stored(connection, _PAYERS, rows, {}, len(given))
    if rows and connection.execute(_PAYERS_KNOWN, {"rows": json.dumps(rows)}).scalar_one() < len(rows):
        problems.conflict("payers", "a customer pays for one contract twice on one day, or otherwise than stored")
    return result


def import_annual_volumes(
    connection: Connection, principal: Principal, given: Sequence[ImportedAnnualVolume], problems: Problems
) -> SectionResult:
    """Store annual volumes of contracts."""
    contracts = _ids(connection, "contract_no", given)
    rows = []
    for index, each in enumerate(given):
        if each.contract_no not in contracts:
            problems.bad(f"annual_volumes.{index}.contract_no", f"there is no contract {each.contract_no!r}")
        else:
            rows.append(each.model_dump(mode="json") | {"contract_id": contracts[each.contract_no]})
    return _stored(connection, _VOLUMES, rows, {"by": principal.name}, len(given))


def import_sites(
    connection: Connection, principal: Principal, given: Sequence[NewSite], problems: Problems
) -> SectionResult:
    """Store what fees of properties go by."""
    properties = _ids(connection, "property_code", given)
    rows = []
    for index, each in enumerate(given):
        if each.property_code not in properties:
            problems.bad(f"sites.{index}.property_code", f"there is no property {each.property_code!r}")
        else:
            rows.append(each.model_dump(mode="json") | {"property_id": properties[each.property_code]})
    return _stored(connection, _SITES, rows, {"by": principal.name}, len(given))


_TABLES = {"contract_no": contract, "customer_no": customer, "property_code": property_}


def _ids(connection: Connection, key: str, given: Sequence[object]) -> dict[str, int]:
    wanted = {(str(getattr(each, key)),) for each in given}
    found = repository.find_many(connection, _TABLES[key], (key,), wanted)
    return {name: row.id for (name,), row in found.items()}


def _stored(
    connection: Connection,
    statement: TextClause,
    rows: Sequence[dict[str, Any]],
    values: Mapping[str, object],
    count: int,
) -> SectionResult:
    added = connection.execute(statement, {"rows": json.dumps(rows), **values}).rowcount if rows else 0
    return SectionResult(added=added, unchanged=count - added)
