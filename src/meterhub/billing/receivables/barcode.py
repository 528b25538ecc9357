"""The Finnish bank barcode (Code 128 C, 54 digits), versions 4 and 5 of Finance Finland's guide."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.receivables.identifiers import compact, is_iban, is_rf, is_viite
from meterhub.kit.money import cents

MAX_AMOUNT = Decimal("999999.99")
START_C = 105
MODULUS = 103

_NO_DUE_DATE = "000000"


@dataclass(frozen=True, slots=True)
class Barcode:
    """54 digits and the value of the check symbol that a printer appends."""

    digits: str
    check: int


def bank_barcode(iban: str, amount: Decimal | None, reference: str, due_on: date | None) -> Barcode:
    """Return the barcode of a transfer form; version 5 for an RF reference, else 4.

    An amount that is open or above 999,999.99 is all zeros. Raises bad_iban, bad_reference.
    """
    account = compact(iban).upper()
    if not account.startswith("FI") or not is_iban(account):
        raise RatingError(Reason.BAD_IBAN, f"iban: {iban!r} is not a Finnish IBAN")
    code = compact(reference).upper()
    if code.startswith("RF"):
        if not is_rf(code) or not code[2:].isdecimal():
            raise RatingError(Reason.BAD_REFERENCE, f"reference: {reference!r} is not a right RF of digits")
        version, printed = "5", code[2:4] + code[4:].zfill(21)
    else:
        if not is_viite(code):
            raise RatingError(Reason.BAD_REFERENCE, f"reference: {reference!r} has a wrong check digit")
        version, printed = "4", "000" + code.lstrip("0").zfill(20)
    payable = amount if amount is not None and amount <= MAX_AMOUNT else Decimal(0)
    due = due_on.strftime("%y%m%d") if due_on else _NO_DUE_DATE
    digits = f"{version}{account[2:]}{cents(payable):08}{printed}{due}"
    return Barcode(digits, check_symbol(digits))


def check_symbol(digits: str) -> int:
    """Return the Code 128 check value of pairs of digits in code set C: (105 + Σ i·pair) mod 103."""
    pairs = [int(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    return (START_C + sum(position * pair for position, pair in enumerate(pairs, start=1))) % MODULUS
