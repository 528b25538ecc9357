"""Credit paid back: proposed, approved by two other people, sent to the bank in one file, perhaps returned."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.ledger import posting
from meterhub.billing.ledger.allocations import cover, lock_accounts, set_off
from meterhub.billing.ledger.balances import open_credits
from meterhub.billing.ledger.posting import NewEntry
from meterhub.billing.payments import pain001
from meterhub.billing.receivables.identifiers import compact, is_iban
from meterhub.errors import BadInput, Conflict, NotAllowed, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.settings import Settings

APPROVALS = 2
_END_TO_END = re.compile(r"REFUND-([0-9]{1,9})", re.ASCII)


def end_to_end_id(refund_id: int) -> str:
    """Return the id that a refund carries through the banks."""
    return f"REFUND-{refund_id}"


def refund_id_of(value: str) -> int | None:
    """Return the refund that an end-to-end id names, or None if it is not one of ours."""
    found = _END_TO_END.fullmatch(value)
    return int(found[1]) if found else None


def propose(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    customer_no: str,
    iban: str,
    reason: str,
    *,
    amount: Decimal | None = None,
    final: bool = False,
) -> int:
    """Propose to pay back credit, all of it unless an amount is given, to an account that the customer gave.

    `final`, for a customer who moves out, allows sums under the minimum. Raises NotFound, BadInput, Conflict.
    """
    account = compact(iban).upper()
    if not is_iban(account):
        raise BadInput("the IBAN is not right: check its digits", fields={"iban": "wrong check digits"})
    customer = connection.execute(_CUSTOMER, {"no": customer_no}).one_or_none()
    if customer is None:
        raise NotFound(f"there is no customer {customer_no!r}")
    lock_accounts(connection, [customer.id])
    credit = credit_of(connection, customer.id, settings.currency)
    wanted = credit if amount is None else amount
    if wanted <= 0 or wanted > credit:
        raise Conflict(f"{wanted} cannot be paid back: the account has an open credit of {credit}")
    if wanted < settings.receivables.refund_minimum and not final:
        raise Conflict(
            f"{wanted} is under the minimum of {settings.receivables.refund_minimum}: it stays for the next bill, "
            "unless the customer moves out"
        )
    values = {
        "customer": customer.id,
        "amount": wanted,
        "currency": settings.currency,
        "iban": account,
        "name": customer.name,
        "reason": reason,
        "by": principal.name,
    }
    refund_id: int | None = connection.execute(_PROPOSE, values).scalar_one_or_none()
    if refund_id is None:
        raise Conflict(f"a refund to customer {customer_no} waits for approval already")
    _note(connection, principal, refund_id, "proposed", reason)
    return refund_id


def approve(connection: Connection, principal: Principal, refund_id: int, booked_on: date) -> str:
    """Approve a refund; the second approval posts it. Returns the state; raises NotAllowed, NotFound, Conflict."""
    refund = _locked(connection, refund_id, ("proposed",))
    if principal.name == refund.created_by:
        raise NotAllowed(f"refund {refund_id} was proposed by {principal.name}: two other people approve it")
    if connection.execute(_APPROVED_BY, {"id": refund_id, "by": principal.name}).scalar_one():
        raise Conflict(f"{principal.name} approved refund {refund_id} already: another person is needed")
    _note(connection, principal, refund_id, "approved", "")
    if connection.execute(_APPROVALS, {"id": refund_id}).scalar_one() < APPROVALS:
        return "proposed"
    lock_accounts(connection, [refund.customer_id])
    credits_ = [one for one in open_credits(connection, [refund.customer_id]) if one.currency == refund.currency]
    credit = sum((one.open_amount for one in credits_), ZERO)
    if credit < refund.amount:
        raise Conflict(f"the account has only {credit} in credit by now: reject the refund of {refund.amount}")
    [entry_id] = posting.post(
        connection,
        [
            NewEntry(
                refund.customer_id,
                booked_on,
                "refund",
                refund.amount,
                refund.currency,
                principal.name,
                text=end_to_end_id(refund_id),
                due_on=booked_on,
            )
        ],
    )
    left: Decimal = refund.amount
    for one in credits_:
        taken = min(left, one.open_amount)
        if taken > 0:
            cover(connection, one.entry_id, [(entry_id, taken)], principal.name, "refund")
            left -= taken
    connection.execute(_STATE, {"id": refund_id, "state": "approved", "entry": entry_id, "file": None})
    return "approved"


def reject(connection: Connection, principal: Principal, refund_id: int, reason: str, booked_on: date) -> None:
    """Refuse a refund that has not been sent; what was posted of it is reversed."""
    refund = _locked(connection, refund_id, ("proposed", "approved"))
    _note(connection, principal, refund_id, "rejected", reason)
    if refund.entry_id is not None:
        posting.reverse(connection, refund.entry_id, booked_on, principal.name, f"refund rejected: {reason}")
        set_off(connection, [refund.customer_id], principal.name)
    connection.execute(_STATE, {"id": refund_id, "state": "rejected", "entry": refund.entry_id, "file": None})


def export(
    connection: Connection, settings: Settings, principal: Principal, execute_on: date, now: datetime
) -> tuple[int, bytes]:
    """Write all approved refunds in one pain.001 file, once; returns its number and content."""
    refunds = connection.execute(_TO_EXPORT).all()
    if not refunds:
        raise Conflict("no approved refund waits to be sent")
    count = connection.execute(text("SELECT count(*) FROM refund_file")).scalar_one()
    message_id = f"REFUNDS-{now:%Y%m%d}-{count + 1:06d}"
    transfers = [
        pain001.Transfer(
            end_to_end_id(one.id), one.amount, one.currency, _printable(one.name), one.iban, _text(one)
        )
        for one in refunds
    ]
    debtor = pain001.Debtor(settings.utility.name, compact(settings.utility.iban), settings.utility.bic)
    content = pain001.write(debtor, transfers, message_id, now, execute_on)
    file_id: int = connection.execute(
        _ADD_FILE,
        {
            "message_id": message_id,
            "count": len(refunds),
            "total": sum((one.amount for one in refunds), ZERO),
            "execute_on": execute_on,
            "content": content.decode(),
            "by": principal.name,
        },
    ).scalar_one()
    for one in refunds:
        connection.execute(_STATE, {"id": one.id, "state": "exported", "entry": one.entry_id, "file": file_id})
        _note(connection, principal, one.id, "exported", message_id)
    return file_id, content


def file_content(connection: Connection, principal: Principal, file_id: int) -> tuple[str, bytes]:
    """Return a file as it was written: its message id and content; raises NotFound."""
    query = text("SELECT message_id, content FROM refund_file WHERE id = :id")
    row = connection.execute(query, {"id": file_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no refund file {file_id}")
    record(connection, principal, action="read-refund-file", purpose="billing", subject=f"refund-file:{file_id}")
    return row.message_id, row.content.encode()


def mark_returned(
    connection: Connection, refund_id: int, booked_on: date, by: str, *, payment_id: int | None = None
) -> None:
    """Post that the bank returned a refund: the customer has the credit again; raises NotFound, Conflict."""
    refund = _locked(connection, refund_id, ("exported",))
    posting.reverse(
        connection, refund.entry_id, booked_on, by, "refund returned by the bank", payment_id=payment_id
    )
    set_off(connection, [refund.customer_id], by)
    values = {"id": refund_id, "what": "returned", "by": by, "text": ""}
    connection.execute(_EVENT, values)
    connection.execute(
        _STATE, {"id": refund_id, "state": "returned", "entry": refund.entry_id, "file": refund.file_id}
    )


def refunds(
    connection: Connection,
    *,
    state: str | None = None,
    customer_id: int | None = None,
    after_id: int | None = None,
    limit: int = 100,
) -> Sequence[AnyRow]:
    """Return refunds, of all accounts or of one, with who did what, newest first."""
    values = {"state": state, "customer": customer_id, "before": after_id, "limit": limit}
    return connection.execute(_LIST, values).all()


def refund_by_id(connection: Connection, refund_id: int) -> AnyRow:
    """Return a refund with who did what; raises NotFound."""
    row = connection.execute(_ONE, {"id": refund_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no refund {refund_id}")
    return row


def credit_of(connection: Connection, customer_id: int, currency: str) -> Decimal:
    """Return what a customer has in credit and could be paid back."""
    found = [one.open_amount for one in open_credits(connection, [customer_id]) if one.currency == currency]
    return sum(found, ZERO)


def _locked(connection: Connection, refund_id: int, states: Sequence[str]) -> AnyRow:
    row = connection.execute(_LOCKED, {"id": refund_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no refund {refund_id}")
    if row.state not in states:
        raise Conflict(f"refund {refund_id} is {row.state}, not {' or '.join(states)}")
    return row


def _note(connection: Connection, principal: Principal, refund_id: int, what: str, reason: str) -> None:
    connection.execute(_EVENT, {"id": refund_id, "what": what, "by": principal.name, "text": reason})
    record(connection, principal, action=f"refund-{what}", purpose="billing", subject=f"refund:{refund_id}")


def _printable(value: str) -> str:
    """Return text that XML can hold."""
    return "".join(one for one in value if one.isprintable())


def _text(refund: AnyRow) -> str:
    return _printable(f"{end_to_end_id(refund.id)} {refund.reason}")


_CUSTOMER = text("SELECT id, name FROM customer WHERE customer_no = :no")
_PROPOSE = text(
    """
    INSERT INTO refund (customer_id, amount, currency, iban, name, reason, created_by)
    VALUES (:customer, :amount, :currency, :iban, :name, :reason, :by)
    ON CONFLICT (customer_id) WHERE state = 'proposed' DO NOTHING RETURNING id
    """
)
_LOCKED = text("SELECT * FROM refund WHERE id = :id FOR NO KEY UPDATE")
_EVENT = text('INSERT INTO refund_event (refund_id, what, "by", text) VALUES (:id, :what, :by, :text)')
_APPROVALS = text("SELECT count(*) FROM refund_event WHERE refund_id = :id AND what = 'approved'")
_APPROVED_BY = text(
    "SELECT EXISTS (SELECT 1 FROM refund_event WHERE refund_id = :id AND what = 'approved' AND \"by\" = :by)"
)
_STATE = text("UPDATE refund SET state = :state, entry_id = :entry, file_id = :file WHERE id = :id")
_TO_EXPORT = text("SELECT * FROM refund WHERE state = 'approved' ORDER BY id FOR NO KEY UPDATE")
_ADD_FILE = text(
    """
    INSERT INTO refund_file (message_id, count, total, execute_on, content, created_by)
    VALUES (:message_id, :count, :total, :execute_on, :content, :by) RETURNING id
    """
)
_SELECT = """
    SELECT r.id, r.amount, r.currency, r.iban, r.name, r.reason, r.state, r.file_id, r.created_at, r.created_by,
           c.customer_no,
           (SELECT json_agg(json_build_object('what', e.what, 'by', e."by", 'at', e.at, 'text', e.text)
                            ORDER BY e.id)
            FROM refund_event e WHERE e.refund_id = r.id) AS events
    FROM refund r JOIN customer c ON c.id = r.customer_id
"""
_LIST = text(
    _SELECT
    + "WHERE r.state = coalesce(:state, r.state) AND r.customer_id = coalesce(:customer, r.customer_id) "
    + "AND (CAST(:before AS int) IS NULL OR r.id < :before) "
    + "ORDER BY r.id DESC LIMIT :limit"
)
_ONE = text(_SELECT + "WHERE r.id = :id")
