"""A clerk previews, starts and issues a run on the pages; another person approves it."""

from datetime import date

import pytest

from meterhub.app import create_app
from meterhub.billing.runs import execution
from tests.api.hub import Hub
from tests.billing.service.town import Town, b1_house, settings

FORM = {
    "kind": "regular",
    "billing_group": "quarterly",
    "start": "2025-01-01",
    "last": "2025-03-31",
    "tariff": "example-town",
    "issued_on": "2025-04-10",
}


@pytest.fixture
def town(engine):
    return Town(engine)


@pytest.fixture
def hub(engine):
    return Hub(engine, create_app(engine, settings()))


@pytest.fixture
def clerk(hub):
    return hub.browser(hub.token("billing"))


def test_a_preview_keeps_nothing_and_the_run_goes_through_four_eyes_to_numbers(town, hub, clerk):
    b1_house(town)
    silent = town.house()
    shown = clerk.post("/runs/new", data=FORM)
    assert "235.97" in shown.text
    assert "Calculate this run" in shown.text
    assert town.scalar("SELECT count(*) FROM billing_run") == 0
    started = clerk.post("/runs/new", data=FORM | {"do": "start"})
    run = started.headers["location"]
    run_id = int(run.rpartition("/")[2])
    assert clerk.get(run).headers["refresh"] == "5"
    execution.carry_out(town.engine, settings(), run_id)
    own = clerk.get(run).text
    assert "somebody else has to approve it" in own
    assert '<button type="button" disabled' in own
    assert clerk.post(f"{run}/approve").status_code == 409
    skipped = clerk.post(f"{run}/holds/{silent.contract_no}", data={"do": "skip", "reason": "empty plot"})
    assert skipped.status_code == 303
    chief = hub.browser(hub.token("billing"))
    assert "Approve 235.97" in chief.get(run).text
    assert chief.post(f"{run}/approve").status_code == 303
    assert clerk.post(f"{run}/issue").status_code == 303
    execution.carry_out(town.engine, settings(), run_id)
    assert "Issued" in clerk.get(run).text
    assert town.rows("SELECT number FROM invoice") == [("2025-000001",)]
    assert town.rows("SELECT resolution, reason FROM billing_hold") == [("skipped", "empty plot")]
    assert "2025" in clerk.get("/runs").text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"last": "2024-12-31"}, "not after its start"),
        ({"issued_on": "2025-02-01"}, "before the period"),
        ({"start": "soon"}, "date"),
        ({"tariff": "none"}, "no tariff"),
    ],
)
def test_a_form_that_cannot_be_says_why_and_keeps_what_was_entered(town, clerk, changes, words):
    answer = clerk.post("/runs/new", data=FORM | changes)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert words in answer.text
    assert f'value="{(FORM | changes)["start"]}"' in answer.text


def test_a_run_is_compared_with_the_run_before(town, hub, clerk):
    house = b1_house(town)
    town.read(house.meter_id, (date(2025, 7, 1), "1080.000"))
    town.bill()
    second = town.bill(period=(date(2025, 4, 1), date(2025, 7, 1)), issued_on=date(2025, 7, 5))
    assert "Compared with" in clerk.get(f"/runs/{second}").text
    report = hub.client("billing").get(f"/api/v1/billing/runs/{second}/report").json()
    gross = next(row for row in report["rows"] if (row["what"], row["name"]) == ("total", "gross"))
    assert gross["before"] == "235.97"
    assert float(gross["change"]) == pytest.approx(float(gross["now"]) - 235.97)
    csv = hub.client("billing").get(f"/api/v1/billing/runs/{second}/report.csv").text
    assert csv.splitlines()[0] == "what,name,now,before,change"
