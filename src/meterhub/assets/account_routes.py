"""REST for how contracts are billed: groups, regimes, payers, annual volumes, sites."""

from typing import Annotated

from fastapi import APIRouter, Query

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets import account_repository, accounts
from meterhub.assets.account_schemas import (
    AnnualVolume,
    BillingGroup,
    ContractBilling,
    NewAnnualVolume,
    NewSite,
    PayersFrom,
    PayerSpan,
)
from meterhub.assets.schemas import Code, PropertyCode
from meterhub.assets.service import CUSTOMER_SERVICE

router = APIRouter(tags=["accounts"])

Reader = Annotated[Principal, require(Permission.READ_CUSTOMERS)]
Writer = Annotated[Principal, require(Permission.WRITE_CUSTOMERS)]


@router.get("/billing-groups")
def list_groups(engine: EngineDep, _principal: Reader) -> list[BillingGroup]:
    """List billing groups by code."""
    with engine.connect() as connection:
        return [BillingGroup.model_validate(row) for row in account_repository.groups(connection)]


@router.put("/billing-groups")
def put_group(body: BillingGroup, engine: EngineDep, principal: Writer) -> BillingGroup:
    """Add a billing group, or give one new values; what is issued stays as it is."""
    with engine.begin() as connection:
        accounts.put_group(connection, principal, body)
    return body


@router.put("/contracts/{contract_no}/billing")
def change_billing(
    contract_no: Code, body: ContractBilling, engine: EngineDep, principal: Writer
) -> ContractBilling:
    """Move a contract to a billing group; its regime is the group's unless one is given."""
    with engine.begin() as connection:
        accounts.change_billing(connection, principal, contract_no, body)
    return body


@router.get("/contracts/{contract_no}/payers")
def list_payers(contract_no: Code, engine: EngineDep, principal: Reader) -> list[PayerSpan]:
    """List who pays a contract's bills and when; an empty list: its customer alone."""
    with engine.begin() as connection:
        found = accounts.payers(connection, contract_no)
        subject = f"contract:{contract_no}"
        record(connection, principal, action="view-payers", purpose=CUSTOMER_SERVICE, subject=subject)
    return found


@router.put("/contracts/{contract_no}/payers")
def set_payers(contract_no: Code, body: PayersFrom, engine: EngineDep, principal: Writer) -> list[PayerSpan]:
    """Let these customers pay a contract's bills by weight from a day on; none: the contract's customer again."""
    with engine.begin() as connection:
        accounts.set_payers(connection, principal, contract_no, body)
        return accounts.payers(connection, contract_no)


@router.get("/contracts/{contract_no}/annual-volumes")
def list_annual_volumes(contract_no: Code, engine: EngineDep, principal: Reader) -> list[AnnualVolume]:
    """List what a contract was and is expected to use in a year, the latest first."""
    with engine.begin() as connection:
        found = accounts.annual_volumes(connection, contract_no)
        subject = f"contract:{contract_no}"
        record(connection, principal, action="view-annual-volumes", purpose=CUSTOMER_SERVICE, subject=subject)
    return found


@router.post("/contracts/{contract_no}/annual-volumes", status_code=201)
def add_annual_volume(
    contract_no: Code, body: NewAnnualVolume, engine: EngineDep, principal: Writer
) -> list[AnnualVolume]:
    """Keep an annual volume from a day on: estimates, a konto and stipulated use come from it."""
    with engine.begin() as connection:
        accounts.add_annual_volume(connection, principal, contract_no, body)
        return accounts.annual_volumes(connection, contract_no)


@router.get("/sites", dependencies=[require(Permission.READ_POINTS)])
def list_sites(property_code: Annotated[PropertyCode, Query()], engine: EngineDep) -> list[NewSite]:
    """List what fees of a property go by: sizes, dwellings, type and marks; the latest first."""
    with engine.connect() as connection:
        return list(accounts.sites(connection, property_code))


@router.post("/sites", status_code=201)
def add_site(
    body: NewSite, engine: EngineDep, principal: Annotated[Principal, require(Permission.WRITE_POINTS)]
) -> NewSite:
    """Keep what fees of a property go by from a day on."""
    with engine.begin() as connection:
        accounts.add_site(connection, principal, body)
    return body
