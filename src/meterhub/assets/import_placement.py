"""The sections of an import that say what is where and whose: installations and contracts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, text

from meterhub.assets import account_repository, placement_repository, repository
from meterhub.assets.import_schemas import ImportedContract, RegistersImport, SectionResult
from meterhub.assets.placement import name_contracts, name_installations
from meterhub.assets.problems import Problems
from meterhub.assets.repository import Key
from meterhub.assets.tables import customer, meter, metering_point

_INSTALLED = text(
    """
    SELECT i.meter_id, i.metering_point_id, lower(i.valid) AS installed_at, upper(i.valid) AS removed_at
    FROM unnest(CAST(:meter_ids AS integer[])) AS wanted (meter_id) JOIN installation AS i USING (meter_id)
    """
)
_INSTALL = text(
    """
    INSERT INTO installation (meter_id, metering_point_id, valid)
    SELECT meter_id, metering_point_id, tstzrange(installed_at, removed_at)
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given
        (meter_id integer, metering_point_id integer, installed_at timestamptz, removed_at timestamptz)
    ON CONFLICT DO NOTHING
    RETURNING meter_id, metering_point_id, lower(valid)
    """
)
_CONTRACTED = text(
    """
    SELECT c.contract_no, c.customer_id AS customer_no, c.metering_point_id AS point_code,
        lower(c.valid) AS start_on, upper(c.valid) AS end_on, c.billing_group, c.regime
    FROM unnest(CAST(:numbers AS text[])) AS wanted (contract_no) JOIN contract AS c USING (contract_no)
    """
)
_CONTRACT = text(
    """
    INSERT INTO contract (contract_no, customer_id, metering_point_id, valid, billing_group, regime)
    SELECT contract_no, customer_no, point_code, daterange(start_on, end_on), billing_group, regime
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given
        (contract_no text, customer_no integer, point_code integer, start_on date, end_on date,
         billing_group text, regime text)
    ON CONFLICT DO NOTHING
    RETURNING contract_no
    """
)


def import_installations(connection: Connection, document: RegistersImport, problems: Problems) -> SectionResult:
    """Store installations; the same meter at the same point from the same instant is the same one."""
    given = document.installations
    meters = _ids(connection, meter, ("manufacturer", "serial"), ((g.manufacturer, g.serial) for g in given))
    points = _ids(connection, metering_point, ("point_code",), ((g.point_code,) for g in given))
    promised = {point.point_code for point in document.metering_points}
    found = connection.execute(_INSTALLED, {"meter_ids": sorted(set(meters.values()))})
    stored = {(row.meter_id, row.metering_point_id, row.installed_at): row.removed_at for row in found}
    new: dict[tuple[int, int, datetime], int] = {}
    for index, each in enumerate(given):
        path = f"installations.{index}"
        meter_id, point_id = meters.get((each.manufacturer, each.serial)), points.get((each.point_code,))
        if meter_id is None:
            problems.bad(f"{path}.serial", f"there is no meter {each.manufacturer} {each.serial}")
        if point_id is None and each.point_code not in promised:
            problems.bad(f"{path}.point_code", f"there is no metering point {each.point_code!r}")
        if each.removed_at is not None and each.removed_at <= each.installed_at:
            problems.bad(f"{path}.removed_at", "is not after installed_at")
        elif meter_id is not None and point_id is not None:
            name = (meter_id, point_id, each.installed_at)
            if name not in stored:
                if new.setdefault(name, index) != index:
                    problems.bad(f"{path}.serial", f"is also in installations.{new[name]}")
            elif stored[name] != each.removed_at:
                problems.conflict(f"{path}.removed_at", "differs from what is stored")
    rows = [
        {
            "meter_id": meter_id,
            "metering_point_id": point_id,
            "installed_at": at,
            "removed_at": given[index].removed_at,
        }
        for (meter_id, point_id, at), index in new.items()
    ]
    done = {tuple(row) for row in connection.execute(_INSTALL, {"rows": _json(rows)})}
    for name, index in new.items():
        if name not in done and not problems.enough:
            blocking = placement_repository.installations_in_the_way(connection, *name, given[index].removed_at)
            problems.conflict(f"installations.{index}.installed_at", name_installations(blocking))
    return SectionResult(added=len(done), unchanged=len(given) - len(new))


def import_contracts(connection: Connection, document: RegistersImport, problems: Problems) -> SectionResult:
    """Store contracts, told apart by number."""
    given = document.contracts
    customers = _ids(connection, customer, ("customer_no",), ((g.customer_no,) for g in given))
    points = _ids(connection, metering_point, ("point_code",), ((g.point_code,) for g in given))
    promised = {point.point_code for point in document.metering_points}
    unknown = _unknown_groups(connection, given, problems)
    found = connection.execute(_CONTRACTED, {"numbers": [each.contract_no for each in given]})
    stored = {row.contract_no: row._mapping for row in found}
    first: dict[str, int] = {}
    rows: dict[str, dict[str, Any]] = {}
    for index, each in enumerate(given):
        path = f"contracts.{index}"
        values = each.model_dump()
        values["customer_no"] = customers.get((each.customer_no,))
        values["point_code"] = points.get((each.point_code,))
        if first.setdefault(each.contract_no, index) != index:
            problems.bad(f"{path}.contract_no", f"is also in contracts.{first[each.contract_no]}")
        elif values["customer_no"] is None:
            problems.bad(f"{path}.customer_no", f"there is no customer {each.customer_no!r}")
        elif values["point_code"] is None:
            if each.point_code not in promised:
                problems.bad(f"{path}.point_code", f"there is no metering point {each.point_code!r}")
        elif each.end_on is not None and each.end_on <= each.start_on:
            problems.bad(f"{path}.end_on", "is not after start_on")
        elif each.contract_no in stored:
            for name, value in values.items():
                if stored[each.contract_no][name] != value:
                    problems.conflict(f"{path}.{name}", "differs from what is stored")
        else:
            rows[each.contract_no] = values
    rows = {number: values for number, values in rows.items() if values["billing_group"] not in unknown}
    done = set(connection.execute(_CONTRACT, {"rows": _json(list(rows.values()))}).scalars())
    for number, values in rows.items():
        if number not in done and not problems.enough:
            blocking = placement_repository.contracts_in_the_way(
                connection, values["point_code"], values["start_on"], values["end_on"]
            )
            problems.conflict(f"contracts.{first[number]}.start_on", name_contracts(blocking))
    return SectionResult(added=len(done), unchanged=len(given) - len(rows))


def _unknown_groups(connection: Connection, given: Sequence[ImportedContract], problems: Problems) -> set[str]:
    """Return the billing groups that nobody has declared, after naming where each stands."""
    known = {row.code for row in account_repository.groups(connection)}
    for index, each in enumerate(given):
        if each.billing_group not in known:
            message = f"there is no billing group {each.billing_group!r}"
            problems.bad(f"contracts.{index}.billing_group", message)
    return {each.billing_group for each in given} - known


def _ids(connection: Connection, table: Table, key: Sequence[str], wanted: Iterable[Key]) -> dict[Key, int]:
    rows = repository.find_many(connection, table, key, set(wanted))
    return {name: row.id for name, row in rows.items()}


def _json(rows: Sequence[Mapping[str, object]]) -> str:
    return json.dumps(rows, default=lambda moment: moment.isoformat())
