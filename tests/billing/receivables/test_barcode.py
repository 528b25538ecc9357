"""The Finnish bank barcode against the worked examples."""

from datetime import date
from decimal import Decimal

import pytest

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.receivables.barcode import Barcode, bank_barcode


@pytest.mark.parametrize(
    ("iban", "amount", "reference", "due", "digits", "check"),
    [
        (
            *("FI7944052020036082", "4883.15", "868516259619897", "2010-06-12"),
            *("479440520200360820048831500000000868516259619897100612", 40),
        ),
        (
            *("FI7944052020036082", "4883.15", "RF09868516259619897", "2010-06-12"),
            *("579440520200360820048831509000000868516259619897100612", 74),
        ),
        (
            *("FI3715903000000776", "12.25", "11112", "2016-12-21"),
            *("437159030000007760000122500000000000000000011112161221", 76),
        ),
        (
            *("FI37 1590 3000 0007 76", "1.10", "RF98 11112", "2017-01-01"),
            *("537159030000007760000011098000000000000000011112170101", 38),
        ),
        (
            *("FI2112345600000785", "235.97", "220 10010", "2025-04-28"),
            *("421123456000007850002359700000000000000022010010250428", 1),
        ),
    ],
)
def test_worked_barcodes(iban: str, amount: str, reference: str, due: str, digits: str, check: int) -> None:
    made = bank_barcode(iban, Decimal(amount), reference, date.fromisoformat(due))
    assert made == Barcode(digits, check)


@pytest.mark.parametrize(
    ("amount", "eight"),
    [("999999.99", "99999999"), ("1000000.00", "00000000"), (None, "00000000"), ("0.01", "00000001")],
)
def test_an_open_or_too_large_amount_is_all_zeros(amount: str | None, eight: str) -> None:
    made = bank_barcode("FI2112345600000785", Decimal(amount) if amount else None, "22010010", None)
    assert made.digits[17:25] == eight
    assert made.digits[-6:] == "000000"
    assert len(made.digits) == 54


@pytest.mark.parametrize("iban", ["NO9386011117947", "FI2112345600000786", "21", ""])
def test_only_a_right_finnish_iban_will_do(iban: str) -> None:
    with pytest.raises(RatingError) as caught:
        bank_barcode(iban, None, "22010010", None)
    assert caught.value.reason == "bad_iban"


@pytest.mark.parametrize("reference", ["22010011", "", "RF9911112", "RF", "RF97C2H5OH", "1" * 25])
def test_only_a_right_reference_of_digits_will_do(reference: str) -> None:
    with pytest.raises(RatingError) as caught:
        bank_barcode("FI2112345600000785", None, reference, None)
    assert caught.value.reason == "bad_reference"
