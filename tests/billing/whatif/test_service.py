"""A price list tried on a town's last year."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from meterhub.access.principal import SYSTEM
from meterhub.billing.jobs import PROPOSE, WHAT_IF, propose_dunning
from meterhub.billing.whatif import service
from meterhub.billing.whatif.schemas import WhatIfRequest
from meterhub.billing.whatif.trial import NO_USE
from meterhub.cli import app
from meterhub.errors import BadInput, NotFound
from meterhub.jobs.queue_app import make_queue
from tests.billing.service.town import Town, at, settings

YEAR = 2025
TODAY = date(2026, 3, 1)
DEARER = {
    "code": "example-town", "name": "Example town", "country": "FI", "currency": "EUR",
    "versions": [
        {"component": "WATER", "kind": "volumetric", "service": "water", "net_price": "2.44",
         "vat_code": "standard", "valid_from": "2027-01-01"},
        {"component": "BASE_WATER", "kind": "fixed", "net_price": "64.00", "vat_code": "standard",
         "service": "water", "valid_from": "2027-01-01"},
    ],
}  # fmt: skip


@pytest.fixture
def town(engine) -> Town:
    made = Town(engine)
    made.house((at(date(2025, 1, 1)), "100"), (at(date(2026, 1, 1)), "200"))
    return made


def tried(town, **changes):
    request = WhatIfRequest.model_validate({"year": YEAR, "against": "example-town", "document": DEARER} | changes)
    with town.engine.connect() as connection:
        return service.try_out(connection, settings(), request, TODAY)


def test_a_list_that_is_not_decided_is_compared_component_by_component(town):
    result = tried(town)
    assert {one["component"]: one["net"]["change"] for one in result["components"]} == {
        "BASE_WASTEWATER": "0.00",
        "BASE_WATER": "-20.00",
        "WASTEWATER": "0.00",
        "WATER": "100.00",
    }
    assert result["gross"] == {"before": "655.11", "after": "755.51", "change": "100.40"}
    assert (result["groups"][0]["kind"], result["groups"][0]["pay_more"]) == ("private", 1)
    assert result["rises"][0]["change"] == "100.40"
    assert result["falls"] == []
    assert sum(one["accounts"] for one in result["spread"]) == result["accounts"] == 1
    assert town.scalar("SELECT count(*) FROM tariff_version WHERE lower(valid) = '2027-01-01'") == 0


def test_a_stored_list_against_itself_changes_nothing(town):
    result = tried(town, document=None, tariff="example-town")
    assert result["gross"]["change"] == "0.00"
    assert result["rises"] == result["falls"] == []


def test_a_home_that_was_read_once_a_year_counts_by_the_day(town):
    town.house((at(date(2024, 12, 1)), "0"), (at(date(2025, 12, 1)), "365"))
    result = tried(town)
    assert result["volume_ml"] == 100_000_000 + 365_000_000


def test_half_a_year_of_contract_has_half_of_the_use(town):
    start = date(2025, 7, 2)
    town.house((at(date(2025, 1, 1)), "0"), (at(date(2026, 1, 1)), "365"), valid=(start, None))
    days = (date(2026, 1, 1) - start).days
    assert tried(town)["volume_ml"] == 100_000_000 + days * 1_000_000


def test_who_has_no_read_is_left_out_with_the_reason_or_counts_as_estimated(town):
    silent = town.house()
    result = tried(town)
    assert (result["accounts"], result["left_out"][0]["reason"]) == (1, NO_USE)
    assert silent.contract_no in result["left_out"][0]["example"]
    town.execute(
        "INSERT INTO annual_volume (contract_id, valid_from, annual_m3, source, created_by) "
        "VALUES (:id, '2024-01-01', 40, 'initial', 'clerk')",
        id=silent.contract_id,
    )
    result = tried(town)
    assert (result["accounts"], result["estimated"], result["left_out"]) == (2, 1, [])


def test_who_the_list_has_no_price_for_is_left_out_and_named(town):
    fee = {"component": "SIZE", "kind": "meter_size", "parameters": {"sizes": {"20": "9"}}, "vat_code": "standard"}
    result = tried(town, document=DEARER | {"versions": [fee | {"valid_from": "2027-01-01"}]})
    assert [(one["reason"], one["accounts"]) for one in result["left_out"]] == [("site_fact_missing", 1)]


def test_a_register_that_turned_over_counts_on_and_one_that_fell_counts_nothing(town):
    town.house((at(date(2025, 1, 1)), "99990"), (at(date(2026, 1, 1)), "10"))
    town.house((at(date(2025, 1, 1)), "500"), (at(date(2026, 1, 1)), "10"))
    assert tried(town)["volume_ml"] == 100_000_000 + 20_000_000


def test_the_worker_tells_its_progress_and_keeps_the_sums(town, engine):
    request = WhatIfRequest.model_validate({"year": YEAR, "against": "example-town", "document": DEARER})
    with engine.begin() as connection:
        number = service.start(connection, SYSTEM, request, TODAY)
    service.carry_out(engine, settings(), number)
    service.carry_out(engine, settings(), number)
    with engine.connect() as connection:
        found = service.find(connection, number)
    assert (found.state, found.accounts_done, found.accounts_total) == ("finished", 1, 1)
    assert found.result is not None
    assert Decimal(found.result["gross"]["change"]) == Decimal("100.40")


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"tariff": "nowhere"}, "no tariff 'nowhere'"),
        ({"tariff": "example-town", "against": "nowhere"}, "no tariff 'nowhere'"),
    ],
)
def test_a_list_that_nobody_knows_is_named_at_once(town, asked, complaint):
    request = WhatIfRequest.model_validate({"year": YEAR, "against": "example-town"} | asked)
    with town.engine.connect() as connection, pytest.raises(NotFound, match=complaint):
        service.both_lists(connection, request, TODAY)


def test_a_day_on_which_the_list_has_no_price_is_refused(town):
    with pytest.raises(BadInput, match="no price on 1999-01-01"):
        tried(town, document=None, tariff="example-town", on="1999-01-01")


def test_a_what_if_tries_exactly_one_list():
    with pytest.raises(ValidationError, match="give either tariff"):
        WhatIfRequest.model_validate({"year": YEAR, "against": "a", "tariff": "b", "document": DEARER})


def test_the_command_tries_a_file_and_prints_sums(town, database_url, monkeypatch, tmp_path):
    file = tmp_path / "next.json"
    file.write_text(json.dumps(DEARER))
    monkeypatch.setenv("DATABASE_URL", database_url)
    shown = CliRunner().invoke(
        app, ["bill", "what-if", str(file), "--year", "2025", "--against-on", "2026-03-01", "--json"]
    )
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["gross"]["change"] == "100.40"
    assert "WATER" in CliRunner().invoke(app, ["bill", "what-if", str(file), "--year", "2025"]).output


def test_a_read_that_was_set_aside_counts_no_more(town):
    town.read(town.rows("SELECT id FROM meter LIMIT 1")[0][0], (at(date(2025, 12, 31)), "99000"))
    town.execute("DELETE FROM rollup_due")
    before = tried(town)["volume_ml"]
    town.execute(
        "INSERT INTO read_edit (meter_id, read_id, read_at, reason, actor) "
        "SELECT meter_id, id, at, 'wrong', 'clerk' FROM register_read WHERE at = :at",
        at=at(date(2026, 1, 1)),
    )
    assert before == 100_000_000
    assert tried(town)["volume_ml"] > 90_000 * 1_000_000


def test_days_of_leap_years_are_not_lost(town):
    day = date(2024, 1, 1)
    town.house((at(day), "0"), (at(day + timedelta(days=366)), "366"))
    assert tried(town, year=2024)["volume_ml"] == 366_000_000


def test_the_worker_knows_the_job_and_counts_what_is_due_each_morning(town, engine):
    queue = make_queue(engine, settings(), lambda: at(date(2026, 3, 1)))
    assert {WHAT_IF, PROPOSE} <= queue.tasks.keys()
    assert propose_dunning(engine, settings(), at(date(2026, 3, 1))) == {
        "reminders": 0, "collection": 0, "held_back": 0,
    }  # fmt: skip
