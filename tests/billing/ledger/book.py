"""Accounts and ledger entries in a few words."""

from datetime import date
from decimal import Decimal
from itertools import count

from sqlalchemy import Connection, text

from meterhub.billing.ledger.posting import NewEntry, post

_numbers = count(1)


def add_customer(connection: Connection, name: str = "Maija Mallinen", number: str | None = None) -> int:
    """Return the id of a new customer."""
    query = text(
        "INSERT INTO customer (customer_no, name, street, postal_code, city) "
        "VALUES (:no, :name, 'Mallikatu 5', '04200', 'Kerava') RETURNING id"
    )
    return connection.execute(query, {"no": number or f"L{next(_numbers):05d}", "name": name}).scalar_one()


def entry(
    customer_id: int,
    amount: str | Decimal,
    kind: str = "opening",
    *,
    booked: date = date(2025, 1, 1),
    due: date | None = None,
    currency: str = "EUR",
) -> NewEntry:
    """Return an entry to post; debits are due on the day given."""
    return NewEntry(customer_id, booked, kind, Decimal(amount), currency, "clerk", due_on=due)


def add(
    connection: Connection, customer_id: int, amount: str | Decimal, kind: str = "opening", **more: object
) -> int:
    """Post one entry and return its id."""
    return post(connection, [entry(customer_id, amount, kind, **more)])[0]  # type: ignore[arg-type]  # passed on
