"""Late interest (R11): actual/365 on the open balance, cut at half-years and part payments."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from meterhub.billing.rating.dates import interest_of_days
from meterhub.billing.rating.documents import document
from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.rating.model import Document, Line
from meterhub.billing.rating.traces import FeeTrace, InterestTrace, Trace
from meterhub.billing.rating.vat import OUTSIDE_SCOPE
from meterhub.kit.money import ZERO, round2, round_to
from meterhub.kit.periods import ONE_DAY, DateRange, cut_days

CODE = "INTEREST"
DAYS_UNTIL_DUE = timedelta(days=30)
AMOUNT_DECIMALS = 6

_ONE = Decimal(1)
_JULY = 7
_HALF_YEAR = re.compile(r"[0-9]{4}H[12]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Payment:
    """A part payment."""

    on: date
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Receivable:
    """An invoice open after its due date; interest runs up to and including `until`."""

    invoice: str
    principal: Decimal
    due_on: date
    until: date
    payments: tuple[Payment, ...] = ()


@dataclass(frozen=True, slots=True)
class Fee:
    """A reminder or collection fee; carries no VAT."""

    code: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class InterestRow:
    """Days of one half-year at one balance; the rate in percent, the amount to six decimals."""

    half_year: str
    days: int
    rate: Decimal
    balance: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ReceivableInterest:
    """The rows of one receivable, its interest rounded once, and the days they cover."""

    invoice: str
    rows: tuple[InterestRow, ...]
    interest: Decimal
    counted: DateRange | None


def due_if_not_fixed(sent_on: date) -> date:
    """Return the due day where none was fixed: 30 days after sending (Interest Act 5 §)."""
    return sent_on + DAYS_UNTIL_DUE


def interest_on(
    receivable: Receivable, rates: Mapping[str, Decimal], margin: Decimal = Decimal(0)
) -> ReceivableInterest:
    """Return the interest of one receivable; raises interest_rate_missing, a rate is never guessed."""
    rows: list[InterestRow] = []
    exact = Fraction(0)
    start = receivable.due_on + ONE_DAY
    end = receivable.until + ONE_DAY
    counted_to = start
    days = _cuts(receivable, start, end) if start < end else [start]
    for first, after in pairwise(days):
        # A payment reduces the balance from the day after it.
        paid = sum((payment.amount for payment in receivable.payments if payment.on < first), ZERO)
        balance = receivable.principal - paid
        if balance <= 0:
            break
        half_year = half_year_of(first)
        if half_year not in rates:
            raise RatingError(
                Reason.INTEREST_RATE_MISSING,
                f"rates: none for {half_year}, needed for {receivable.invoice!r}",
            )
        rate = rates[half_year] + margin
        number = (after - first).days
        amount = interest_of_days(number, rate, balance)
        exact += amount
        rows.append(InterestRow(half_year, number, rate, balance, round_to(amount, AMOUNT_DECIMALS)))
        counted_to = after
    counted = DateRange(start, counted_to) if rows else None
    return ReceivableInterest(receivable.invoice, tuple(rows), round2(exact), counted)


def interest_document(
    payer: str, receivables: Sequence[ReceivableInterest], fees: Sequence[Fee] = ()
) -> Document | None:
    """Return a document with a line per receivable and fee, outside the scope of VAT; None without lines."""
    lines = [_interest_line(one) for one in receivables if one.interest]
    lines += [_line(fee.code, fee.amount, None, None, FeeTrace()) for fee in fees]
    return document(payer, lines) if lines else None


def is_half_year(text: str) -> bool:
    """Tell whether a text names a half-year like "2024H1"."""
    return bool(_HALF_YEAR.fullmatch(text))


def half_year_of(day: date) -> str:
    """Return the half-year of a day, as "2024H1"."""
    return f"{day.year}H{1 if day.month < _JULY else 2}"


def _cuts(receivable: Receivable, start: date, end: date) -> list[date]:
    half_years = [date(year, month, 1) for year in range(start.year, end.year + 1) for month in (1, _JULY)]
    after_payments = [payment.on + ONE_DAY for payment in receivable.payments if payment.amount]
    return cut_days(DateRange(start, end), [*half_years, *after_payments])


def _interest_line(one: ReceivableInterest) -> Line:
    rows = tuple((row.half_year, row.days, row.rate, row.balance) for row in one.rows)
    return _line(CODE, one.interest, one.counted, one.invoice, InterestTrace(rows))


def _line(code: str, amount: Decimal, period: DateRange | None, refers_to: str | None, trace: Trace) -> Line:
    return Line(
        code=code,
        point=None,
        period=period,
        quantity=_ONE,
        unit="C62",
        unit_price=amount,
        price_base_quantity=_ONE,
        net=amount,
        vat_category=OUTSIDE_SCOPE,
        vat_rate=Decimal(0),
        refers_to=refers_to,
        trace=trace,
    )
