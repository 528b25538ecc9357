"""Finnish reference payments (KTL, saapuvat viitemaksut): records of 90 characters, Finance Finland."""

from datetime import date

from meterhub.billing.payments.fixed_width import Record, agree, records
from meterhub.billing.payments.formats import Format
from meterhub.billing.payments.model import IncomingPayment, Nature, PaymentFile, PaymentFileError
from meterhub.billing.receivables.identifiers import iban_of
from meterhub.kit.money import ZERO

NAME = "ktl"
WIDTH = 90
_EURO = "1"
_CORRECTION = "1"
_NATURE = {"3": Nature.CREDIT, "5": Nature.DIRECT_DEBIT}


def recognises(data: bytes) -> bool:
    """Tell whether the first record is a header: 0, a day and a time in digits."""
    return data[:1] == b"0" and data[:11].isdigit()


def parse(data: bytes) -> PaymentFile:
    """Read batches of header, payments and total; raises PaymentFileError."""
    payments: list[IncomingPayment] = []
    batch: list[IncomingPayment] = []
    keys: list[str] = []
    created_on: date | None = None
    header: Record | None = None
    last = Record(1, "")
    for record in records(data, WIDTH):
        last, kind = record, record.text[0]
        if (kind == "0") is (header is not None):
            record.refuse(
                "cut-off", f"is a record {kind!r} where {'a payment or total' if header else 'a header'} belongs"
            )
        if kind == "0":
            header, batch = record, []
            created_on = created_on or record.date_at(2, "ymd", "date")
            keys.append(record.field(2, 21).rstrip())
        elif kind in _NATURE:
            batch.append(_payment(record))
        elif kind == "9":
            _verify(record, batch)
            payments += batch
            header = None
        else:
            record.refuse("bad-record", f"begins with {kind!r}: no record of this format does")
    if header is not None or created_on is None:
        raise PaymentFileError(
            "cut-off", f"after {last.where}", "the file ends without a total record", "send the whole file"
        )
    return PaymentFile(NAME, "+".join(keys), created_on, tuple(payments))


def _payment(record: Record) -> IncomingPayment:
    if record.field(76, 1) != _EURO:
        record.refuse("bad-field", f"the currency at 76 is {record.field(76, 1)!r}, not 1 for euro")
    amount = record.money_at(78, 10, "the amount")
    correction = record.field(88, 1)
    if correction not in "01":
        record.refuse("bad-field", f"the correction mark at 88 is {correction!r}, not 0 or 1")
    account = record.field(2, 14)
    record.number_at(2, 14, "the account")
    return IncomingPayment(
        where=record.where,
        nature=Nature.REVERSAL if correction == _CORRECTION else _NATURE[record.text[0]],
        amount=-amount if correction == _CORRECTION else amount,
        currency="EUR",
        booked_on=record.date_at(16, "ymd", "the booking day"),
        paid_on=record.date_at(22, "ymd", "the day of payment"),
        account=iban_of("FI", account),
        reference=record.field(44, 20).strip().lstrip("0"),
        payer=record.field(64, 12).strip(),
        bank_id=record.field(28, 16).strip(),
    )


def _verify(record: Record, batch: list[IncomingPayment]) -> None:
    paid = [one.amount for one in batch if one.nature is not Nature.REVERSAL]
    taken_back = [-one.amount for one in batch if one.nature is Nature.REVERSAL]
    agree(record, "the count of payments", record.number_at(2, 6, "the count"), len(paid))
    agree(record, "the sum of payments", record.money_at(8, 11, "the sum"), sum(paid, ZERO))
    agree(record, "the count of corrections", record.number_at(19, 6, "the count"), len(taken_back))
    agree(record, "the sum of corrections", record.money_at(25, 11, "the sum"), sum(taken_back, ZERO))


FORMAT = Format(NAME, "KTL reference payments", recognises, parse)
