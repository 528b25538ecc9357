"""Asking for reads and taking them: by code, once, judged, with the estimate updated."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from meterhub.access.principal import SYSTEM
from meterhub.billing.self_reading import service
from meterhub.billing.self_reading.plausibility import Verdict
from meterhub.errors import BadInput, Conflict, NotFound, TooManyTries
from tests.billing.service.town import Town, at
from tests.billing.service.town import settings as hub_settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = date(2026, 3, 1)
M3 = 1_000_000


@pytest.fixture
def town(engine) -> Town:
    made = Town(engine)
    made.home = made.house((at(date(2025, 3, 1)), "1000", "utility"), valid=(date(2020, 1, 1), None))
    made.house((at(date(2026, 2, 20)), "5"))
    return made


def start(town, **changes):
    asked = {"name": "Spring", "asked_on": TODAY, "due_on": date(2026, 3, 31), "group": None, "unread_days": 300}
    with town.engine.begin() as connection:
        return service.start_campaign(connection, hub_settings(), SYSTEM, **(asked | changes))


def letters(town, campaign, *, open_only=False):
    with town.engine.connect() as connection:
        return list(csv.DictReader(io.StringIO(service.letters_file(connection, campaign, open_only=open_only))))


def report(town, code, m3, *, confirmed=False, read_on=TODAY):
    with town.engine.begin() as connection:
        return service.report_by_code(connection, hub_settings(), code, m3 * M3, read_on, NOW, confirmed=confirmed)


def test_only_homes_that_nobody_has_read_are_asked_and_each_has_a_code(town):
    (letter,) = letters(town, start(town))
    assert letter["contract_no"] == town.home.contract_no
    assert letter["path"] == f"/read/{letter['code']}"
    assert len(letter["code"].replace("-", "")) == 16
    assert letters(town, start(town, group="monthly")) == []


def test_a_report_becomes_a_read_and_the_estimate_of_the_year(town):
    (letter,) = letters(town, start(town))
    outcome = report(town, letter["code"].lower().replace("-", " "), 1120)
    assert outcome.taken
    assert town.rows("SELECT volume_ml, source, at FROM register_read WHERE source = 'customer'") == [
        (1120 * M3, "customer", at(TODAY))
    ]
    assert town.rows("SELECT annual_m3, source, valid_from FROM annual_volume") == [
        (Decimal(120), "reported", TODAY)
    ]
    assert letters(town, 1, open_only=True) == []


def test_a_code_answers_once(town):
    (letter,) = letters(town, start(town))
    report(town, letter["code"], 1120)
    with pytest.raises(Conflict, match="already"):
        report(town, letter["code"], 1121)
    assert town.scalar("SELECT count(*) FROM register_read WHERE source = 'customer'") == 1


def test_what_is_unusual_is_taken_when_it_is_confirmed_and_both_reports_are_kept(town):
    (letter,) = letters(town, start(town))
    asked = report(town, letter["code"], 2000)
    assert (asked.judged.verdict, asked.taken) == (Verdict.HIGH, False)
    assert report(town, letter["code"], 2000, confirmed=True).taken
    kept = town.rows("SELECT verdict, confirmed, taken FROM self_reading_report ORDER BY id")
    assert kept == [("high", False, False), ("high", True, True)]


def test_what_cannot_be_right_is_not_taken_even_when_confirmed(town):
    (letter,) = letters(town, start(town))
    assert not report(town, letter["code"], 999, confirmed=True).taken
    assert town.scalar("SELECT count(*) FROM annual_volume") == 0


def test_a_clerk_enters_what_the_customer_says_on_the_phone(town):
    start(town)
    with town.engine.begin() as connection:
        outcome = service.report_by_clerk(
            connection, hub_settings(), SYSTEM, town.home.contract_no, 1100 * M3, TODAY, NOW, confirmed=False
        )
        assert outcome.taken
        with pytest.raises(NotFound):
            service.report_by_clerk(
                connection, hub_settings(), SYSTEM, "K-0", 1100 * M3, TODAY, NOW, confirmed=False
            )
    assert letters(town, 1, open_only=True) == []


def test_who_has_not_answered_is_reminded_once_with_the_same_code(town):
    campaign = start(town)
    before = letters(town, campaign)
    with town.engine.begin() as connection:
        assert service.remind(connection, SYSTEM, campaign, date(2026, 3, 20)) == 1
        assert service.remind(connection, SYSTEM, campaign, date(2026, 3, 25)) == 0
    assert letters(town, campaign, open_only=True) == before


def test_guessing_codes_from_one_address_is_stopped(town):
    (letter,) = letters(town, start(town))
    now = datetime.now(UTC)
    for _ in range(service.MAX_WRONG):
        with pytest.raises(NotFound):
            service.open_request(town.engine, hub_settings(), "AAAA-AAAA-AAAA-AAAA", "192.0.2.1", now)
    with pytest.raises(TooManyTries):
        service.open_request(town.engine, hub_settings(), letter["code"], "192.0.2.1", now)
    assert service.open_request(town.engine, hub_settings(), letter["code"], "192.0.2.2", now) is not None


def test_trying_registers_on_one_code_is_stopped(town):
    (letter,) = letters(town, start(town))
    for _ in range(service.MAX_REPORTS):
        assert not report(town, letter["code"], 1).taken
    with pytest.raises(TooManyTries, match="call us"):
        report(town, letter["code"], 1120)


def test_a_campaign_ends_after_it_begins(town):
    with pytest.raises(BadInput, match="not after"):
        start(town, due_on=TODAY)
