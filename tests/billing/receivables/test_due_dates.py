"""Due dates: worked checks, and holidays against an independent calendar over many years."""

from datetime import date, timedelta

import holidays as calendars
import pytest

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.model import Country
from meterhub.billing.receivables.due_dates import bank_day_from, due_date, holidays
from meterhub.billing.scenario.answers import answer


@pytest.mark.parametrize(
    ("country", "nominal", "due"),
    [
        (Country.FI, "2025-12-06", "2025-12-08"),
        (Country.FI, "2026-06-19", "2026-06-22"),
        (Country.FI, "2025-12-24", "2025-12-29"),
        (Country.FI, "2025-05-17", "2025-05-19"),
        (Country.FI, "2024-05-17", "2024-05-17"),
        (Country.FI, "2026-04-02", "2026-04-02"),
        (Country.NO, "2025-05-17", "2025-05-19"),
        (Country.NO, "2026-04-02", "2026-04-07"),
        (Country.NO, "2025-12-24", "2025-12-24"),
        (Country.NO, "2024-05-17", "2024-05-21"),
        (Country.NO, "2025-01-06", "2025-01-06"),
    ],
)
def test_due_dates_move_forward(country: Country, nominal: str, due: str) -> None:
    assert bank_day_from(country, date.fromisoformat(nominal)) == date.fromisoformat(due)


@pytest.mark.parametrize(("country", "calendar"), [(Country.FI, calendars.FI), (Country.NO, calendars.NO)])
def test_holidays_agree_with_the_calendar_on_every_weekday(country: Country, calendar: type) -> None:
    for year in range(2000, 2060):
        listed = calendar(years=year)
        days = [date(year, 1, 1) + timedelta(days=offset) for offset in range(365)]
        for day in days:
            if day.weekday() < 5:
                assert (day in holidays(country, year)) == (day in listed), day


def test_a_finnish_consumer_has_at_least_14_days() -> None:
    issued = date(2025, 3, 7)
    assert due_date(Country.FI, issued, 14, consumer=True).due == date(2025, 3, 21)
    assert due_date(Country.FI, issued, 7, consumer=False).due == date(2025, 3, 14)
    assert due_date(Country.NO, issued, 7, consumer=True).due == date(2025, 3, 14)
    with pytest.raises(RatingError, match="13"):
        due_date(Country.FI, issued, 13, consumer=True)


def test_a_bad_item_answers_in_its_place() -> None:
    item = {"country": "FI", "customer": "consumer", "issued_on": "2025-11-22", "term_days": 14}
    made = answer({"kind": "due_date", "items": [{**item, "term_days": 13}, item]})
    assert made["items"][0]["error"] == "term_too_short"
    assert made["items"][1] == {"nominal": "2025-12-06", "due": "2025-12-08"}


@pytest.mark.parametrize(
    "change",
    [
        {"country": "SE"},
        {"customer": "state"},
        {"issued_on": "x"},
        {"term_days": "14"},
        {"term_days": -1},
        {"x": 1},
        {"issued_on": "9999-12-31"},
    ],
)
def test_a_malformed_item_refuses_the_scenario(change: dict) -> None:
    item = {"country": "FI", "customer": "consumer", "issued_on": "2025-11-22", "term_days": 14}
    with pytest.raises(RatingError) as caught:
        answer({"kind": "due_date", "items": [{**item, **change}]})
    assert caught.value.reason == "bad_scenario"
