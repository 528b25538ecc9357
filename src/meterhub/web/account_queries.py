"""What the page of an account shows besides its ledger: documents, points, deliveries."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.errors import NotFound
from meterhub.kit.db import AnyRow


def search(connection: Connection, wanted: str, limit: int) -> Sequence[AnyRow]:
    """Return customers by the start of their number or a part of their name, with their balances."""
    return connection.execute(
        _SEARCH, {"start": f"{_escaped(wanted)}%", "part": f"%{_escaped(wanted)}%", "limit": limit}
    ).all()


def customer(connection: Connection, customer_no: str) -> AnyRow | None:
    """Return a customer, or None."""
    return connection.execute(
        text("SELECT * FROM customer WHERE customer_no = :no"), {"no": customer_no}
    ).one_or_none()


def look_at(connection: Connection, principal: Principal, customer_no: str) -> AnyRow:
    """Return the customer whose account a clerk works on, and log the look; raises NotFound."""
    row = customer(connection, customer_no)
    if row is None:
        raise NotFound(f"there is no customer {customer_no!r}")
    audit.record(
        connection, principal, action="read-account", purpose="billing", subject=f"customer:{customer_no}"
    )
    return row


def documents(connection: Connection, customer_id: int) -> Sequence[AnyRow]:
    """Return a customer's documents, newest first, with what is open and how each went out."""
    return connection.execute(_DOCUMENTS, {"id": customer_id}).all()


def points(connection: Connection, customer_id: int) -> Sequence[AnyRow]:
    """Return the contracts of a customer with their metering points, those that hold first."""
    return connection.execute(_POINTS, {"id": customer_id}).all()


def _escaped(wanted: str) -> str:
    return wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_SEARCH = text(
    """
    SELECT c.customer_no, c.name, c.street, c.city,
           (SELECT coalesce(sum(e.amount), 0.00) FROM ledger_entry e WHERE e.customer_id = c.id) AS balance
    FROM customer c WHERE c.customer_no ILIKE :start OR c.name ILIKE :part
    ORDER BY c.name, c.customer_no LIMIT :limit
    """
)
_DOCUMENTS = text(
    """
    SELECT i.number, i.type, i.kind, i.issued_on, i.due_on, i.gross, i.currency, i.reference,
           coalesce(abs(e.amount) - (SELECT coalesce(sum(a.amount), 0) FROM allocation a
                                     WHERE e.id IN (a.credit_entry_id, a.debit_entry_id)), 0.00) AS open_amount,
           d.channel, d.state
    FROM invoice i
    LEFT JOIN ledger_entry e ON e.invoice_id = i.id AND e.kind IN ('invoice', 'credit_note')
    LEFT JOIN LATERAL (
        SELECT channel, state FROM delivery WHERE invoice_id = i.id ORDER BY id DESC LIMIT 1) d ON true
    WHERE i.customer_id = :id ORDER BY i.id DESC LIMIT 60
    """
)
_POINTS = text(
    """
    SELECT c.contract_no, lower(c.valid) AS valid_from, upper(c.valid) AS valid_to, m.id AS point_id, m.point_code,
           p.street, p.city
    FROM contract c JOIN metering_point m ON m.id = c.metering_point_id JOIN property p ON p.id = m.property_id
    WHERE c.customer_id = :id ORDER BY upper(c.valid) DESC NULLS FIRST, c.contract_no LIMIT 40
    """
)
