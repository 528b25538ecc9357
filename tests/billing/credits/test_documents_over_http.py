"""Documents as files, credits and deliveries over REST."""

import pytest
from lxml import etree

from meterhub.app import create_app
from tests.api.hub import Hub
from tests.billing.einvoice.validators import cen_failures, schema_errors
from tests.billing.service.town import b1_house, settings


@pytest.fixture
def clerk(engine):
    return Hub(engine, create_app(engine, settings())).client("billing")


@pytest.fixture
def number(town) -> str:
    house = b1_house(town)
    town.bill()
    return town.invoice(house).number


def test_an_e_invoice_says_what_is_missing_and_is_valid_once_it_is_there(town, clerk, number):
    lacking = clerk.get(f"/api/v1/invoices/{number}/finvoice")
    assert lacking.status_code == 422
    assert "customer.einvoice_address" in lacking.text
    assert "customer.einvoice_operator" in lacking.text
    town.execute("UPDATE customer SET einvoice_address = '003720840699', einvoice_operator = 'BAWCFI22'")
    finvoice = clerk.get(f"/api/v1/invoices/{number}/finvoice")
    assert finvoice.headers["content-type"] == "application/xml"
    assert f"{number}-finvoice.xml" in finvoice.headers["content-disposition"]
    assert schema_errors(finvoice.content) == []
    ubl = clerk.get(f"/api/v1/invoices/{number}/ubl").content
    assert (schema_errors(ubl), cen_failures(ubl)) == ([], set())
    assert etree.fromstring(ubl).findtext("{*}ID") == number


def test_a_clerk_previews_a_credit_issues_it_and_finds_it_with_its_document(town, clerk, number):
    url = f"/api/v1/invoices/{number}/credits"
    body = {"reason": "the base fee was waived", "lines": [3]}
    preview = clerk.post(f"{url}/preview", json=body).json()
    assert (preview["gross"], preview["whole"], preview["lines"][0]["net"]) == ("-25.99", False, "-20.71")
    issued = clerk.post(url, json=body)
    assert (issued.status_code, issued.json()["gross"]) == (201, "-25.99")
    (listed,) = clerk.get(url).json()
    assert (listed["number"], listed["reason"], listed["positions"]) == (
        issued.json()["number"],
        "the base fee was waived",
        [3],
    )
    again = clerk.post(url, json=body)
    assert (again.status_code, again.json()["detail"]) == (409, f"line 3 of {number} was credited before")
    note = clerk.get(f"/api/v1/invoices/{issued.json()['number']}").json()
    assert (note["credits"], note["type"]) == (number, "credit_note")


def test_deliveries_are_listed_and_what_is_waiting_is_not_sent_again(clerk, number):
    (waiting,) = clerk.get("/api/v1/deliveries", params={"document": number}).json()["items"]
    assert (waiting["state"], waiting["channel"], waiting["problem"]) == ("waiting", "paper", None)
    answer = clerk.post(f"/api/v1/deliveries/{waiting['id']}/resend", json={})
    assert (answer.status_code, "is waiting" in answer.json()["detail"]) == (409, True)
    assert clerk.get("/api/v1/deliveries", params={"state": "failed"}).json()["items"] == []
    assert clerk.get("/api/v1/deliveries", params={"state": "nonsense"}).status_code == 422
