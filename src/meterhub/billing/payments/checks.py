"""Invariants over live data: what must always hold of ledger, allocations, files and the queue."""

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: which invariant, on what, and how it is off."""

    code: str
    subject: str
    message: str


def findings(connection: Connection, limit: int = 100) -> list[Finding]:
    """Return what is wrong, at most so many a check; nothing on a sound installation."""
    result = []
    for code, query in _CHECKS.items():
        rows = connection.execute(text(f"{query} LIMIT :limit"), {"limit": limit})
        result += [Finding(code, row.subject, row.message) for row in rows]
    return result


_CHECKS = {
    "document-not-posted": """
        SELECT 'invoice:' || i.number AS subject, 'is ' || i.gross || ', the ledger has ' ||
               coalesce(sum(e.amount)::text, 'nothing') AS message
        FROM invoice i LEFT JOIN ledger_entry e ON e.invoice_id = i.id AND e.kind IN ('invoice', 'credit_note')
        WHERE i.gross <> 0 GROUP BY i.id, i.number, i.gross HAVING coalesce(sum(e.amount), 0) <> i.gross""",
    "allocated-too-much": """
        SELECT 'ledger-entry:' || e.id AS subject, 'of ' || e.amount || ' has allocations of ' || s.total
               AS message
        FROM ledger_entry e CROSS JOIN LATERAL (
            SELECT coalesce(sum(a.amount), 0) AS total FROM allocation a
            WHERE (e.amount < 0 AND a.credit_entry_id = e.id) OR (e.amount > 0 AND a.debit_entry_id = e.id)) s
        WHERE s.total < 0 OR s.total > abs(e.amount)""",
    "allocation-across-accounts": """
        SELECT 'allocation:' || a.id AS subject, 'joins entries of two customers or currencies' AS message
        FROM allocation a
        JOIN ledger_entry c ON c.id = a.credit_entry_id JOIN ledger_entry d ON d.id = a.debit_entry_id
        WHERE c.customer_id <> d.customer_id OR c.currency <> d.currency""",
    "balance-differs": """
        SELECT 'customer:' || c.customer_no AS subject,
               'balance is ' || s.balance || ', open items less open credits are ' || s.open AS message
        FROM customer c JOIN (
            SELECT e.customer_id, sum(e.amount) AS balance,
                   sum(e.amount - sign(e.amount) * coalesce((SELECT sum(a.amount) FROM allocation a
                          WHERE e.id IN (a.credit_entry_id, a.debit_entry_id)), 0)) AS open
            FROM ledger_entry e GROUP BY e.customer_id) s ON s.customer_id = c.id
        WHERE s.balance <> s.open""",
    "file-total-differs": """
        SELECT 'payment-file:' || f.id AS subject, 'its total is ' || f.total || ' with ' || f.repeated_total ||
               ' repeated, its payments come to ' || coalesce(sum(p.amount), 0) AS message
        FROM payment_file f LEFT JOIN payment p ON p.file_id = f.id
        GROUP BY f.id HAVING f.total - f.repeated_total <> coalesce(sum(p.amount), 0)
            OR f.count - f.repeated_count <> count(p.id)""",
    "payment-lost": """
        SELECT 'payment:' || p.id AS subject, 'is ' || p.amount || ', posted are ' || s.posted ||
               CASE WHEN u.payment_id IS NULL THEN ' and it does not wait' ELSE ' and it waits' END AS message
        FROM payment p LEFT JOIN unmatched_payment u ON u.payment_id = p.id CROSS JOIN LATERAL (
            SELECT coalesce(-sum(e.amount), 0) AS posted FROM ledger_entry e WHERE e.payment_id = p.id) s
        WHERE (p.amount = s.posted) = (u.payment_id IS NOT NULL)""",
    "reversal-differs": """
        SELECT 'ledger-entry:' || r.id AS subject, 'reverses ' || e.amount || ' with ' || r.amount AS message
        FROM ledger_entry r JOIN ledger_entry e ON e.id = r.reverses_id
        WHERE r.amount <> -e.amount OR r.customer_id <> e.customer_id""",
}
