"""Pages of prices, what-ifs, other bills, unpaid invoices and self-reading: looked at before anything is done."""

import json
import re
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.billing import prices
from meterhub.billing.schemas import TariffDocument
from meterhub.billing.self_reading import service as self_reading
from meterhub.billing.whatif import service as what_ifs
from tests.web.town import NOW

TODAY = NOW.date()
WORKS = {
    "code": "works", "name": "Works", "country": "FI", "currency": "EUR",
    "versions": [
        {"component": "VISIT", "kind": "one_off", "net_price": "57.00", "vat_code": "standard",
         "valid_from": "2020-01-01", "parameters": {"names": {"en": "Visit"}}},
    ],
}  # fmt: skip


@pytest.fixture
def clerk(site):
    with site.engine.begin() as connection:
        prices.import_tariff(connection, TariffDocument.model_validate(WORKS), "clerk")
    return site.browser("bo")


def scalar(site, query, **values):
    with site.engine.connect() as connection:
        return connection.execute(text(query), values).scalar()


def tariff_of(site):
    return scalar(site, "SELECT code FROM tariff WHERE code <> 'works' ORDER BY id LIMIT 1")


def test_a_price_list_shows_each_price_with_its_history_as_a_picture(site, clerk):
    code = tariff_of(site)
    assert f'href="/prices/{code}"' in clerk.get("/prices").text
    shown = clerk.get(f"/prices/{code}").text
    assert "WATER" in shown
    assert shown.count("<svg") >= 2
    assert "Announce a price" in shown


def test_a_price_is_looked_at_and_then_announced(site, clerk):
    code = tariff_of(site)
    start = date(TODAY.year + 1, 1, 1) if TODAY.month < 9 else date(TODAY.year + 2, 1, 1)
    form = {"component": "WATER", "net_price": "1,99", "valid_from": str(start), "announced_on": str(TODAY)}
    before = scalar(site, "SELECT count(*) FROM tariff_version")
    assert "would hold" in clerk.post(f"/prices/{code}", data=form).text
    assert scalar(site, "SELECT count(*) FROM tariff_version") == before
    assert clerk.post(f"/prices/{code}", data=form | {"action": "announce"}).status_code == 303
    assert scalar(site, "SELECT count(*) FROM tariff_version") == before + 1


def test_a_price_announced_too_late_comes_back_with_the_first_lawful_day(site, clerk):
    tomorrow = TODAY + timedelta(days=1)
    form = {"component": "WATER", "net_price": "1.99", "valid_from": str(tomorrow), "announced_on": str(TODAY)}
    answer = clerk.post(f"/prices/{tariff_of(site)}", data=form | {"action": "announce"})
    assert answer.status_code == 422
    assert "at the earliest" in answer.text
    assert 'value="1.99"' in answer.text


def test_a_what_if_is_started_followed_and_read(site, clerk):
    code = tariff_of(site)
    form = {"year": str(TODAY.year - 1), "against": code, "tariff": code}
    started = clerk.post("/prices", data=form)
    assert started.status_code == 303
    waiting = clerk.get(started.headers["location"])
    assert waiting.headers["refresh"] == "2"
    what_ifs.carry_out(site.engine, site.app.state.settings, int(started.headers["location"].rsplit("/", 1)[1]))
    shown = clerk.get(started.headers["location"])
    assert "refresh" not in shown.headers
    assert "Who pays more, who less" in shown.text
    assert clerk.post("/prices", data=form | {"document": "{"}).status_code == 422
    pasted = clerk.post("/prices", data=form | {"against": code, "document": json.dumps(WORKS)})
    assert "works" in clerk.get(pasted.headers["location"]).text
    assert "works against" in clerk.get("/prices").text


def test_an_other_bill_is_drafted_seen_and_issued(site, clerk):
    customer = scalar(site, "SELECT customer_no FROM customer ORDER BY id LIMIT 1")
    form = {
        "customer_no": customer, "purpose": "service", "tariff": "works", "delivered_on": str(TODAY),
        "component": ["VISIT", "", "", "", ""], "quantity": ["2", "", "", "", ""],
    }  # fmt: skip
    assert "Visit" in clerk.get("/other-bills?tariff=works").text
    drafted = clerk.post("/other-bills", data=form)
    assert drafted.status_code == 303, drafted.text
    draft = clerk.get(drafted.headers["location"])
    assert "114.00" in draft.text
    issued = clerk.post(f"{drafted.headers['location']}/issue", data={"issued_on": str(TODAY)})
    assert issued.headers["location"].startswith("/invoices/")
    assert clerk.get(issued.headers["location"]).status_code == 200
    again = clerk.post(f"{drafted.headers['location']}/issue", data={"issued_on": str(TODAY)})
    assert again.status_code == 409


def test_reminders_are_looked_at_before_they_are_sent(site, clerk):
    assert "Unpaid invoices" in clerk.get("/dunning").text
    due = scalar(site, "SELECT max(due_on) FROM invoice")
    form = {"as_of": str(due + timedelta(days=14)), "at_least": "0"}
    looked = clerk.post("/dunning/batches/reminders", data=form)
    assert "Nothing has been done yet" in looked.text
    expected = int(re.search(r'name="expected" value="(\d+)"', looked.text).group(1))
    assert expected > 0
    assert scalar(site, "SELECT count(*) FROM dunning_event") == 0
    wrong = clerk.post("/dunning/batches/reminders", data=form | {"expected": str(expected + 1)})
    assert wrong.status_code == 409
    assert clerk.post("/dunning/batches/reminders", data=form | {"expected": str(expected)}).status_code == 303
    assert scalar(site, "SELECT count(*) FROM dunning_event") == expected
    shown = clerk.get("/dunning").text
    letter = re.search(r'href="(/dunning/letters/\d+)"', shown).group(1)
    assert clerk.get(letter).content.startswith(b"%PDF")
    for kind in ("interest", "collection"):
        assert "Nothing has been done yet" in clerk.post(f"/dunning/batches/{kind}", data=form).text


def test_water_is_not_warned_of_where_nothing_was_reminded_of(site, clerk):
    contract = scalar(site, "SELECT contract_no FROM contract ORDER BY id LIMIT 1")
    answer = clerk.post("/dunning/water", data={"contract_no": contract, "step": "warning", "on": str(TODAY)})
    assert answer.status_code == 409
    assert "nothing unpaid was reminded of" in answer.text


def test_a_campaign_gives_letters_with_codes_and_shows_who_has_not_answered(site, clerk):
    form = {
        "name": "Spring",
        "asked_on": str(TODAY),
        "due_on": str(TODAY + timedelta(days=20)),
        "unread_days": "0",
    }
    with site.engine.begin() as connection:
        self_reading.start_campaign(
            connection, site.app.state.settings, SYSTEM, name="All", asked_on=TODAY + timedelta(days=400),
            due_on=TODAY + timedelta(days=420), group=None, unread_days=1,
        )  # fmt: skip
    assert clerk.post("/self-readings", data=form).status_code == 303
    assert "All" in clerk.get("/self-readings").text
    campaign = scalar(site, "SELECT id FROM self_reading_campaign WHERE name = 'All'")
    assert "Not answered" in clerk.get(f"/self-readings/{campaign}").text
    assert clerk.get(f"/self-readings/{campaign}/letters.csv").text.startswith("customer_no,")
    assert clerk.post(f"/self-readings/{campaign}/remind", data={"on": str(TODAY)}).status_code == 303


def test_a_customer_reports_without_login_and_is_told_what_is_odd(site, clerk):
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE customer SET language = 'en'"))
        campaign = self_reading.start_campaign(
            connection, site.app.state.settings, SYSTEM, name="All", asked_on=TODAY + timedelta(days=400),
            due_on=TODAY + timedelta(days=420), group=None, unread_days=1,
        )  # fmt: skip
        row = self_reading.letters_file(connection, campaign, open_only=True).splitlines()[1]
    secret = re.search(r"/read/([A-Z2-7-]+)", row).group(1)
    guest = site.browser()
    assert guest.get(f"/read?code={secret}").headers["location"] == f"/read/{secret}"
    page = guest.get(f"/read/{secret}")
    assert "Report your water meter" in page.text
    assert "nav aria-label" not in page.text
    form = {"read_on": str(TODAY), "volume": "words"}
    assert "not a number" in guest.post(f"/read/{secret}", data=form).text
    assert "lower than the last" in guest.post(f"/read/{secret}", data=form | {"volume": "0"}).text
    highest = scalar(site, "SELECT max(volume_ml) / 1000000 FROM register_read")
    odd = guest.post(f"/read/{secret}", data=form | {"volume": str(highest + 300)})
    assert "The register is right" in odd.text
    taken = guest.post(f"/read/{secret}", data=form | {"volume": str(highest + 300), "confirmed": "true"})
    assert "Thank you" in taken.text
    assert "already" in guest.post(f"/read/{secret}", data=form | {"volume": str(highest + 301)}).text
    assert guest.get("/read/AAAA-AAAA-AAAA-AAAA").status_code == 404
