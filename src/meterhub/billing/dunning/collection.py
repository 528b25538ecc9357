"""Claims handed over to a collector as a file, and taken back."""

import csv
import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.dunning.events import NewEvent, add_batch, events, note
from meterhub.billing.dunning.reminders import Proposals, propose
from meterhub.billing.dunning.steps import Happened, Step, current, round_of
from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.products import customer_json
from meterhub.errors import Conflict, NotFound
from meterhub.kit.money import ZERO
from meterhub.settings import Settings

# A row a claim; what the collector needs to demand it, and the property on which a statutory lien lies.
COLUMNS = (
    "invoice", "reference", "issued_on", "due_on", "amount", "open", "currency", "reminded_on", "customer_no",
    "customer_kind", "name", "business_id", "street", "postal_code", "city", "language", "property_code",
)  # fmt: skip
MOST = 1_000_000
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def hand_over(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    as_of: date,
    *,
    at_least: Decimal = ZERO,
    expected: int | None = None,
) -> tuple[int | None, Proposals]:
    """Hand over what was reminded of in vain; return the batch (None if there was nothing) and its claims."""
    wanted = (Step.COLLECTION,)
    seen = propose(connection, settings, as_of, wanted, at_least=at_least)
    customers = sorted({one.claim.customer_id for one in seen.steps})
    lock_accounts(connection, customers)
    proposals = propose(connection, settings, as_of, wanted, at_least=at_least, customer_ids=customers)
    proposals = replace(proposals, held_back=seen.held_back)
    if expected is not None and len(proposals.steps) != expected:
        raise Conflict(
            f"{len(proposals.steps)} claims are due now, the preview showed {expected}: look at it again"
        )
    if not proposals.steps:
        return None, proposals
    amount = sum((one.claim.open_amount for one in proposals.steps), ZERO)
    batch = add_batch(connection, "collection", as_of, len(proposals.steps), amount, principal.name)
    noted = []
    for one in proposals.steps:
        claim = one.claim
        customer = customer_json(connection, claim.customer_id)
        row = {
            "invoice": claim.number,
            "reference": claim.reference,
            "issued_on": claim.issued_on.isoformat(),
            "due_on": claim.due_on.isoformat(),
            "amount": str(claim.amount),
            "open": str(claim.open_amount),
            "currency": claim.currency,
            "reminded_on": max(current(claim.events).values()).isoformat(),
            "customer_no": claim.customer_no,
            "customer_kind": claim.customer_kind,
            "property_code": claim.property_code or "",
            **{
                name: customer[name] or ""
                for name in ("name", "business_id", "street", "postal_code", "city", "language")
            },
        }
        noted.append(
            NewEvent(
                customer_id=claim.customer_id,
                step=Step.COLLECTION,
                happened_on=as_of,
                open_amount=claim.open_amount,
                reason="reminded of in vain",
                created_by=principal.name,
                entry_id=claim.entry_id,
                round=round_of(claim.events),
                batch_id=batch,
                detail={"collection": row},
            )
        )
    note(connection, noted)
    record(
        connection,
        principal,
        action="hand-over-to-collection",
        purpose="billing",
        subject=f"dunning-batch:{batch}",
        detail={"claims": len(noted)},
    )
    return batch, proposals


def collection_file(connection: Connection, batch_id: int) -> str:
    """Return the file of a batch as CSV, the same each time; raise NotFound."""
    rows = connection.execute(_ROWS, {"id": batch_id}).scalars().all()
    if not rows:
        raise NotFound(f"there is no collection batch {batch_id}")
    target = io.StringIO()
    writer = csv.DictWriter(target, COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(str(row[name])) for name in COLUMNS})
    return target.getvalue()


def take_back(connection: Connection, principal: Principal, invoice: str, on: date, reason: str) -> None:
    """Take a claim back from collection: it is nobody's turn but the clerk's; raises NotFound, Conflict."""
    row = connection.execute(_HANDED_OVER, {"number": invoice}).one_or_none()
    if row is None:
        raise NotFound(f"invoice {invoice!r} is not known to the ledger")
    lock_accounts(connection, [row.customer_id])
    query = text("SELECT step, happened_on FROM dunning_event WHERE entry_id = :id ORDER BY id")
    happened = [Happened(one.step, one.happened_on) for one in connection.execute(query, {"id": row.entry_id})]
    if Step.COLLECTION not in current(happened):
        raise Conflict(f"invoice {invoice} is not in collection")
    note(
        connection,
        [
            NewEvent(
                customer_id=row.customer_id,
                step=Step.TAKEN_BACK,
                happened_on=on,
                open_amount=row.open_amount,
                reason=reason,
                created_by=principal.name,
                entry_id=row.entry_id,
                round=round_of(happened),
            )
        ],
    )
    record(connection, principal, action="take-back-claim", purpose="billing", subject=f"invoice:{invoice}")


def in_collection(connection: Connection, customer_id: int) -> list[str]:
    """Return the numbers of a customer's claims that a collector has."""
    found: dict[str, list[Happened]] = {}
    for row in events(connection, customer_id=customer_id, limit=MOST):
        if row.invoice is not None:
            found.setdefault(row.invoice, []).insert(0, Happened(row.step, row.happened_on))
    return sorted(number for number, happened in found.items() if Step.COLLECTION in current(happened))


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


_ROWS = text(
    "SELECT d.detail -> 'collection' FROM dunning_event d JOIN dunning_batch b ON b.id = d.batch_id "
    "WHERE d.batch_id = :id AND b.kind = 'collection' ORDER BY d.id"
)
_HANDED_OVER = text(
    """
    SELECT e.id AS entry_id, e.customer_id,
           e.amount - coalesce((SELECT sum(a.amount) FROM allocation a WHERE a.debit_entry_id = e.id), 0)
               AS open_amount
    FROM ledger_entry e LEFT JOIN invoice i ON i.id = e.invoice_id LEFT JOIN opening_item o ON o.entry_id = e.id
    WHERE e.kind IN ('invoice', 'opening') AND coalesce(i.number, o.number) = :number
    """
)
