"""Check digits against worked numbers, an independent library, and every single-digit error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, iso11649, luhn
from stdnum.fi import ytunnus
from stdnum.no import kontonr, orgnr

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.receivables.identifiers import (
    VERIFIERS,
    is_iban,
    is_kid_mod10,
    is_kid_mod11,
    is_no_account,
    is_orgnr,
    is_rf,
    is_viite,
    is_y_tunnus,
    make_kid_mod10,
    make_kid_mod11,
    make_rf,
    make_viite,
    printed_viite,
)

DIGITS = "0123456789"
VIITE_BASES = st.from_regex(r"[1-9][0-9]{2,18}", fullmatch=True)
KID_BASES = st.text(DIGITS, min_size=1, max_size=24)


@pytest.mark.parametrize(
    ("base", "viite"),
    [("123", "1232"), ("1234", "12344"), ("20241", "202413"), ("7654321", "76543216"), ("2201001", "22010010")],
)
def test_worked_viite_numbers(base: str, viite: str) -> None:
    assert make_viite(base) == viite
    assert is_viite(viite)


def test_a_viite_drops_zeros_and_spaces_and_is_printed_in_fives() -> None:
    assert make_viite("0 0220 1001") == "22010010"
    assert printed_viite("22010010") == "220 10010"
    assert printed_viite("1234567890") == "12345 67890"
    assert is_viite("0000 0000 0000 2201 0010")


@pytest.mark.parametrize("base", ["12", "0012", "1" * 20, "12A", "", "-123", "\uff11\uff12\uff13"])
def test_bases_that_give_no_viite(base: str) -> None:
    with pytest.raises(RatingError) as caught:
        make_viite(base)
    assert caught.value.reason == "bad_reference"


@pytest.mark.parametrize(
    ("reference", "rf"),
    [
        ("2348236", "RF332348236"),
        ("1232", "RF111232"),
        ("11112", "RF9811112"),
        ("1234561", "RF341234561"),
        ("10012344", "RF9010012344"),
    ],
)
def test_worked_rf_references(reference: str, rf: str) -> None:
    assert make_rf(reference) == rf
    assert is_rf(rf)


@pytest.mark.parametrize("reference", ["", "1" * 22, "12-3", "Å1"])
def test_references_that_give_no_rf(reference: str) -> None:
    with pytest.raises(RatingError) as caught:
        make_rf(reference)
    assert caught.value.reason == "bad_reference"


def test_letters_of_an_rf_are_upper_case() -> None:
    assert make_rf("ab 12") == make_rf("AB12")
    assert is_rf(make_rf("ab12").lower())


@pytest.mark.parametrize(
    ("base", "kid"),
    [
        ("12345678", "123456782"),
        ("100101", "1001015"),
        ("2201001", "22010011"),
        ("2026000417", "20260004179"),
        ("77700012", "777000126"),
    ],
)
def test_worked_kid_numbers_of_mod_10(base: str, kid: str) -> None:
    assert make_kid_mod10(base) == kid
    assert is_kid_mod10(kid)


@pytest.mark.parametrize(
    ("base", "kid"),
    [
        ("12345678", "123456785"),
        ("000053", "0000531"),
        ("003663", "0036633"),
        ("004876", "0048763"),
        ("012024", "0120243"),
        ("1009", "1009-"),
    ],
)
def test_worked_kid_numbers_of_mod_11(base: str, kid: str) -> None:
    assert make_kid_mod11(base) == kid
    assert is_kid_mod11(kid)


@pytest.mark.parametrize("base", ["", "1" * 25, "12A", "1-"])
def test_bases_that_give_no_kid(base: str) -> None:
    for make in (make_kid_mod10, make_kid_mod11):
        with pytest.raises(RatingError) as caught:
            make(base)
        assert caught.value.reason == "bad_reference"


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("no_account", "86011117947 15000000008 97102000009 60210700008 12345678903"),
        ("iban", "FI3715903000000776 FI7944052020036082 FI2112345600000785 FI3233131300123456"),
        ("iban", "NO9386011117947 NO0597102000009 NO4560210700008 DE89370400440532013000"),
        ("y_tunnus", "0201256-6 2084069-9 1572860-0 1478523-2 0737546-2"),
        ("orgnr", "979399901 920609198 987609877 912364348 974011085"),
    ],
)
def test_worked_numbers_are_right_and_every_single_digit_error_is_found(kind: str, good: str) -> None:
    verify = VERIFIERS[kind]
    for number in good.split():
        assert verify(number)
        assert verify(f" {number[:4]} {number[4:]} ")
        assert not any(verify(wrong) for wrong in single_digit_errors(number))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("viite", "123"),
        ("viite", ""),
        ("viite", "0" * 8),
        ("rf", "RF00"),
        ("rf", ""),
        ("kid10", "0"),
        ("kid11", "-"),
        ("kid10", "1" * 26),
        ("iban", "FI37 1590"),
        ("iban", ""),
        ("iban", "NO9386011117948"),
        ("no_account", "8601111794"),
        ("no_account", "8601.11.17947"),
        ("y_tunnus", "02012566"),
        ("y_tunnus", "0100007-0"),
        ("y_tunnus", "0100007-1"),
        ("orgnr", "871513180"),
        ("orgnr", "98760987\uff17"),
    ],
)
def test_wrong_forms_are_not_valid(kind: str, value: str) -> None:
    assert VERIFIERS[kind](value) is False


def test_a_finnish_iban_needs_the_check_digit_of_its_account_too() -> None:
    bban = "12345600000786"
    check = 98 - int(bban + "151800") % 97
    assert not is_iban(f"FI{check:02}{bban}")


def single_digit_errors(number: str) -> list[str]:
    return [
        number[:at] + other + number[at + 1 :]
        for at, digit in enumerate(number)
        if digit in DIGITS
        for other in DIGITS
        if other != digit
    ]


@given(VIITE_BASES)
def test_a_viite_is_right_and_no_single_digit_error_of_it_is(base: str) -> None:
    viite = make_viite(base)
    assert is_viite(viite)
    # A zero in front would be dropped, which is another number and not an error in a digit.
    assert not any(is_viite(wrong) for wrong in single_digit_errors(viite) if wrong[0] != "0")


@given(st.text(DIGITS + "ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=21))
def test_an_rf_agrees_with_the_library_and_no_single_digit_error_is_right(reference: str) -> None:
    rf = make_rf(reference)
    assert is_rf(rf)
    assert iso11649.is_valid(rf)
    assert not any(is_rf(wrong) for wrong in single_digit_errors(rf))


@given(KID_BASES)
def test_a_kid_agrees_with_the_library_and_no_single_digit_error_is_right(base: str) -> None:
    kid = make_kid_mod10(base)
    assert kid == base + luhn.calc_check_digit(base)
    assert is_kid_mod10(kid)
    assert not any(is_kid_mod10(wrong) for wrong in single_digit_errors(kid))
    other = make_kid_mod11(base)
    assert is_kid_mod11(other)
    assert not any(is_kid_mod11(wrong) for wrong in single_digit_errors(other))


@given(st.text(DIGITS, min_size=11, max_size=11))
def test_norwegian_accounts_agree_with_the_library(number: str) -> None:
    for last in DIGITS:
        candidate = number[:10] + last
        if candidate[4:6] == "00" and not is_no_account(candidate):
            continue  # the library knows Postgiro numbers inside, which are not used any more
        assert is_no_account(candidate) == kontonr.is_valid(candidate) or candidate[4:6] == "00"


@given(st.text(DIGITS, min_size=9, max_size=9))
def test_norwegian_organisation_numbers_agree_with_the_library(number: str) -> None:
    for last in DIGITS:
        assert is_orgnr(number[:8] + last) == orgnr.is_valid(number[:8] + last)


@given(st.text(DIGITS, min_size=7, max_size=7))
def test_finnish_business_ids_agree_with_the_library(number: str) -> None:
    for last in DIGITS:
        assert is_y_tunnus(f"{number}-{last}") == ytunnus.is_valid(f"{number}-{last}")


@given(st.text(DIGITS, min_size=11, max_size=11))
def test_norwegian_ibans_agree_with_the_library(account: str) -> None:
    candidate = f"NO{98 - int(account + '232400') % 97:02}{account}"
    assert is_iban(candidate) == iban.is_valid(candidate) or account[4:6] == "00"
