"""An unpaid bill from reminder to interest, collection, closing and opening again; nothing happens twice."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from meterhub.access.principal import SYSTEM
from meterhub.billing import prices
from meterhub.billing.audit import check_documents
from meterhub.billing.documents.letters import letter_from_json
from meterhub.billing.dunning import collection, disconnection, events, interest, rates, reminders
from meterhub.billing.dunning.steps import Step
from meterhub.billing.ledger import allocations, balances, posting, stops
from meterhub.billing.payments import clerk
from meterhub.billing.schemas import TariffDocument
from meterhub.errors import BadInput, Conflict
from tests.billing.service.town import Town, b1_house
from tests.billing.service.town import settings as hub_settings

GROSS = Decimal("235.97")  # B1 of the worked bills
DUE = date(2025, 4, 24)
D14 = DUE + timedelta(days=14)


@pytest.fixture
def town(engine) -> Town:
    made = Town(engine)
    made.home = b1_house(made)
    made.bill()
    assert made.rows("SELECT gross, due_on FROM invoice") == [(GROSS, DUE)]
    return made


def customer_id(town):
    return town.scalar("SELECT id FROM customer WHERE customer_no = :no", no=town.home.customer_no)


def pay(town, amount, on):
    with town.engine.begin() as connection:
        payment = posting.NewEntry(customer_id(town), on, "payment", -Decimal(amount), "EUR", "clerk")
        (entry,) = posting.post(connection, [payment])
        allocations.set_off(connection, [customer_id(town)], "clerk")
    return entry


def remind(town, as_of=D14, **options):
    with town.engine.begin() as connection:
        return reminders.remind(connection, hub_settings(), SYSTEM, as_of, **options)


def charge(town, until, issued_on, **options):
    with town.engine.begin() as connection:
        return interest.charge(connection, hub_settings(), SYSTEM, until, issued_on, **options)


def balance(town):
    with town.engine.connect() as connection:
        return balances.balance(connection, customer_id(town))


def test_a_reminder_costs_a_consumer_five_euros_and_is_sent_once(town):
    assert remind(town, D14 - timedelta(days=1))[0] is None
    batch, sent = remind(town)
    assert batch is not None
    assert [(one.step, one.fee) for one in sent.steps] == [(Step.REMINDER_1, Decimal("5.00"))]
    assert remind(town)[0] is None
    assert balance(town) == GROSS + 5
    with town.engine.connect() as connection:
        items = balances.open_items(connection, customer_id(town))
        (event,) = events.events(connection, batch_id=batch, limit=10)
        letter = letter_from_json(events.event(connection, event.id).detail["letter"])
    assert {(item.part, item.open_amount) for item in items} == {("principal", GROSS), ("fee", Decimal("5.00"))}
    assert (letter.kind, letter.total, letter.due_on) == ("reminder", GROSS + 5, date(2025, 5, 22))
    assert letter.buyer.name == "Maija Mallinen"
    assert town.scalar("SELECT count(*) FROM delivery WHERE invoice_id IS NULL") == 1


def test_a_company_pays_ten_and_a_table_row_corrects_that(town):
    town.execute("UPDATE customer SET kind = 'company'")
    with town.engine.begin() as connection:
        assert reminders.propose(connection, hub_settings(), D14).fees == Decimal("10.00")
        rates.add_fee(
            connection, SYSTEM, country="FI", customer_kind="company", step="reminder_1",
            amount=Decimal("12.00"), valid_from=date(2025, 1, 1),
        )  # fmt: skip
        assert reminders.propose(connection, hub_settings(), D14).fees == Decimal("12.00")


def test_who_has_paid_or_owes_cents_is_not_reminded(town):
    pay(town, GROSS - Decimal("0.40"), DUE)
    assert remind(town, at_least=Decimal(1))[0] is None
    assert len(remind(town)[1].steps) == 1


@pytest.mark.parametrize("reason", ["dispute", "death", "bankruptcy", "hardship"])
def test_the_stop_list_holds_a_reminder_back_and_says_why(town, reason):
    with town.engine.begin() as connection:
        stops.add_stop(connection, SYSTEM, customer_id(town), reason, DUE)
    batch, proposals = remind(town)
    assert batch is None
    assert [claim.stopped for claim in proposals.held_back] == [reason]


def test_a_preview_that_no_longer_holds_is_refused(town):
    with pytest.raises(Conflict, match="1 reminders are due now, the preview showed 2"):
        remind(town, expected=2)
    assert town.scalar("SELECT count(*) FROM dunning_event") == 0


def test_two_clerks_at_once_send_one_reminder(town):
    with ThreadPoolExecutor(2) as pool:
        batches = list(pool.map(lambda _: remind(town)[0], range(2)))
    assert sum(batch is not None for batch in batches) == 1
    assert balance(town) == GROSS + 5


def test_events_are_never_changed(town):
    remind(town)
    for query in ("UPDATE dunning_event SET fee = 0", "DELETE FROM dunning_event", "TRUNCATE dunning_event"):
        with pytest.raises(DBAPIError, match="never"):
            town.execute(query)


def test_interest_comes_to_the_worked_bill_and_is_charged_once(town):
    # B9 of the worked bills, with this invoice's amount: 11.5 % and 10.5 % are the half-years' rates
    until = date(2025, 12, 31)
    issued, proposed = charge(town, until, date(2026, 1, 2))
    h1, h2 = (date(2025, 6, 30) - DUE).days, 184
    exact = GROSS * (Decimal("10.5") * h1 + Decimal("9.5") * h2) / 36500
    assert [one.gross for one in issued] == [exact.quantize(Decimal("0.01"))]
    assert charge(town, until, date(2026, 1, 2))[0] == []
    row = town.rows("SELECT kind, vat, snapshot FROM invoice WHERE id = :id", id=issued[0].invoice_id)[0]
    assert row[:2] == ("interest", Decimal("0.00"))
    assert interest.document_of(row[2]) == proposed.bills[0].document
    assert balance(town) == GROSS + issued[0].gross
    with town.engine.connect() as connection:
        assert [fault for step in check_documents(connection) for fault in step.faults] == []


def test_interest_of_two_halves_has_every_day_once_and_none_on_interest(town):
    charge(town, date(2025, 6, 30), date(2025, 7, 1))
    charge(town, date(2025, 12, 31), date(2026, 1, 2))
    days = town.rows("SELECT lower(days), upper(days) FROM interest_charge ORDER BY 1")
    assert days == [(DUE + timedelta(days=1), date(2025, 7, 1)), (date(2025, 7, 1), date(2026, 1, 1))]
    assert town.scalar("SELECT count(DISTINCT entry_id) FROM interest_charge") == 1


def test_the_database_refuses_a_day_that_was_charged(town):
    charge(town, date(2025, 6, 30), date(2025, 7, 1))
    with pytest.raises(IntegrityError, match="ex_interest_charge_days"):
        town.execute(
            "INSERT INTO interest_charge (entry_id, days, amount, invoice_id, batch_id) "
            "SELECT entry_id, days, amount, invoice_id, batch_id FROM interest_charge"
        )


def test_interest_runs_to_the_payment_day_and_a_part_payment_lowers_it(town):
    pay(town, "100.00", DUE + timedelta(days=10))
    pay(town, GROSS - 100, DUE + timedelta(days=30))
    issued, _ = charge(town, date(2025, 12, 31), date(2026, 1, 2), minimum=Decimal(0))
    exact = Decimal("10.5") * (GROSS * 10 + (GROSS - 100) * 20) / 36500
    assert [one.gross for one in issued] == [exact.quantize(Decimal("0.01"))]
    assert town.scalar("SELECT upper(days) FROM interest_charge") == DUE + timedelta(days=31)
    assert charge(town, date(2026, 6, 30), date(2026, 7, 1), minimum=Decimal(0))[0] == []


def test_who_paid_on_the_due_day_owes_no_interest(town):
    pay(town, GROSS, DUE)
    assert charge(town, date(2025, 12, 31), date(2026, 1, 2))[0] == []


def test_the_day_counts_on_which_the_payer_paid_and_not_when_the_bank_booked_it(town):
    reference = town.scalar("SELECT reference FROM invoice")
    with town.engine.begin() as connection:
        clerk.enter(
            connection, hub_settings(), SYSTEM, amount=GROSS, reference=reference,
            paid_on=DUE, booked_on=DUE + timedelta(days=4),
        )  # fmt: skip
    assert balance(town) == 0
    assert charge(town, date(2025, 12, 31), date(2026, 1, 2), minimum=Decimal(0))[0] == []


def test_a_payment_that_came_back_counts_as_never_made(town):
    entry = pay(town, GROSS, DUE)
    with town.engine.begin() as connection:
        posting.reverse(connection, entry, date(2025, 5, 2), "clerk", "returned")
    assert len(charge(town, date(2025, 12, 31), date(2026, 1, 2))[0]) == 1


def test_small_interest_waits_for_the_next_bill(town):
    issued, proposed = charge(town, DUE + timedelta(days=10), DUE + timedelta(days=11))
    assert (issued, proposed.too_small) == ([], 1)
    assert town.scalar("SELECT count(*) FROM interest_charge") == 0


def test_a_half_year_without_a_rate_stops_the_bill_and_is_named_until_it_is_added(town):
    with pytest.raises(BadInput, match="2026H2"):
        charge(town, date(2026, 9, 30), date(2026, 10, 1))
    with town.engine.begin() as connection:
        rates.add_interest_rate(
            connection,
            SYSTEM,
            country="FI",
            basis="consumer",
            half_year="2026H2",
            rate=Decimal("9.5"),
            source="law",
        )
    assert len(charge(town, date(2026, 9, 30), date(2026, 10, 1))[0]) == 1


def test_interest_of_days_to_come_is_not_billed(town):
    with pytest.raises(BadInput, match="from 2025-07-01 on"):
        charge(town, date(2025, 6, 30), date(2025, 6, 30))


def hand_over(town, as_of, **options):
    with town.engine.begin() as connection:
        return collection.hand_over(connection, hub_settings(), SYSTEM, as_of, **options)


def test_a_claim_goes_to_collection_with_a_file_and_comes_back(town):
    remind(town)
    assert hand_over(town, D14 + timedelta(days=13))[0] is None
    batch, _ = hand_over(town, D14 + timedelta(days=14))
    assert batch is not None
    assert hand_over(town, D14 + timedelta(days=15))[0] is None
    number = town.scalar("SELECT number FROM invoice WHERE kind = 'consumption'")
    with town.engine.begin() as connection:
        (row,) = csv.DictReader(io.StringIO(collection.collection_file(connection, batch)))
        assert (row["invoice"], row["open"], row["reminded_on"]) == (number, str(GROSS), D14.isoformat())
        assert row["property_code"]
        assert collection.in_collection(connection, customer_id(town)) == [number]
        collection.take_back(connection, SYSTEM, number, D14 + timedelta(days=20), "paid to us")
        assert collection.in_collection(connection, customer_id(town)) == []
        with pytest.raises(Conflict, match="not in collection"):
            collection.take_back(connection, SYSTEM, number, D14 + timedelta(days=20), "again")
    assert hand_over(town, D14 + timedelta(days=200))[0] is None


def test_a_name_that_a_spreadsheet_would_compute_is_made_harmless(town):
    town.execute("UPDATE customer SET name = '=1+1'")
    remind(town)
    batch, _ = hand_over(town, D14 + timedelta(days=14))
    with town.engine.connect() as connection:
        assert "'=1+1" in collection.collection_file(connection, batch)


FEES = {
    "code": "works", "name": "Works", "country": "FI", "currency": "EUR",
    "versions": [
        {"component": code, "kind": "one_off", "net_price": "60", "vat_code": "standard",
         "valid_from": "2025-01-01"}
        for code in ("DISCONNECTION", "RECONNECTION")
    ],
}  # fmt: skip


def closing(town, verb, *arguments, **options):
    with town.engine.begin() as connection:
        takes_settings = verb in (disconnection.warn, disconnection.report_hardship, disconnection.order)
        first = (hub_settings(),) if takes_settings else ()
        return verb(connection, *first, SYSTEM, town.home.contract_no, *arguments, **options)


def test_water_is_closed_after_five_weeks_and_opened_when_all_is_paid(town):
    with town.engine.begin() as connection:
        prices.import_tariff(connection, TariffDocument.model_validate(FEES), "clerk")
    with pytest.raises(Conflict, match="nothing unpaid was reminded of"):
        closing(town, disconnection.warn, D14)
    remind(town)
    warned = D14 + timedelta(days=14)
    closes_from = closing(town, disconnection.warn, warned)
    assert closes_from == warned + timedelta(weeks=5)
    with pytest.raises(Conflict, match="under disconnection warning already"):
        closing(town, disconnection.warn, warned)
    charged = {"tariff": "works", "products_charged": ["DISCONNECTION", "RECONNECTION"]}
    with pytest.raises(Conflict, match=f"from {closes_from} on"):
        closing(town, disconnection.order, closes_from - timedelta(days=1), **charged)
    issued = closing(town, disconnection.order, closes_from, **charged)
    assert issued.gross == Decimal("150.60")
    with pytest.raises(Conflict, match="came before"):
        closing(town, disconnection.order, closes_from, **charged)
    closing(town, disconnection.note_closed, closes_from, "valve shut")
    owed = GROSS + 5 + issued.gross
    with pytest.raises(Conflict, match=f"{owed} is open"):
        closing(town, disconnection.reconnect, closes_from, "call")
    pay(town, owed, closes_from)
    closing(town, disconnection.reconnect, closes_from, "paid")
    with town.engine.connect() as connection:
        assert disconnection.courses(connection, hub_settings()) == []


def test_who_is_ill_or_out_of_work_has_ten_weeks(town):
    remind(town)
    warned = D14 + timedelta(days=14)
    closing(town, disconnection.warn, warned)
    later = closing(town, disconnection.report_hardship, warned + timedelta(days=3), "illness")
    assert later == warned + timedelta(weeks=10)
    with pytest.raises(Conflict, match=f"from {later} on"):
        closing(town, disconnection.order, warned + timedelta(weeks=6), tariff="works", products_charged=[])


def test_a_warning_is_withdrawn_with_a_reason_and_can_come_again(town):
    remind(town)
    warned = D14 + timedelta(days=14)
    closing(town, disconnection.warn, warned)
    closing(town, disconnection.withdraw, warned + timedelta(days=1), "agreed")
    closing(town, disconnection.warn, warned + timedelta(days=40))
    assert town.rows("SELECT step, round FROM dunning_event WHERE contract_id IS NOT NULL ORDER BY id") == [
        ("disconnection_warning", 0), ("withdrawn", 0), ("disconnection_warning", 1),
    ]  # fmt: skip


def test_a_dispute_stops_the_closing_of_water(town):
    remind(town)
    with town.engine.begin() as connection:
        stops.add_stop(connection, SYSTEM, customer_id(town), "dispute", D14)
    with pytest.raises(Conflict, match="stopped by dispute"):
        closing(town, disconnection.warn, D14 + timedelta(days=14))


def test_no_step_is_dated_before_the_one_it_follows(town):
    remind(town)
    warned = D14 + timedelta(days=14)
    closing(town, disconnection.warn, warned)
    with pytest.raises(BadInput, match="lies before"):
        closing(town, disconnection.withdraw, warned - timedelta(days=1), "mistake")


def test_opening_items_of_an_earlier_system_are_reminded_of_too(town):
    with town.engine.begin() as connection:
        opening = posting.NewEntry(
            customer_id(town), date(2025, 1, 1), "opening", Decimal(80), "EUR", "clerk", due_on=date(2025, 1, 20)
        )
        (entry,) = posting.post(connection, [opening])
        connection.execute(
            text(
                "INSERT INTO opening_item (number, reference, entry_id, file_sha256) "
                "VALUES ('OLD-1', '1232', :entry, 'x')"
            ),
            {"entry": entry},
        )
    batch, sent = remind(town)
    assert batch is not None
    assert sent.steps[0].claim.number == "OLD-1"
    assert len(charge(town, date(2025, 12, 31), date(2026, 1, 2))[1].bills[0].snapshot["receivables"]) == 2
