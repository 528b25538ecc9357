"""Norwegian OCR giro (Mastercard Payment Services, formerly Nets): records of 80 characters."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from meterhub.billing.payments.fixed_width import Record, agree, records
from meterhub.billing.payments.formats import Format
from meterhub.billing.payments.model import IncomingPayment, Nature, PaymentFile, PaymentFileError, Skipped
from meterhub.billing.receivables.identifiers import iban_of
from meterhub.kit.money import ZERO

NAME = "ocr_giro"
WIDTH = 80
CURRENCY = "NOK"
_SERVICE = "09"
_REVERSALS = ("18", "20")
_TRANSMISSION_START, _ASSIGNMENT_START, _ITEM_1, _ITEM_2, _ITEM_3 = "10", "20", "30", "31", "32"
_ASSIGNMENT_END, _TRANSMISSION_END = "88", "89"


@dataclass(slots=True)
class _Assignment:
    """What has been read of an assignment."""

    start: Record
    payments: list[IncomingPayment] = field(default_factory=list)
    records: int = 1
    transactions: set[str] = field(default_factory=set)

    @property
    def service(self) -> str:
        return self.start.field(3, 2)

    @property
    def key(self) -> str:
        return self.start.field(18, 7)


@dataclass(slots=True)
class _Reading:
    """What has been read of a transmission; sums in files add reversals."""

    start: Record
    payments: list[IncomingPayment] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    assignment: _Assignment | None = None
    transactions: int = 0
    total: Decimal = ZERO
    records: int = 0
    created_on: date | None = None


def recognises(data: bytes) -> bool:
    """Tell whether the first record starts a transmission."""
    return data[:8] == b"NY000010"


def parse(data: bytes) -> PaymentFile:
    """Read a transmission; assignments of other services are skipped and counted; raises PaymentFileError."""
    reading: _Reading | None = None
    last = Record(1, "")
    for record in records(data, WIDTH):
        last = record
        if record.field(1, 2) != "NY":
            record.refuse("bad-record", "does not begin with NY")
        kind = record.field(7, 2)
        if reading is None:
            reading = _Reading(record)
        elif kind == _TRANSMISSION_START or reading.created_on:
            record.refuse("bad-record", "stands outside of the one transmission that a file holds")
        reading.records += 1
        _take(reading, record, kind)
    if reading is None or reading.created_on is None:
        raise PaymentFileError(
            "cut-off",
            f"after {last.where}",
            "the file ends without the end of its transmission",
            "send the whole file",
        )
    key = f"{reading.start.field(9, 8)}-{reading.start.field(17, 7)}"
    return PaymentFile(NAME, key, reading.created_on, tuple(reading.payments), tuple(reading.skipped))


def _take(reading: _Reading, record: Record, kind: str) -> None:
    assignment = reading.assignment
    if kind == _TRANSMISSION_START:
        return
    if kind == _TRANSMISSION_END:
        if assignment:
            record.refuse(
                "cut-off", f"ends the transmission before the assignment of {assignment.start.where} ended"
            )
        agree(record, "the count of transactions", record.number_at(9, 8, "the count"), reading.transactions)
        agree(record, "the count of records", record.number_at(17, 8, "the count"), reading.records)
        agree(record, "the sum", record.money_at(25, 17, "the sum"), reading.total)
        reading.created_on = record.date_at(42, "dmy", "the date")
    elif kind == _ASSIGNMENT_START:
        if assignment:
            record.refuse("cut-off", f"starts before the assignment of {assignment.start.where} ended")
        reading.assignment = _Assignment(record)
    elif assignment is None:
        record.refuse("bad-record", f"is a record {kind} outside of an assignment")
    else:
        assignment.records += 1
        if kind == _ASSIGNMENT_END:
            _end(reading, assignment, record)
        elif assignment.service == _SERVICE:
            _transaction(assignment, record, kind)
        elif record.field(9, 7).isdecimal():
            assignment.transactions.add(record.field(9, 7))


def _end(reading: _Reading, assignment: _Assignment, record: Record) -> None:
    total = record.money_at(25, 17, "the sum")
    count = record.number_at(9, 8, "the count")
    agree(record, "the count of records", record.number_at(17, 8, "the count"), assignment.records)
    if assignment.service == _SERVICE:
        agree(record, "the count of transactions", count, len(assignment.payments))
        agree(record, "the sum", total, sum((abs(one.amount) for one in assignment.payments), ZERO))
        reading.payments += assignment.payments
    else:
        reading.skipped.append(Skipped(assignment.start.where, f"service {assignment.service}", total, CURRENCY))
    reading.transactions += count
    reading.total += total
    reading.assignment = None


def _transaction(assignment: _Assignment, record: Record, kind: str) -> None:
    number = record.field(9, 7)
    if kind == _ITEM_1:
        if number in assignment.transactions:
            record.refuse("repeated", f"repeats transaction {number}")
        assignment.transactions.add(number)
        assignment.payments.append(_payment(assignment, record))
        return
    if kind not in (_ITEM_2, _ITEM_3) or not assignment.payments:
        record.refuse("bad-record", f"is a record {kind} where a transaction belongs")
    before = assignment.payments[-1]
    if not before.end_to_end_id.endswith(f"-{number}"):
        record.refuse("bad-record", f"belongs to transaction {number}, which is not the one before it")
    assignment.payments[-1] = _with_item_2(before, record) if kind == _ITEM_2 else _with_text(before, record)


def _payment(assignment: _Assignment, record: Record) -> IncomingPayment:
    sign = record.field(32, 1)
    if sign not in "-0":
        record.refuse("bad-field", f"the sign at 32 is {sign!r}, not 0 or -")
    taken_back = record.field(5, 2) in _REVERSALS or sign == "-"
    amount = record.money_at(33, 17, "the amount")
    account = assignment.start.field(25, 11)
    assignment.start.number_at(25, 11, "the account")
    day = record.date_at(16, "dmy", "the day")
    return IncomingPayment(
        where=record.where,
        nature=Nature.REVERSAL if taken_back else Nature.CREDIT,
        amount=-amount if taken_back else amount,
        currency=CURRENCY,
        booked_on=day,
        paid_on=day,
        account=iban_of("NO", account),
        reference=record.field(50, 25).strip(),
        end_to_end_id=f"{assignment.key}-{record.field(9, 7)}",
    )


def _with_item_2(payment: IncomingPayment, record: Record) -> IncomingPayment:
    """Add the payer's day; the archive reference is left out, as standing orders repeat it."""
    if not record.field(42, 6).strip("0 "):
        return payment
    return replace(payment, paid_on=record.date_at(42, "dmy", "the bank's day"))


def _with_text(payment: IncomingPayment, record: Record) -> IncomingPayment:
    return replace(payment, message=f"{payment.message} {record.field(16, 40).strip()}".strip())


FORMAT = Format(NAME, "OCR giro", recognises, parse)
