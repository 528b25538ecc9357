"""What is thought of a register that a customer reports."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.self_reading.plausibility import Known, Verdict, annual_estimate, judge
from meterhub.billing.self_reading.service import volume_of
from meterhub.billing.self_reading.words import WORDS

TODAY = date(2026, 3, 1)
M3 = 1_000_000
KNOWN = Known(digits=5, last_on=date(2025, 3, 1), last_ml=1000 * M3, annual_m3=Decimal(120))


@pytest.mark.parametrize(
    ("m3", "read_on", "verdict", "suggested"),
    [
        ("1120", TODAY, Verdict.FITS, None),
        ("1600", TODAY, Verdict.FITS, None),
        ("1601", TODAY, Verdict.HIGH, None),
        ("11205", TODAY, Verdict.TOO_HIGH, 1120_500_000),
        ("1120567", TODAY, Verdict.TOO_MANY_DIGITS, 1120_567_000),
        ("112", TODAY, Verdict.LOWER, 1120 * M3),
        ("999", TODAY, Verdict.LOWER, None),
        ("1000", TODAY, Verdict.STILL, None),
        ("1120", TODAY + timedelta(days=1), Verdict.FUTURE, None),
        ("1120", date(2025, 2, 28), Verdict.BEFORE_LAST, None),
    ],
)
def test_a_report_is_judged_by_what_the_home_usually_uses(m3, read_on, verdict, suggested):
    judged = judge(volume_of(m3), read_on, TODAY, KNOWN)
    assert (judged.verdict, judged.suggested_ml) == (verdict, suggested)


def test_a_meter_that_turned_over_is_asked_about_and_not_refused():
    known = Known(5, date(2025, 3, 1), 99_950 * M3, Decimal(120))
    assert judge(70 * M3, TODAY, TODAY, known).verdict == Verdict.ROLLED_OVER
    assert judge(9000 * M3, TODAY, TODAY, known).verdict == Verdict.LOWER


def test_the_first_read_of_a_meter_fits():
    assert judge(5 * M3, TODAY, TODAY, Known(5, None, None, None)).verdict == Verdict.FITS


def test_every_verdict_is_told_in_every_language_with_the_same_places():
    for verdict in set(Verdict) - {Verdict.FITS}:
        assert all(verdict.value in words for words in WORDS.values())
    for words in WORDS.values():
        assert words.keys() == WORDS["en"].keys()
        assert "{used}" in words["high"]
        assert "{suggested}" in words["suggest"]


def test_a_read_updates_the_estimate_by_the_days_it_covers():
    assert annual_estimate(1120 * M3, TODAY, KNOWN) == 120
    assert annual_estimate(1060 * M3, date(2025, 8, 30), KNOWN) == 120
    assert annual_estimate(1060 * M3, date(2025, 4, 1), KNOWN) is None


@pytest.mark.parametrize(
    ("text", "volume_ml"),
    [
        ("1234,567", 1234_567_000), (" 1 234.5 ", 1234_500_000), ("7", 7_000_000), ("", None), ("-5", None),
        ("1.2.3", None), ("abc", None), ("1,2345678", None), ("\u0661", None), ("9" * 20, None),
    ],
)  # fmt: skip
def test_a_register_is_read_as_people_write_it(text, volume_ml):
    assert volume_of(text) == volume_ml


@given(
    st.integers(0, 10**11 - 1), st.integers(0, 10**11 - 1), st.integers(0, 4000),
    st.none() | st.decimals(0, 10**6, places=1),
)  # fmt: skip
def test_nothing_lower_is_taken_unasked_and_a_suggestion_always_fits(reported, last, days, annual):
    known = Known(5, TODAY - timedelta(days=days), last, annual)
    judged = judge(reported, TODAY, TODAY, known)
    if reported < last:
        assert judged.verdict in (Verdict.LOWER, Verdict.ROLLED_OVER)
    if judged.suggested_ml is not None:
        again = judge(judged.suggested_ml, TODAY, TODAY, known)
        assert again.verdict in (Verdict.FITS, Verdict.STILL)
