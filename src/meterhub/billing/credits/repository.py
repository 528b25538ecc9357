"""Queries of credits: what an issued document consists of and what was returned of it."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow


def wholly_credited(document: str = "i") -> str:
    """Return the SQL condition that every line of a document was returned, at once or in parts.

    It is as if that document had never been: its period may be billed again. `document` is the alias of its row.
    """
    return f"""(
        EXISTS (SELECT 1 FROM credit_line cl WHERE cl.credits_id = {document}.id)
        AND NOT EXISTS (
            SELECT 1 FROM invoice_line il WHERE il.invoice_id = {document}.id AND NOT EXISTS (
                SELECT 1 FROM credit_line cl WHERE cl.credits_id = {document}.id AND cl.position = il.position)))
    """  # noqa: S608 - an alias of the queries below


def lock_invoice(connection: Connection, number: str) -> None:
    """Let nobody else credit a document meanwhile, nor issue another one of its point."""
    for query in (_LOCK_POINT, _LOCK_INVOICE):
        connection.execute(query, {"number": number})


# In the order in which billing runs take them.
_LOCK_POINT = text(
    "SELECT 1 FROM invoice i JOIN contract c ON c.id = i.contract_id "
    "JOIN metering_point m ON m.id = c.metering_point_id WHERE i.number = :number FOR NO KEY UPDATE OF m"
)
_LOCK_INVOICE = text("SELECT 1 FROM invoice WHERE number = :number FOR NO KEY UPDATE")


def trued_up_positions(connection: Connection, invoice_id: int) -> dict[int, str]:
    """Return the positions of lines that a true-up in force has returned, and the number of that document."""
    return {row.position: row.number for row in connection.execute(_TRUED_UP, {"id": invoice_id})}


_TRUED_UP = text(
    """
    SELECT l.position, j.number
    FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id
    JOIN invoice_line r ON r.refers_to = i.number AND r.component = l.component
        AND r.point IS NOT DISTINCT FROM l.point AND r.period IS NOT DISTINCT FROM l.period
        AND r.quantity = -l.quantity AND r.net = -l.net
    JOIN invoice j ON j.id = r.invoice_id AND j.credits_id IS NULL
    WHERE i.id = :id AND NOT EXISTS (
        SELECT 1 FROM credit_line cl WHERE cl.credits_id = j.id AND cl.position = r.position)
    ORDER BY l.position
    """
)


def credited_positions(connection: Connection, invoice_id: int) -> frozenset[int]:
    """Return the positions of lines that were returned."""
    query = text("SELECT position FROM credit_line WHERE credits_id = :id")
    return frozenset(connection.execute(query, {"id": invoice_id}).scalars())


def credited_vat(connection: Connection, invoice_id: int) -> Sequence[AnyRow]:
    """Return the sums of VAT groups over all credits of a document."""
    query = text(
        "SELECT v.category, v.rate, sum(v.base) AS base, sum(v.vat) AS vat FROM credit c "
        "JOIN invoice_vat v ON v.invoice_id = c.invoice_id WHERE c.credits_id = :id "
        "GROUP BY v.category, v.rate ORDER BY v.category, v.rate"
    )
    return connection.execute(query, {"id": invoice_id}).all()


def add_credit(
    connection: Connection, invoice_id: int, credits_id: int, reason: str, positions: list[int], by: str
) -> None:
    """Store why a document was returned, and which lines of it."""
    connection.execute(
        text(
            "INSERT INTO credit (invoice_id, credits_id, reason, created_by) "
            "VALUES (:invoice_id, :credits_id, :reason, :by)"
        ),
        {"invoice_id": invoice_id, "credits_id": credits_id, "reason": reason, "by": by},
    )
    connection.execute(
        text(
            "INSERT INTO credit_line (credits_id, position, invoice_id) "
            "SELECT :credits_id, position, :invoice_id FROM unnest(CAST(:positions AS int[])) AS position"
        ),
        {"invoice_id": invoice_id, "credits_id": credits_id, "positions": positions},
    )


def credits_of(connection: Connection, number: str) -> Sequence[AnyRow]:
    """Return the credits of a document: number, reason, who and when, lines returned, gross."""
    query = text(
        "SELECT n.number, c.reason, c.created_by, c.created_at, n.gross, "
        "(SELECT array_agg(l.position ORDER BY l.position) FROM credit_line l "
        " WHERE l.invoice_id = c.invoice_id) AS positions "
        "FROM credit c JOIN invoice n ON n.id = c.invoice_id JOIN invoice i ON i.id = c.credits_id "
        "WHERE i.number = :number ORDER BY n.id"
    )
    return connection.execute(query, {"number": number}).all()
