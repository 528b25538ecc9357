"""REST for customers and their contracts."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.dependencies import EngineDep, require
from meterhub.access.policy import Permission
from meterhub.access.principal import Principal
from meterhub.assets import placement, placement_repository, repository, service
from meterhub.assets.schemas import (
    Code,
    Contract,
    ContractEnd,
    ContractPage,
    Customer,
    CustomerValues,
    NewContract,
    SearchPage,
)
from meterhub.assets.service import CUSTOMER_SERVICE
from meterhub.errors import NotFound
from meterhub.kit.paging import Page, page_of

router = APIRouter(tags=["customers"])

Reader = Annotated[Principal, require(Permission.READ_CUSTOMERS)]
Writer = Annotated[Principal, require(Permission.WRITE_CUSTOMERS)]


@router.get("/customers")
def list_customers(engine: EngineDep, page: Annotated[SearchPage, Query()], principal: Reader) -> Page[Customer]:
    """List customers by number; search by the beginning of a number or a part of a name."""
    with engine.begin() as connection:
        rows = repository.list_customers(connection, search=page.search, after=page.cursor, limit=page.limit + 1)
        shown, cursor = page_of(rows, page.limit, lambda row: row.customer_no)
        record(
            connection,
            principal,
            action="search-customers" if page.search else "list-customers",
            purpose=CUSTOMER_SERVICE,
            detail={"count": len(shown)},
        )
    return Page(items=[Customer.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/customers", status_code=201)
def add_customer(body: Customer, engine: EngineDep, principal: Writer) -> Customer:
    """Open a customer under a new number."""
    with engine.begin() as connection:
        service.add_customer(connection, principal, body.model_dump())
    return body


@router.get("/customers/{customer_no}")
def get_customer(customer_no: Code, engine: EngineDep, principal: Reader) -> Customer:
    """Show a customer."""
    with engine.begin() as connection:
        row = service.require_customer(connection, customer_no)
        _note_view(connection, principal, "view-customer", f"customer:{customer_no}")
    return Customer.model_validate(row)


@router.put("/customers/{customer_no}")
def correct_customer(customer_no: Code, body: CustomerValues, engine: EngineDep, principal: Writer) -> Customer:
    """Give a customer new values, all of them; the log names the fields that changed."""
    values = body.model_dump()
    with engine.begin() as connection:
        service.correct_customer(connection, principal, customer_no, values)
    return Customer(customer_no=customer_no, **values)


@router.get("/contracts")
def list_contracts(engine: EngineDep, page: Annotated[ContractPage, Query()], principal: Reader) -> Page[Contract]:
    """List contracts by number: all, a customer's, or a point's."""
    with engine.begin() as connection:
        rows = placement_repository.list_contracts(
            connection,
            customer_no=page.customer_no,
            point_code=page.point_code,
            after=page.cursor,
            limit=page.limit + 1,
        )
        shown, cursor = page_of(rows, page.limit, lambda row: row.contract_no)
        record(
            connection,
            principal,
            action="list-contracts",
            purpose=CUSTOMER_SERVICE,
            subject=f"customer:{page.customer_no}" if page.customer_no else "",
            detail={"count": len(shown)},
        )
    return Page(items=[Contract.model_validate(row) for row in shown], next_cursor=cursor)


@router.post("/contracts", status_code=201)
def start_contract(body: NewContract, engine: EngineDep, principal: Writer) -> Contract:
    """Open a customer's contract on a metering point that has no other from that day on."""
    with engine.begin() as connection:
        placement.start_contract(connection, principal, **body.model_dump())
        return _contract(connection, body.contract_no)


@router.get("/contracts/{contract_no}")
def get_contract(contract_no: Code, engine: EngineDep, principal: Reader) -> Contract:
    """Show a contract."""
    with engine.begin() as connection:
        found = _contract(connection, contract_no)
        _note_view(connection, principal, "view-contract", f"contract:{contract_no}")
    return found


@router.post("/contracts/{contract_no}/end")
def end_contract(contract_no: Code, body: ContractEnd, engine: EngineDep, principal: Writer) -> Contract:
    """Let a contract cover the days before `end_on` only; an end given earlier may be moved."""
    with engine.begin() as connection:
        placement.end_contract(connection, principal, contract_no, body.end_on)
        return _contract(connection, contract_no)


def _contract(connection: Connection, contract_no: str) -> Contract:
    row = placement_repository.find_contract(connection, contract_no)
    if row is None:
        raise NotFound(f"there is no contract {contract_no!r}")
    return Contract.model_validate(row)


def _note_view(connection: Connection, principal: Principal, action: str, subject: str) -> None:
    record(connection, principal, action=action, purpose=CUSTOMER_SERVICE, subject=subject)
