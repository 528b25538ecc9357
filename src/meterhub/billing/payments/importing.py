"""Takes in a bank file: one transaction, each payment once, the sum of what is stored is the file's own total."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Connection

from meterhub.access.audit import record
from meterhub.access.principal import Principal
from meterhub.billing.payments import formats, repository
from meterhub.billing.payments.books import load_book
from meterhub.billing.payments.matching import match, rules
from meterhub.billing.payments.model import IncomingPayment, Nature, PaymentFile, PaymentFileError, Skipped
from meterhub.billing.payments.posting import Poster
from meterhub.billing.payments.repeats import Repeat, Stored, sort_out
from meterhub.billing.receivables.identifiers import compact
from meterhub.errors import Conflict
from meterhub.kit.db import AnyRow
from meterhub.kit.money import ZERO
from meterhub.settings import Settings

NAME_LENGTH = 200
NO_MATCH = "no rule found whose it is"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a file brought; `already` if it was imported before and nothing happened now."""

    file_id: int
    format: str
    key: str
    already: bool
    count: int
    total: Decimal
    matched_count: int
    matched: Decimal
    waiting_count: int
    waiting: Decimal
    repeated_count: int
    repeated: Decimal
    suspected: int
    skipped: Sequence[dict[str, str]]
    by_rule: dict[str, int]


def import_file(
    connection: Connection, settings: Settings, principal: Principal, data: bytes, name: str
) -> ImportReport:
    """Store and post a file in the caller's transaction; raises PaymentFileError, Conflict for a changed file."""
    sha256 = hashlib.sha256(data).hexdigest()
    repository.lock_imports(connection)
    before = repository.file_by_hash(connection, sha256)
    if before is not None:
        return _already(before)
    file = _without_nothing(formats.parse(data))
    other = repository.file_by_key(connection, file.format, file.key)
    if other is not None:
        raise Conflict(
            f"a {file.format} file with the key {file.key} was imported on {other.imported_at:%Y-%m-%d} as "
            f"{other.name!r} with other content; ask the bank which one is right"
        )
    _check_accounts(settings, file)
    repeats = _repeats(connection, file.payments, file.format)
    same = [file.payments[at] for at, (sure, _) in repeats.items() if sure is Repeat.SAME]
    file_id = repository.add_file(
        connection,
        file,
        {
            "name": name[:NAME_LENGTH],
            "sha256": sha256,
            "repeated_count": len(same),
            "repeated_total": sum((one.amount for one in same), ZERO),
            "by": principal.name,
        },
    )
    taken = [at for at in range(len(file.payments)) if at not in repeats or repeats[at][0] is Repeat.SUSPECTED]
    suspected = {n: repeats[at][1] for n, at in enumerate(taken) if at in repeats}
    by_rule = take(connection, settings, principal.name, [file.payments[at] for at in taken], file_id, suspected)
    record(
        connection,
        principal,
        action="import-payments",
        purpose="billing",
        subject=f"payment-file:{file_id}",
        detail={"format": file.format, "payments": len(file.payments)},
    )
    stored = repository.file_by_id(connection, file_id)
    assert stored is not None
    return replace(_already(stored), already=False, suspected=len(suspected), by_rule=by_rule)


def take(
    connection: Connection,
    settings: Settings,
    by: str,
    payments: Sequence[IncomingPayment],
    file_id: int | None,
    suspected: dict[int, int],
) -> dict[str, int]:
    """Store payments, post what the rules match, queue the rest; return how many each rule matched.

    Reversals come last, so that one in the same file as what it takes back finds it posted.
    """
    ids = repository.add_payments(connection, payments, file_id, by)
    return _post(connection, settings, by, list(zip(ids, payments, strict=True)), suspected)


def take_one(connection: Connection, settings: Settings, by: str, payment: IncomingPayment) -> int:
    """Store a payment without a file, post it if a rule matches it, else queue it; return its id."""
    repeats = _repeats(connection, [payment], None)
    [payment_id] = repository.add_payments(connection, [payment], None, by)
    suspected = {at: other for at, (_, other) in repeats.items()}
    _post(connection, settings, by, [(payment_id, payment)], suspected)
    return payment_id


def _post(
    connection: Connection,
    settings: Settings,
    by: str,
    payments: Sequence[tuple[int, IncomingPayment]],
    suspected: dict[int, int],
) -> dict[str, int]:
    asked = rules()
    by_rule: Counter[str] = Counter()
    numbered = list(enumerate(payments))
    for reversals in (False, True):
        batch = [one for one in numbered if (one[1][1].nature is Nature.REVERSAL) is reversals]
        book = load_book(connection, [payment for _, (_, payment) in batch])
        poster = Poster(book, by)
        for at, (payment_id, payment) in batch:
            if at in suspected:
                poster.leave(payment_id, "looks like a payment that is there already", suspected[at])
            elif payment.currency != settings.currency:
                poster.leave(payment_id, f"is in {payment.currency}, accounts are kept in {settings.currency}")
            elif (found := match(payment, book, asked)) is None:
                poster.leave(payment_id, NO_MATCH)
            else:
                rule, answer = found
                poster.take(payment_id, payment, answer)
                by_rule[rule.name] += 1
        poster.write(connection)
    return dict(by_rule)


def _without_nothing(file: PaymentFile) -> PaymentFile:
    """Skip payments of 0.00: some banks report a changed reference so."""
    empty = [Skipped(one.where, "no amount", one.amount, one.currency) for one in file.payments if not one.amount]
    return replace(
        file, payments=tuple(one for one in file.payments if one.amount), skipped=(*file.skipped, *empty)
    )


def _already(row: AnyRow) -> ImportReport:
    stored = row._mapping
    return ImportReport(
        file_id=stored["id"],
        format=stored["format"],
        key=stored["key"],
        already=True,
        count=stored["count"],
        total=stored["total"],
        matched_count=stored["count"] - stored["repeated_count"] - stored["waiting_count"],
        matched=stored["posted"],
        waiting_count=stored["waiting_count"],
        waiting=stored["waiting"],
        repeated_count=stored["repeated_count"],
        repeated=stored["repeated_total"],
        suspected=0,
        skipped=stored["skipped"],
        by_rule={},
    )


def _check_accounts(settings: Settings, file: PaymentFile) -> None:
    ours = {compact(one) for one in (settings.utility.iban, *settings.receivables.accounts)}
    for payment in file.payments:
        if compact(payment.account) not in ours:
            raise PaymentFileError(
                "foreign-account",
                payment.where,
                f"is a payment to {payment.account}, which is not an account of {settings.utility.name}",
                "if it is one, add it to METERHUB_RECEIVABLES__ACCOUNTS",
            )


def _repeats(
    connection: Connection, payments: Sequence[IncomingPayment], file_format: str | None
) -> dict[int, tuple[Repeat, int]]:
    rows = repository.alike(connection, payments) if payments else []
    stored = [(row.position, Stored(row.id, row.reference, row.bank_id, row.payer, row.format)) for row in rows]
    return sort_out(payments, file_format, stored)
