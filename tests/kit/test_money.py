"""Rounding half up and away from zero, exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.kit.money import (
    cents,
    divide_half_up,
    from_cents,
    line_net,
    litres_as_m3,
    ml_as_m3,
    net_of_gross,
    round2,
    round3,
    round_to,
    share,
    trimmed,
)

AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=6)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        ("656.025", "656.03"),
        ("-656.025", "-656.03"),
        ("0.005", "0.01"),
        ("0.0049999", "0.00"),
        ("-0.005", "-0.01"),
        ("2.675", "2.68"),
    ],
)
def test_halves_go_away_from_zero(value: str, rounded: str) -> None:
    assert round2(Decimal(value)) == Decimal(rounded)
    assert round2(Fraction(value)) == Decimal(rounded)


@given(AMOUNTS)
def test_rounding_is_symmetric_and_the_same_for_fractions(value: Decimal) -> None:
    for rounding in (round2, round3):
        assert rounding(-value) == -rounding(value) == rounding(Fraction(-value))
        assert abs(rounding(value) - value) <= Decimal("0.005")


@given(st.integers(), st.integers(min_value=1))
def test_integer_division_is_the_nearest_with_ties_away_from_zero(numerator: int, denominator: int) -> None:
    quotient = divide_half_up(numerator, denominator)
    distance = abs(Fraction(numerator, denominator) - quotient)
    assert distance <= Fraction(1, 2)
    assert divide_half_up(-numerator, denominator) == -quotient
    if distance == Fraction(1, 2):
        assert abs(quotient) > abs(Fraction(numerator, denominator))


@given(AMOUNTS, st.decimals(min_value=0, max_value=10**6, places=6), st.sampled_from([1, 12, 365, 366]))
def test_a_line_net_is_rounded_once(quantity: Decimal, price: Decimal, base: int) -> None:
    exact = Fraction(quantity) * Fraction(price) / base
    assert line_net(quantity, price, Decimal(base)) == round_to(exact, 2)


@given(AMOUNTS, st.decimals(min_value=0, max_value=100, places=3))
def test_vat_of_a_base_is_rounded_once(base: Decimal, rate: Decimal) -> None:
    assert share(base, rate) == round_to(Fraction(base) * Fraction(rate) / 100, 2)


def test_a_tie_that_needs_more_digits_than_decimals_usual_28_is_still_seen() -> None:
    assert line_net(Decimal("999999999999.999999999999999"), Decimal("999999999999.999999"), Decimal(1)) == round2(
        Fraction("999999999999.999999999999999") * Fraction("999999999999.999999")
    )


def test_net_of_a_price_with_vat() -> None:
    assert net_of_gross(Decimal("2772.00"), Decimal(15), 2) == Decimal("2410.43")
    assert net_of_gross(Decimal("34.34"), Decimal(25), 3) == Decimal("27.472")


@pytest.mark.parametrize(
    ("value", "text"), [("3.000000", "3"), ("10.00", "10"), ("1.850000", "1.85"), ("0.000", "0"), ("-20.0", "-20")]
)
def test_trailing_zeros_go_and_no_exponent_comes(value: str, text: str) -> None:
    assert str(trimmed(Decimal(value))) == text


@given(st.integers(min_value=-(10**12), max_value=10**12))
def test_cents_and_litres_are_exact(number: int) -> None:
    assert cents(from_cents(number)) == number
    assert litres_as_m3(number) * 1000 == number
    assert ml_as_m3(number) * 1_000_000 == number
