"""How contracts are billed; every change is on record."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.assets import account_repository as rows
from meterhub.assets import placement_repository
from meterhub.assets.account_schemas import (
    AnnualVolume,
    BillingGroup,
    ContractBilling,
    NewAnnualVolume,
    NewSite,
    PayersFrom,
    PayerSpan,
)
from meterhub.assets.service import CUSTOMER_SERVICE, NETWORK, require_property
from meterhub.errors import BadInput, NotFound
from meterhub.kit.db import AnyRow


def put_group(connection: Connection, principal: Principal, group: BillingGroup) -> None:
    """Store a billing group, or new values of one; contracts keep their own regime."""
    rows.put_group(connection, group.model_dump())
    subject = f"billing-group:{group.code}"
    record(connection, principal, action="put-billing-group", purpose=CUSTOMER_SERVICE, subject=subject)


def require_contract(connection: Connection, contract_no: str, *, lock: bool = False) -> AnyRow:
    """Return a contract; raise NotFound."""
    row = placement_repository.find_contract(connection, contract_no, lock=lock)
    if row is None:
        raise NotFound(f"there is no contract {contract_no!r}")
    return row


def require_group(connection: Connection, code: str) -> AnyRow:
    """Return a billing group; raise BadInput that lists those there are."""
    found = rows.find_group(connection, code)
    if found is None:
        known = ", ".join(row.code for row in rows.groups(connection))
        message = f"there is no billing group {code!r}; there are {known}"
        raise BadInput(message, fields={"billing_group": message})
    return found


def change_billing(connection: Connection, principal: Principal, contract_no: str, asked: ContractBilling) -> None:
    """Move a contract to a group, with the group's regime or one of its own."""
    contract = require_contract(connection, contract_no, lock=True)
    require_group(connection, asked.billing_group)
    rows.change_billing(connection, contract.id, asked.billing_group, asked.regime)
    _note(connection, principal, "change-contract-billing", contract_no, asked.model_dump())


def payers(connection: Connection, contract_no: str) -> list[PayerSpan]:
    """Return who pays a contract's bills and when, but for its own customer alone."""
    contract = require_contract(connection, contract_no)
    return [PayerSpan.model_validate(row) for row in rows.payers(connection, contract.id)]


def set_payers(connection: Connection, principal: Principal, contract_no: str, asked: PayersFrom) -> None:
    """Let others pay a contract's bills from a day on."""
    contract = require_contract(connection, contract_no, lock=True)
    _refuse_outside(contract, asked.from_on, "from_on")
    ids = rows.customer_ids(connection, [payer.customer_no for payer in asked.payers])
    for index, payer in enumerate(asked.payers):
        if payer.customer_no not in ids:
            message = f"there is no customer {payer.customer_no!r}"
            raise BadInput(message, fields={f"payers.{index}.customer_no": message})
    given = [(ids[payer.customer_no], payer.weight) for payer in asked.payers]
    rows.replace_payers(connection, contract.id, asked.from_on, given)
    _note(connection, principal, "set-contract-payers", contract_no, {"payers": len(given)})


def annual_volumes(connection: Connection, contract_no: str) -> list[AnnualVolume]:
    """Return the annual volumes of a contract, the latest first."""
    contract = require_contract(connection, contract_no)
    return [AnnualVolume.model_validate(row) for row in rows.annual_volumes(connection, contract.id)]


def add_annual_volume(
    connection: Connection, principal: Principal, contract_no: str, asked: NewAnnualVolume
) -> None:
    """Keep what a contract is expected to use from a day on."""
    contract = require_contract(connection, contract_no)
    _refuse_outside(contract, asked.valid_from, "valid_from")
    values = asked.model_dump() | {"contract_id": contract.id, "created_by": principal.name}
    rows.add_annual_volume(connection, values)
    _note(connection, principal, "add-annual-volume", contract_no, {"source": asked.source})


def sites(connection: Connection, property_code: str) -> Sequence[NewSite]:
    """Return what fees of a property went by, newest first."""
    place = require_property(connection, property_code)
    return [NewSite.model_validate(row) for row in rows.sites(connection, place.id)]


def add_site(connection: Connection, principal: Principal, asked: NewSite) -> None:
    """Keep what fees of a property go by from a day on."""
    place = require_property(connection, asked.property_code)
    values = asked.model_dump(exclude={"property_code"})
    rows.add_site(connection, values | {"property_id": place.id, "created_by": principal.name})
    subject = f"property:{asked.property_code}"
    detail = {"fields": sorted(name for name, value in values.items() if value is not None)}
    record(connection, principal, action="add-site", purpose=NETWORK, subject=subject, detail=detail)


def _refuse_outside(contract: AnyRow, day: date, field: str) -> None:
    if day < contract.start_on or (contract.end_on is not None and day >= contract.end_on):
        message = f"contract {contract.contract_no} is not in force on {day}"
        raise BadInput(message, fields={field: message})


def _note(
    connection: Connection, principal: Principal, action: str, contract_no: str, detail: Mapping[str, object]
) -> None:
    subject = f"contract:{contract_no}"
    record(connection, principal, action=action, purpose=CUSTOMER_SERVICE, subject=subject, detail=dict(detail))
