"""What a clerk does with an account and with money on the pages: seen first, then done, then undone."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from meterhub.billing.ledger import balances, plans
from meterhub.billing.payments import refunding
from tests.billing.ledger.book import add, add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import ktl, paid
from tests.web.test_payment_pages import upload
from tests.web.town import NOW

TODAY = NOW.date()
IBAN = "FI37 1590 3000 0007 76"


class Books:
    """Maija owes 100.00 and 50.00, Pekka has 80.00 in credit."""

    def __init__(self, site) -> None:
        self.site = site
        self.browser = site.browser("bo")
        with site.engine.begin() as connection:
            self.maija = add_customer(connection, "Maija <b>Mallinen", "M-1")
            self.large = owes(connection, self.maija, "100.00", "1232", due=date(2026, 1, 10))
            self.small = owes(connection, self.maija, "8.00", "12344", due=date(2026, 2, 10))
            self.pekka = add_customer(connection, "Pekka Pumppu", "P-1")
            add(connection, self.pekka, "-80.00", "payment", booked=date(2026, 1, 5))

    def balance(self, customer: int) -> Decimal:
        with self.site.engine.connect() as connection:
            return balances.balance(connection, customer)

    def plans(self):
        with self.site.engine.connect() as connection:
            return plans.plans_of(connection, self.maija, TODAY)

    def refunds(self):
        with self.site.engine.connect() as connection:
            return refunding.refunds(connection)


@pytest.fixture
def books(empty_site):
    return Books(empty_site)


def hidden(page):
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_a_refund_is_seen_first_then_proposed_and_waits_for_two_others(books):
    browser = books.browser
    assert 'href="/accounts/P-1/refund">Pay back 80.00' in browser.get("/accounts/P-1").text
    assert "80.00" in browser.get("/accounts/P-1/refund").text
    form = {"iban": IBAN, "amount": "30,00", "reason": "asked by phone"}
    seen = browser.post("/accounts/P-1/refund", data=form).text
    assert "FI37 1590 3000 0007 76, check digits agree" in seen
    assert "50.00 stay in credit" in seen
    assert "2 other people" in seen
    assert books.refunds() == []
    done = browser.post("/accounts/P-1/refund", data=hidden(seen) | {"step": "propose"})
    assert done.headers["location"] == "/refunds"
    [row] = books.refunds()
    assert (row.amount, row.state, row.created_by) == (Decimal("30.00"), "proposed", "bo")
    assert "waits for approval" in browser.get("/accounts/P-1").text
    assert browser.post(f"/refunds/{row.id}/approve").status_code == 403
    assert browser.post(f"/refunds/{row.id}/reject", data={"reason": "wrong sum"}).status_code == 303
    assert "Rejected" in browser.get("/accounts/P-1").text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iban": "FI37 1590 3000 0007 77"}, "the IBAN is not right"),
        ({"amount": "80.01"}, "an open credit of 80.00"),
        ({"amount": "4"}, "under the minimum"),
        ({"amount": "ten"}, "is not an amount"),
    ],
)
def test_a_refund_that_cannot_be_says_why_and_keeps_what_was_entered(books, changes, words):
    form = {"iban": IBAN, "amount": "", "reason": "asked"} | changes
    for step in ("preview", "propose"):
        answer = books.browser.post("/accounts/P-1/refund", data=form | {"step": step})
        assert words in answer.text
        assert f'value="{form["iban"]}"' in answer.text
    assert books.refunds() == []


def test_a_small_refund_is_paid_to_who_moves_out(books):
    form = {"iban": IBAN, "amount": "4", "reason": "moves out", "final": "true"}
    seen = books.browser.post("/accounts/P-1/refund", data=form).text
    assert books.browser.post("/accounts/P-1/refund", data=hidden(seen) | {"step": "propose"}).status_code == 303
    assert [row.amount for row in books.refunds()] == [Decimal("4.00")]


def test_a_small_debt_is_given_up_at_once_and_opened_again(books):
    browser = books.browser
    assert f"/accounts/M-1/write-off?entry={books.small}" in browser.get("/accounts/M-1").text
    seen = browser.post("/accounts/M-1/write-off", data={"entry": books.small, "reason": "too small"}).text
    assert "are written off at once" in seen
    assert books.balance(books.maija) == Decimal("108.00")
    done = browser.post("/accounts/M-1/write-off", data=hidden(seen) | {"step": "propose"})
    assert done.status_code == 303
    assert books.balance(books.maija) == Decimal("100.00")
    page = browser.get("/accounts/M-1").text
    undo = re.search(r'action="(/accounts/M-1/write-offs/\d+/undo)"', page)[1]
    assert browser.post(undo.replace("M-1", "P-1"), data={"reason": "a mistake"}).status_code == 404
    assert browser.post(undo, data={"reason": "a mistake"}).status_code == 303
    assert books.balance(books.maija) == Decimal("108.00")
    page = browser.get("/accounts/M-1").text
    assert "undone" in page
    assert "/undo" not in page


def test_a_large_debt_waits_for_a_second_person(books):
    form = {"entry": books.large, "reason": "bankrupt", "amount": "60"}
    seen = books.browser.post("/accounts/M-1/write-off", data=form).text
    assert "wait for a second person, who must not be bo" in seen
    assert books.browser.post("/accounts/M-1/write-off", data=form | {"step": "propose"}).status_code == 303
    assert books.balance(books.maija) == Decimal("108.00")
    assert "waits for a second person" in books.browser.get("/accounts/M-1").text
    again = books.browser.post("/accounts/M-1/write-off", data=form | {"step": "propose"})
    assert "waits for a second person already" in again.text


def test_a_write_off_of_another_account_or_of_more_than_is_open_is_refused(books):
    other = {"entry": books.large, "reason": "x"}
    assert books.browser.post("/accounts/P-1/write-off", data=other).status_code == 404
    assert books.browser.get(f"/accounts/P-1/write-off?entry={books.large}").status_code == 404
    more = books.browser.post("/accounts/M-1/write-off", data=other | {"amount": "100.01"})
    assert "100.00 is open" in more.text


def test_instalments_are_shown_as_a_table_then_agreed_and_the_plan_is_ended(books):
    browser = books.browser
    first = TODAY + timedelta(days=10)
    form = {
        "entries": [str(books.large)], "count": "3", "first_on": first.isoformat(), "reason": "by phone",
    }  # fmt: skip
    seen = browser.post("/accounts/M-1/plan", data=form).text
    days = re.findall(r'name="due_on" required value="([^"]+)"', seen)
    amounts = re.findall(r'name="amount" required inputmode="decimal" maxlength="20" value="([^"]+)"', seen)
    assert amounts == ["33.34", "33.33", "33.33"]
    assert days == [one.isoformat() for one in plans.monthly(first, 3)]
    assert books.plans() == []
    table = form | {"due_on": days, "amount": amounts, "step": "agree"}
    wrong = browser.post("/accounts/M-1/plan", data=table | {"amount": ["33.34", "33.33", "33.34"]}).text
    assert "the instalments come to 100.01, the items to 100.00" in wrong
    assert 'value="33.34"' in wrong
    done = browser.post("/accounts/M-1/plan", data=table | {"amount": ["50", "25,00", "25.00"]})
    assert done.status_code == 303
    [plan] = books.plans()
    assert [one["amount"] for one in plan.instalments] == ["50.00", "25.00", "25.00"]
    assert browser.post(f"/accounts/P-1/plans/{plan.id}/end").status_code == 404
    assert f"/accounts/M-1/plans/{plan.id}/end" in browser.get("/accounts/M-1").text
    assert browser.post(f"/accounts/M-1/plans/{plan.id}/end").status_code == 303
    assert books.plans()[0].ended_by == "bo"


def test_a_plan_without_items_or_before_today_says_so(books):
    form = {"count": "2", "first_on": "2025-01-31"}
    assert "choose at least one open item" in books.browser.post("/accounts/M-1/plan", data=form).text
    table = {"due_on": ["2025-01-31"], "amount": ["100"], "entries": [str(books.large)], "step": "agree"}
    assert "is due before" in books.browser.post("/accounts/M-1/plan", data=form | table).text
    assert books.plans() == []


def test_months_of_a_plan_end_on_the_last_day_where_they_are_short():
    assert plans.monthly(date(2025, 12, 31), 4) == [
        date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31),
    ]  # fmt: skip


def test_reminders_are_stopped_for_an_item_and_go_on_when_the_stop_is_ended(books):
    browser = books.browser
    form = {
        "reason": "dispute",
        "entry": str(books.large),
        "valid_from": TODAY.isoformat(),
        "note": "meter tested",
    }
    assert browser.post("/accounts/M-1/stops", data=form).status_code == 303
    page = browser.get("/accounts/M-1").text
    assert "meter tested" in page
    end = re.search(r'action="/accounts/M-1(/stops/\d+/end)"', page)[1]
    assert browser.post(f"/accounts/P-1{end}").status_code == 404
    assert browser.post(f"/accounts/M-1{end}").status_code == 303
    assert end not in browser.get("/accounts/M-1").text
    early = form | {"last_on": (TODAY - timedelta(days=2)).isoformat()}
    assert "stop ends on" in browser.post("/accounts/M-1/stops", data=early).text


def test_a_payment_is_split_over_accounts_in_one_form_and_taken_back(books):
    browser = books.browser
    upload(browser, ktl(paid("120.00", "", payer="SOMEBODY")), "import")
    address = re.search(r"/payments/\d+", browser.get("/payments").text)[0]
    assert f"{address}/split" in browser.get(address).text
    assert browser.get(f"{address}/split").text.count('name="customer"') == 4
    form = {"customer": ["M-1", "", "P-1", ""], "amount": ["100", "", "", ""]}
    more = browser.post(f"{address}/split", data=form | {"step": "more"}).text
    assert more.count('name="customer"') == 8
    assert 'value="100"' in more
    seen = browser.post(f"{address}/split", data=form).text
    assert "108.00 → <strong>8.00" in seen
    minus = "\N{MINUS SIGN}"
    assert f"{minus}80.00 → <strong>{minus}100.00" in seen
    assert "Nothing is left in the queue" in seen
    assert books.balance(books.maija) == Decimal("108.00")
    assert browser.post(f"{address}/split", data=form | {"step": "match"}).headers["location"] == address
    assert (books.balance(books.maija), books.balance(books.pekka)) == (Decimal("8.00"), Decimal("-100.00"))
    assert browser.post(f"{address}/undo", data={"reason": "wrong"}).status_code == 303
    assert (books.balance(books.maija), books.balance(books.pekka)) == (Decimal("108.00"), Decimal("-80.00"))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((["M-1", "P-1"], ["100", "21"]), "20.00 is left of the payment"),
        ((["M-1", ""], ["100", "20"]), "name a customer number"),
        ((["", ""], ["", ""]), "name a customer number"),
        ((["NOBODY"], ["1"]), "there is no customer NOBODY"),
        ((["M-1"], ["1.001"]), "not an amount in cents"),
    ],
)
def test_a_split_that_cannot_be_says_why_and_posts_nothing(books, lines, words):
    upload(books.browser, ktl(paid("120.00", "", payer="SOMEBODY")), "import")
    address = re.search(r"/payments/\d+", books.browser.get("/payments").text)[0]
    form = {"customer": lines[0], "amount": lines[1], "step": "match"}
    assert words in books.browser.post(f"{address}/split", data=form).text
    assert books.balance(books.maija) == Decimal("108.00")


def test_bookkeeping_is_seen_by_ledger_account_then_exported_once_and_downloaded_again(books):
    browser = books.browser
    seen = browser.post("/accounting", data={"until": "2026-12-31"}).text
    assert "What would be exported up to 31" in seen
    assert "108.00" in seen
    assert "Nothing was exported yet" in seen
    done = browser.post("/accounting", data=hidden(seen) | {"step": "export"})
    assert done.headers["location"] == "/accounting/1"
    shown = browser.get("/accounting/1").text
    totals = re.search(r"<strong>All</strong>.*?<strong>([^<]+)</strong>.*?<strong>([^<]+)</strong>", shown)
    assert totals[1] == totals[2] != "0.00"
    file = browser.get("/accounting/1/content")
    assert file.headers["content-disposition"] == 'attachment; filename="accounting-1.csv"'
    assert file.text.startswith("export;day;voucher;account")
    assert file.text == browser.get("/accounting/1/content").text
    assert ("read-accounting-export", "export:1") in books.site.audit("bo")
    again = browser.post("/accounting", data={"until": "2026-12-31", "step": "export"}).text
    assert "has been exported already" in again
    assert "Export 1" in books.site.browser("rita").get("/accounting").text
    assert "is not a day" in browser.post("/accounting", data={"until": "soon"}).text


def test_previews_leave_no_gap_in_the_numbers_of_exports(books):
    for _ in range(3):
        books.browser.post("/accounting", data={"until": "2026-12-31"})
    done = books.browser.post("/accounting", data={"until": "2025-12-31", "step": "export"})
    assert done.headers["location"] == "/accounting/1"
    done = books.browser.post("/accounting", data={"until": "2026-12-31", "step": "export"})
    assert done.headers["location"] == "/accounting/2"


def opening(browser, content, action):
    file = {"file": ("old.csv", content.encode())}
    return browser.post("/opening-balances", files=file, data={"action": action}).text


def test_opening_balances_are_seen_first_imported_once_and_faults_are_told_by_line(books):
    good = "customer_no;number;amount;due_on\nP-1;A-1;30,00;2026-01-31\nM-1;A-2;-5,00;2026-01-31\n"
    seen = opening(books.browser, good, "preview")
    assert "Nothing was kept" in seen
    assert "25.00" in seen
    assert books.balance(books.pekka) == Decimal("-80.00")
    assert "was imported." in opening(books.browser, good, "import")
    assert books.balance(books.pekka) == Decimal("-50.00")
    assert "was imported before" in opening(books.browser, good, "import")
    bad = "customer_no;number;amount;due_on\nP-1;B-1;much;2026-01-31\nP-1;B-2;1,00;soon\n"
    told = opening(books.browser, bad, "import")
    assert "line 2: amount &#39;much&#39; is not a number" in told
    assert "line 3: due_on" in told
    assert "there already: A-1" in opening(books.browser, good + "P-1;A-3;1;2026-01-31\n", "import")
    assert "columns customer_no" in opening(books.browser, "", "preview")


def test_who_only_reads_sees_no_way_to_change_an_account(books):
    page = books.site.browser("rita").get("/accounts/M-1").text
    for word in ("/refund", "/write-off", "/plan", "/stops"):
        assert f"/accounts/M-1{word}" not in page
    assert books.site.browser("rita").get("/accounts/P-1/refund").status_code == 403


def test_forms_of_another_site_change_nothing(books):
    elsewhere = {"Origin": "https://elsewhere.example"}
    for path in ("/accounts/P-1/refund", "/accounts/M-1/plan", "/accounts/M-1/stops", "/accounting"):
        assert books.browser.post(path, headers=elsewhere).status_code == 403
