"""Which issued invoices rest on a read: they stay as they are, and somebody has to decide."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from meterhub.kit.db import AnyRow

NEXT_STEP = "credit the invoice and bill its period again; the difference then shows on the new invoice"

# The read itself, or one of the two that a boundary of the bill was interpolated between.
_INVOICES = text(
    """
    SELECT i.number, lower(i.period) AS period_start, upper(i.period) AS period_end
    FROM register_read r
    JOIN installation p ON p.meter_id = r.meter_id AND (p.valid @> r.at OR upper(p.valid) = r.at)
    JOIN contract c ON c.metering_point_id = p.metering_point_id
    JOIN invoice i ON i.contract_id = c.id
    WHERE r.id = :read_id AND i.type = 'invoice' AND jsonb_path_exists(
        i.snapshot, '$.installations[*].reads[*].reads[*].id ? (@ == $id)', jsonb_build_object('id', r.id)
    )
    ORDER BY i.number
    """
)


def invoices(connection: Connection, read_id: int) -> Sequence[AnyRow]:
    """Return the issued invoices whose amount rests on a read."""
    return connection.execute(_INVOICES, {"read_id": read_id}).all()
