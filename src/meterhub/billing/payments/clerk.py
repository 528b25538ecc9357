"""What a clerk does with payments of the queue: match, split, undo, set aside; and payments entered by hand."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, text

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.ledger import balances
from meterhub.billing.ledger.allocations import lock_accounts
from meterhub.billing.payments import importing, repository
from meterhub.billing.payments.matching.book import Book, Match, Share
from meterhub.billing.payments.model import IncomingPayment, Nature
from meterhub.billing.payments.posting import Poster, reverse_payment
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.settings import Settings

BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of a payment goes to a customer (all that is left where no amount is given), and what it is for."""

    customer_no: str
    amount: Decimal | None = None
    entries: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Covered:
    """What of an item was covered."""

    entry_id: int
    number: str | None
    kind: str
    due_on: date
    amount: Decimal
    open_after: Decimal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a match does to one account: what is covered, what stays as credit, the balance before and after."""

    customer_no: str
    customer_name: str
    amount: Decimal
    covered: tuple[Covered, ...]
    credit: Decimal
    balance_before: Decimal
    balance_after: Decimal


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """Do the same as for real, and keep nothing of it."""
    with connection.begin_nested() as savepoint:
        yield
        savepoint.rollback()


def match_by_hand(
    connection: Connection, settings: Settings, principal: Principal, payment_id: int, wanted: Sequence[Wanted]
) -> list[Outcome]:
    """Post a payment of the queue on accounts, or parts of it on several; what is left stays in the queue.

    Raises NotFound, and Conflict where more is given out than is left or the currency is another.
    """
    row = find(connection, payment_id, lock=True)
    left = row.amount - row.posted
    if not row.queued or left <= 0:
        raise Conflict(f"payment {payment_id} has nothing left to post")
    if row.currency != settings.currency:
        raise Conflict(f"payment {payment_id} is in {row.currency}: exchange it and enter what it came to by hand")
    customers = _customers(connection, [one.customer_no for one in wanted])
    shares = _shares(wanted, customers, left)
    ids = sorted({share.customer_id for share in shares})
    lock_accounts(connection, ids)
    book = Book()
    for item in balances.open_items_of(connection, ids):
        book.items.setdefault(item.customer_id, []).append(item)
    _check_entries(book, shares)
    before = balances.balances(connection, ids)
    poster = Poster(book, principal.name)
    poster.take(payment_id, _rest(row, left), Match(tuple(shares), BY_HAND))
    open_before = {item.entry_id: item for item in balances.open_items_of(connection, ids)}
    entries = poster.write(connection)
    if sum((share.amount for share in shares), ZERO) == left:
        repository.leave_queue(connection, payment_id)
    record(connection, principal, action="match-payment", purpose="billing", subject=f"payment:{payment_id}")
    after = balances.balances(connection, ids)
    names = {row.id: row for row in customers.values()}
    covers = balances.allocations_of(connection, entries)
    left_open = {item.entry_id: item.open_amount for item in balances.open_items_of(connection, ids)}
    return [
        Outcome(
            names[share.customer_id].customer_no,
            names[share.customer_id].name,
            share.amount,
            tuple(
                Covered(
                    one.debit_entry_id,
                    one.debit_number or open_before[one.debit_entry_id].number,
                    one.debit_kind,
                    open_before[one.debit_entry_id].due_on,
                    one.amount,
                    left_open.get(one.debit_entry_id, ZERO),
                )
                for one in covers
                if one.credit_entry_id == entry_id
            ),
            share.amount - sum((one.amount for one in covers if one.credit_entry_id == entry_id), ZERO),
            before[share.customer_id],
            after[share.customer_id],
        )
        for share, entry_id in zip(shares, entries, strict=True)
    ]


def match_reversal(connection: Connection, principal: Principal, payment_id: int, original_id: int) -> None:
    """Let a reversal of the queue take back the payment that it belongs to; raises NotFound, Conflict."""
    row = find(connection, payment_id, lock=True)
    original = find(connection, original_id, lock=True)
    if not row.queued or row.amount >= 0:
        raise Conflict(f"payment {payment_id} is no reversal that waits")
    if original.amount != -row.amount or original.posted != original.amount:
        raise Conflict(f"payment {original_id} is not posted with exactly {-row.amount}")
    reverse_payment(
        connection, original_id, row.booked_on, principal.name, BY_HAND, reversed_by_payment=payment_id
    )
    repository.leave_queue(connection, payment_id)
    record(connection, principal, action="match-reversal", purpose="billing", subject=f"payment:{payment_id}")


def undo(connection: Connection, principal: Principal, payment_id: int, reason: str, booked_on: date) -> None:
    """Take back where a payment was posted, by reversing entries, and put it into the queue again."""
    row = find(connection, payment_id, lock=True)
    if row.amount < 0 or not row.posted:
        raise Conflict(f"nothing of payment {payment_id} is posted")
    if row.posted < 0:
        raise Conflict(f"payment {payment_id} was taken back by the bank")
    reverse_payment(connection, payment_id, booked_on, principal.name, f"undone: {reason}")
    repository.queue(connection, [(payment_id, f"undone by {principal.name}: {reason}", None)])
    record(connection, principal, action="undo-payment", purpose="billing", subject=f"payment:{payment_id}")


def set_aside(connection: Connection, principal: Principal, payment_id: int, reason: str) -> None:
    """Decide that a payment of the queue is not posted (a duplicate, not ours); raises NotFound, Conflict."""
    row = find(connection, payment_id, lock=True)
    if not row.queued or row.set_aside_at is not None:
        raise Conflict(f"payment {payment_id} does not wait in the queue")
    repository.set_aside(connection, payment_id, principal.name, reason)
    record(connection, principal, action="set-payment-aside", purpose="billing", subject=f"payment:{payment_id}")


def take_up(connection: Connection, principal: Principal, payment_id: int) -> None:
    """Put a payment that was set aside back into the queue; raises NotFound, Conflict."""
    row = find(connection, payment_id, lock=True)
    if row.set_aside_at is None:
        raise Conflict(f"payment {payment_id} was not set aside")
    repository.set_aside(connection, payment_id, None, None)
    record(connection, principal, action="take-payment-up", purpose="billing", subject=f"payment:{payment_id}")


def enter(
    connection: Connection,
    settings: Settings,
    principal: Principal,
    *,
    amount: Decimal,
    booked_on: date,
    paid_on: date,
    reference: str = "",
    payer: str = "",
    message: str = "",
) -> int:
    """Enter a payment by hand (cash, an old statement); the rules match it like one of a file."""
    if amount <= 0:
        raise BadInput("a payment entered by hand is above zero", fields={"amount": "not above zero"})
    payment = IncomingPayment(
        where=BY_HAND,
        nature=Nature.CREDIT,
        amount=amount,
        currency=settings.currency,
        booked_on=booked_on,
        paid_on=paid_on,
        account=settings.utility.iban.replace(" ", ""),
        reference=reference,
        message=message,
        payer=payer,
    )
    repository.lock_imports(connection)
    payment_id = importing.take_one(connection, settings, principal.name, payment)
    record(connection, principal, action="enter-payment", purpose="billing", subject=f"payment:{payment_id}")
    return payment_id


def find(connection: Connection, payment_id: int, *, lock: bool = False) -> AnyRow:
    """Return a payment; raises NotFound."""
    row = repository.payment_by_id(connection, payment_id, lock=lock)
    if row is None:
        raise NotFound(f"there is no payment {payment_id}")
    return row


def _customers(connection: Connection, numbers: Sequence[str]) -> dict[str, AnyRow]:
    query = text("SELECT id, customer_no, name FROM customer WHERE customer_no = ANY(:numbers)")
    found = {row.customer_no: row for row in connection.execute(query, {"numbers": list(numbers)})}
    missing = [one for one in numbers if one not in found]
    if missing or not numbers:
        raise NotFound(f"there is no customer {', '.join(missing) or 'named'}")
    return found


def _shares(wanted: Sequence[Wanted], customers: dict[str, AnyRow], left: Decimal) -> list[Share]:
    shares = []
    for one in wanted:
        amount = left if one.amount is None else one.amount
        if amount <= 0 or amount > left:
            raise Conflict(f"{amount} cannot be given to {one.customer_no}: {left} is left of the payment")
        shares.append(Share(customers[one.customer_no].id, amount, one.entries))
        left -= amount
    return shares


def _check_entries(book: Book, shares: Sequence[Share]) -> None:
    for share in shares:
        known = {item.entry_id for item in book.open_of(share.customer_id)}
        missing = [str(one) for one in share.entries if one not in known]
        if missing:
            raise NotFound(f"not open on that account: ledger entry {', '.join(missing)}")


def _rest(row: AnyRow, left: Decimal) -> IncomingPayment:
    """Return what is left of a stored payment, as the rules take it."""
    return IncomingPayment(
        where=row.place,
        nature=Nature(row.nature),
        amount=left,
        currency=row.currency,
        booked_on=row.booked_on,
        paid_on=row.paid_on,
        account=row.account,
        reference=row.reference,
        message=row.message,
        payer=row.payer,
        bank_id=row.bank_id,
        end_to_end_id=row.end_to_end_id,
    )
