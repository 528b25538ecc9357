"""A clerk does the month in a browser: a run to numbers with a second person, then a payment and its undoing."""

from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import expect

from meterhub.access import service as access
from meterhub.access.principal import SYSTEM
from meterhub.app import create_app
from meterhub.billing.runs import execution
from tests.billing.payments.bank import ktl, paid
from tests.billing.service.test_regimes import estimated
from tests.billing.service.town import Town, at, b1_house
from tests.browser.server import serving
from tests.browser.visitor import DESK, PHONE, Visitor
from tests.web.town import PASSWORD, settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOW = datetime(2025, 4, 29, 9, tzinfo=UTC)
CLERK, CHIEF = "clara", "boris"
FORM = {
    "First day": "2025-01-01",
    "Last day": "2025-03-31",
    "Day of issue": "2025-04-10",
}


class Office:
    """Two houses of a quarter, one of which was not read at its end, and two people who bill them."""

    def __init__(self, engine) -> None:
        self.town = Town(engine)
        self.read = b1_house(self.town)
        reads = ((at(date(2025, 1, 1)), "0.000"), (at(date(2025, 3, 10)), "20.000"))
        self.unread = estimated(self.town, self.town.house(*reads, name="Pekka Pumppu"), regime="amr")
        with engine.begin() as connection:
            for name in (CLERK, CHIEF):
                access.create_user(
                    connection, SYSTEM, username=name, display_name=name, roles=("billing",), password=PASSWORD
                )

    def work(self) -> None:
        """Do what the worker does: calculate or issue."""
        execution.carry_out(self.town.engine, settings(), self.town.scalar("SELECT max(id) FROM billing_run"))


@pytest.fixture
def office(engine):
    return Office(engine)


@pytest.fixture
def address(office):
    with serving(create_app(office.town.engine, settings(), clock=lambda: NOW)) as url:
        yield url


@pytest.fixture
def person(chromium):
    contexts = []

    def open_for(address: str, name: str) -> Visitor:
        contexts.append(chromium.new_context(viewport=DESK))
        visitor = Visitor(contexts[-1].new_page())
        visitor.log_in(address, name)
        return visitor

    yield open_for
    for context in contexts:
        context.close()


def press(visitor: Visitor, name: str) -> None:
    visitor.page.get_by_role("button", name=name).click()


def test_a_clerk_bills_a_quarter_with_a_second_person_and_matches_a_payment_and_takes_it_back(
    office, address, person
):
    clerk, chief = person(address, CLERK), person(address, CHIEF)
    run = bill(office, address, clerk, chief)
    number = look_at_the_invoice(office, address, clerk)
    payment = match_and_undo(office, address, clerk)
    account = f"/accounts/{office.read.customer_no}"
    paths = [run, f"/invoices/{number}", payment, f"{payment}/split", account, f"{account}/plan", "/accounting"]
    for size in (PHONE, DESK):
        clerk.page.set_viewport_size(size)
        for path in [*paths, "/opening-balances"]:
            clerk.page.goto(address + path)
            assert clerk.fits(), f"{path} is wider than {size['width']}"
            assert clerk.page.locator("h1").count() == 1, path
    assert clerk.complaints + chief.complaints == []


def bill(office, address, clerk, chief) -> str:
    """Preview, start, release with a reason, approve by another person, issue."""
    page = clerk.page
    page.goto(f"{address}/runs/new")
    for label, value in FORM.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("Billing group").select_option("quarterly")
    press(clerk, "Preview")
    expect(page.get_by_text("Nothing of it was kept")).to_be_visible()
    expect(page.get_by_role("cell", name="Missing reads")).to_be_visible()
    press(clerk, "Calculate this run")
    office.work()
    page.reload()
    expect(page.get_by_text("somebody else has to approve it")).to_be_visible()
    page.get_by_label(f"Reason for {office.unread.contract_no}").fill("the estimate looks right")
    press(clerk, "Bill it")
    expect(page.get_by_role("heading", name="Held back")).not_to_be_visible()
    chief.page.goto(page.url)
    press(chief, "Approve")
    expect(chief.page.get_by_text(f"approved by {CHIEF}")).to_be_visible()
    page.reload()
    press(clerk, "Issue: give the numbers")
    office.work()
    page.reload()
    expect(page.get_by_text("Issued", exact=True)).to_be_visible()
    return page.url.removeprefix(address)


def look_at_the_invoice(office, address, clerk) -> str:
    number = office.town.invoice(office.read).number
    clerk.page.goto(f"{address}/invoices")
    clerk.page.get_by_role("link", name=number).click()
    expect(clerk.page.get_by_role("heading", name=f"Invoice {number}")).to_be_visible()
    expect(clerk.page.get_by_text("235.97").first).to_be_visible()
    return number


def match_and_undo(office, address, clerk) -> str:
    """Look at a bank file, import it, match its payment after a preview, and take it back."""
    page = clerk.page
    file = {"name": "bank.ktl", "mimeType": "text/plain", "buffer": ktl(paid("235.97", payer="SOMEBODY"))}
    for button in ("Look first", "Import"):
        page.goto(f"{address}/payments")
        page.get_by_label("camt.053, camt.054, KTL or OCR giro").set_input_files(file)
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_role("heading", name="bank.ktl")).to_be_visible()
    page.goto(f"{address}/payments")
    page.get_by_role("link", name="Maija Mallinen").click()
    expect(page.get_by_role("heading", name="If you match it")).to_be_visible()
    assert owed(office) == "235.97"
    press(clerk, "Match it")
    expect(page.get_by_text("Posted", exact=True)).to_be_visible()
    assert owed(office) == "0.00"
    page.get_by_label("Why it is taken back").fill("another Maija")
    press(clerk, "Take it back")
    expect(page.get_by_text("Waiting: undone by")).to_be_visible()
    assert owed(office) == "235.97"
    return page.url.removeprefix(address)


def owed(office) -> str:
    query = (
        "SELECT sum(e.amount) FROM ledger_entry e JOIN customer c ON c.id = e.customer_id "
        "WHERE c.customer_no = :no"
    )
    return str(office.town.scalar(query, no=office.read.customer_no))
