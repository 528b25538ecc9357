"""Debts that customers pay by reference."""

from datetime import date
from itertools import count

from sqlalchemy import Connection, text

from tests.billing.ledger.book import add

_numbers = count(1)


def owes(
    connection: Connection,
    customer: int,
    amount: str,
    reference: str,
    *,
    due: date = date(2025, 1, 31),
    currency: str = "EUR",
) -> int:
    """Post an item with a reference and return its ledger entry."""
    entry_id = add(connection, customer, amount, due=due, currency=currency)
    query = text(
        "INSERT INTO opening_item (number, reference, entry_id, file_sha256) "
        "VALUES (:number, :reference, :entry, '')"
    )
    values = {"number": f"OLD-{next(_numbers)}", "reference": reference, "entry": entry_id}
    connection.execute(query, values)
    return entry_id
