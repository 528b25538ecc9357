"""Reading of fixed-width records: fields by position, and errors that name the line."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NoReturn

from meterhub.billing.payments.model import PaymentFileError
from meterhub.kit.money import from_cents

ASK_AGAIN = "ask the bank for the file again"


@dataclass(frozen=True, slots=True)
class Record:
    """A line and its number in the file."""

    number: int
    text: str

    @property
    def where(self) -> str:
        """How the line is named in errors."""
        return f"line {self.number}"

    def field(self, start: int, width: int) -> str:
        """Return the characters from a position, counted from 1 as the formats' descriptions do."""
        return self.text[start - 1 : start - 1 + width]

    def number_at(self, start: int, width: int, name: str) -> int:
        """Return a field of digits."""
        value = self.field(start, width)
        if not (value.isascii() and value.isdecimal()):
            self.refuse("bad-field", f"{name} at {start} is {value!r}, not {width} digits")
        return int(value)

    def money_at(self, start: int, width: int, name: str) -> Decimal:
        """Return a field of cents as an amount."""
        return from_cents(self.number_at(start, width, name))

    def date_at(self, start: int, order: str, name: str) -> date:
        """Return a day of six digits in the order `ymd` or `dmy`."""
        parts = dict(zip(order, (self.number_at(start + at, 2, name) for at in (0, 2, 4)), strict=True))
        try:
            return date(2000 + parts["y"], parts["m"], parts["d"])
        except ValueError:
            self.refuse("bad-date", f"{name} at {start} is {self.field(start, 6)!r}, not a day")

    def refuse(self, reason: str, complaint: str, next_step: str = ASK_AGAIN) -> NoReturn:
        """Raise an error that names this line."""
        raise PaymentFileError(reason, self.where, complaint, next_step)


def records(data: bytes, width: int) -> Iterator[Record]:
    """Yield the lines of a file; blank space cut from the end of a line is put back, longer ones are refused."""
    for number, line in enumerate(data.decode("iso-8859-1").split("\n"), start=1):
        text = line.rstrip("\r\x1a")
        if not text.strip():
            continue
        record = Record(number, text.ljust(width))
        if any(not one.isprintable() for one in text):
            record.refuse("bad-character", "has a control character")
        if len(text.rstrip()) > width:
            record.refuse("bad-length", f"has {len(text)} characters, {width} is right")
        yield record


def agree(record: Record, name: str, declared: object, found: object) -> None:
    """Refuse a total that the file's own records do not come to."""
    if declared != found:
        record.refuse("control-total", f"{name} is declared as {declared}, the records come to {found}")
