import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from meterhub.access.principal import SYSTEM, Principal
from meterhub.billing.payments import refunding
from meterhub.kit.charts import Size
from meterhub.kit.step_chart import step_chart
from tests.billing.ledger.book import add, add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import ktl, paid

DAY = date(2026, 1, 20)


@pytest.fixture
def books(site):
    """Maija owes 100.00 by 1232 and 50.00 by 12344, Pekka has 80.00 in credit."""
    with site.engine.begin() as connection:
        maija = add_customer(connection, "Maija <b>Mallinen", "M-1")
        owes(connection, maija, "100.00", "1232", due=date(2026, 1, 10))
        owes(connection, maija, "50.00", "12344", due=date(2026, 2, 10))
        pekka = add_customer(connection, "Pekka Pumppu", "P-1")
        add(connection, pekka, "-80.00", "payment", booked=DAY)
    return site


def upload(browser, data, action):
    return browser.post("/payments/files", files={"file": ("bank.ktl", data)}, data={"action": action})


class _Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "a":
            self.found.append(dict(attributes).get("href", ""))


def test_a_bank_file_is_looked_at_first_and_then_imported(books):
    browser = books.browser("bo")
    data = ktl(paid("100.00", "1232"), paid("20.00", "", payer="SOMEBODY"))
    looked = upload(browser, data, "preview").text
    assert "Nothing was kept" in looked
    assert "No bank file was imported yet" in browser.get("/payments").text
    assert "100.00" in upload(browser, data, "import").text
    assert "was imported before" in upload(browser, data, "import").text
    listed = browser.get("/payments").text
    assert "bank.ktl" in listed
    assert "120.00" in listed


def test_a_suggestion_leads_to_a_preview_and_one_click_matches_and_can_be_undone(books):
    browser = books.browser("bo")
    upload(browser, ktl(paid("50.00", "", payer="SOMEBODY")), "import")
    link = next(one for one in _Links(browser.get("/payments").text).found if "customer=M-1" in one)
    preview = browser.get(link).text
    assert "If you match it" in preview
    assert "150.00 → <strong>100.00" in preview
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview))
    address = link.split("?")[0]
    assert browser.post(f"{address}/match", data=form).status_code == 303
    assert "100.00" in browser.get("/accounts/M-1").text
    assert browser.post(f"{address}/undo", data={"reason": "wrong house"}).status_code == 303
    assert "undone by" in browser.get(address).text
    assert browser.post(f"{address}/set-aside", data={"reason": "not ours"}).status_code == 303
    assert "not ours" in browser.get("/payments?aside=true").text
    assert browser.post(f"{address}/take-up").status_code == 303
    assert "SOMEBODY" in browser.get("/payments").text


def test_a_match_that_cannot_be_says_why(books):
    browser = books.browser("bo")
    upload(browser, ktl(paid("50.00", "", payer="SOMEBODY")), "import")
    address = next(one for one in _Links(browser.get("/payments").text).found if one.startswith("/payments/"))
    address = address.split("?")[0]
    assert "there is no customer NOBODY" in browser.get(f"{address}?customer=NOBODY").text
    assert "cannot be given" in browser.get(f"{address}?customer=M-1&amount=99").text
    assert "is not an amount" in browser.get(f"{address}?customer=M-1&amount=x").text


def test_a_broken_file_is_refused_on_a_page_with_the_line(books):
    answer = upload(books.browser("bo"), ktl(paid("50.00", "1232"))[:-92], "import")
    assert answer.status_code == 422
    assert "After line 2: the file ends without a total record" in answer.text


def test_an_account_shows_money_documents_and_water_and_the_look_is_logged_with_its_purpose(books):
    browser = books.browser("bo")
    found = browser.get("/accounts?q=mallinen&purpose=collection").text
    assert "/accounts/M-1?purpose=collection" in found
    page = browser.get("/accounts/M-1?purpose=collection").text
    assert "Maija &lt;b&gt;Mallinen" in page
    assert "Balance over time" in page
    assert "late" in page
    assert ("read-account", "customer:M-1") in books.audit("bo")
    assert browser.get("/accounts/NONE").status_code == 404
    assert "No customer has a number" in browser.get("/accounts?q=%25").text


def test_an_account_with_documents_and_a_meter_is_shown_whole(books):
    browser = books.browser("bo")
    number = re.search(r"/accounts/([^?\"]+)\?", browser.get("/accounts?q=C0").text)
    page = browser.get(f"/accounts/{number[1]}").text
    assert "Water by the month" in page
    assert "/invoices/" in page


def test_a_refund_is_approved_by_two_on_the_page_and_written_once(books):
    anna = Principal(name="anna", permissions=SYSTEM.permissions)
    with books.engine.begin() as connection:
        refund = refunding.propose(connection, books.town.settings, anna, "P-1", "FI3715903000000776", "moved out")
        refunding.approve(connection, Principal(name="berit", permissions=SYSTEM.permissions), refund, DAY)
    browser = books.browser("bo")
    assert "Approve 80.00" in browser.get("/refunds").text
    assert browser.post(f"/refunds/{refund}/approve").status_code == 303
    assert browser.post("/refunds/file").status_code == 303
    link = next(one for one in _Links(browser.get("/refunds").text).found if one.startswith("/refunds/files/"))
    assert b"80.00" in browser.get(link).content
    assert browser.post("/refunds/file").status_code == 409


def test_who_only_reads_sees_no_forms(books):
    upload(books.browser("bo"), ktl(paid("50.00", "", payer="SOMEBODY")), "import")
    page = books.browser("rita").get("/payments").text
    assert 'action="/payments/files"' not in page


def test_a_balance_is_drawn_above_and_below_zero():
    steps = [(date(2026, 1, 1), 100.0), (date(2026, 1, 10), -20.0), (date(2026, 1, 15), 0.0)]
    size = Size(400, 200)
    drawn = step_chart(steps, DAY, name="b", title="<B>", description="d", unit="EUR", size=size)
    assert drawn.count('class="bar') == 2
    assert "&lt;B&gt;" in drawn
    assert "no data" in step_chart([], DAY, name="b", title="B", description="d", unit="EUR", size=size)
    assert Decimal(re.search(r'text-anchor="end">(-?[0-9.]+)<', drawn)[1]) == Decimal(-50)
