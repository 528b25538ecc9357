from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from meterhub.billing.ledger import allocations, balances
from meterhub.billing.ledger.allocations import cover, set_off, spread, take_back
from meterhub.billing.ledger.balances import balance, open_credits, open_items
from meterhub.billing.ledger.posting import post, post_invoices, reverse
from meterhub.billing.receivables.allocation import Part
from meterhub.errors import Conflict, NotFound
from tests.billing.ledger.book import add, add_customer, entry
from tests.billing.service.town import QUARTER, Town, at

DAY = date(2025, 1, 1)
ORDER = (Part.INTEREST, Part.PRINCIPAL, Part.FEE)


def open_amounts(connection, customer):
    return {item.entry_id: item.open_amount for item in open_items(connection, customer)}


@pytest.mark.parametrize("table", ["ledger_entry", "allocation"])
@pytest.mark.parametrize("change", ["UPDATE {} SET amount = amount * 2", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_ledger_refuses_every_change_to_a_row(engine, table, change):
    with engine.begin() as connection:
        customer = add_customer(connection)
        debit, credit = post(connection, [entry(customer, "10.00"), entry(customer, "-10.00", "payment")])
        cover(connection, credit, [(debit, Decimal("4.00"))], "clerk", "test")
    with pytest.raises(DBAPIError, match="are never changed"), engine.begin() as connection:
        connection.execute(text(change.format(table)))


def test_a_balance_is_the_sum_of_entries_and_of_open_items_less_open_credits(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        post(connection, [entry(customer, "10.00"), entry(customer, "2.50"), entry(customer, "-20.00", "payment")])
        set_off(connection, [customer], "clerk")
        assert balance(connection, customer) == Decimal("-7.50")
        assert open_items(connection, customer) == []
        assert [credit.open_amount for credit in open_credits(connection, [customer])] == [Decimal("7.50")]


def test_a_credit_covers_the_oldest_due_first(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        late, early = post(
            connection,
            [entry(customer, "10.00", due=DAY + timedelta(days=30)), entry(customer, "10.00", due=DAY)],
        )
        add(connection, customer, "-15.00", "payment")
        set_off(connection, [customer], "clerk")
        assert open_amounts(connection, customer) == {late: Decimal("5.00")}
        assert early not in open_amounts(connection, customer)


def test_more_than_a_credit_has_cannot_be_allocated(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        debit, credit = post(connection, [entry(customer, "50.00"), entry(customer, "-10.00", "payment")])
    with pytest.raises(IntegrityError, match="more than it has"), engine.begin() as connection:
        cover(connection, credit, [(debit, Decimal("10.01"))], "clerk", "test")


def test_a_credit_cannot_cover_what_another_customer_owes(engine):
    with engine.begin() as connection:
        debit = add(connection, add_customer(connection), "10.00")
        credit = add(connection, add_customer(connection), "-10.00", "payment")
    with pytest.raises(IntegrityError, match="one customer"), engine.begin() as connection:
        cover(connection, credit, [(debit, Decimal("1.00"))], "clerk", "test")


def test_two_transactions_cannot_use_the_same_credit(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        first, second, credit = post(
            connection,
            [entry(customer, "10.00"), entry(customer, "10.00"), entry(customer, "-10.00", "payment")],
        )

    def use(debit):
        try:
            with engine.begin() as connection:
                cover(connection, credit, [(debit, Decimal("10.00"))], "clerk", "test")
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(use, (first, second))) == [False, True]


def test_what_was_covered_can_be_taken_back_and_covered_again(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        debit, credit = post(connection, [entry(customer, "10.00"), entry(customer, "-4.00", "payment")])
        set_off(connection, [customer], "clerk")
        assert open_amounts(connection, customer) == {debit: Decimal("6.00")}
        assert take_back(connection, [credit], "clerk") == 1
        assert open_amounts(connection, customer) == {debit: Decimal("10.00")}
        assert take_back(connection, [credit], "clerk") == 0
        set_off(connection, [customer], "clerk")
        assert open_amounts(connection, customer) == {debit: Decimal("6.00")}


def test_a_reversed_payment_opens_what_it_paid_and_leaves_nothing_of_its_own_open(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        debit, credit = post(connection, [entry(customer, "10.00"), entry(customer, "-10.00", "payment")])
        set_off(connection, [customer], "clerk")
        reversal = reverse(connection, credit, DAY, "clerk", "payment returned by the bank")
        assert open_amounts(connection, customer) == {debit: Decimal("10.00")}
        assert balance(connection, customer) == Decimal("10.00")
        assert open_credits(connection, [customer]) == []
        rows = balances.history(connection, customer)
        assert [(row.id, row.kind) for row in rows if row.reverses_id] == [(reversal, "payment_reversal")]
        assert sum(row.amount for row in rows) == rows[-1].balance_after


def test_an_entry_is_reversed_once_and_a_document_never(engine):
    with engine.begin() as connection:
        customer = add_customer(connection)
        credit = add(connection, customer, "-10.00", "payment")
        document = add(connection, customer, "10.00", "invoice")
        reverse(connection, credit, DAY, "clerk", "typing error")
        with pytest.raises(Conflict, match="already"):
            reverse(connection, credit, DAY, "clerk", "typing error")
        with pytest.raises(Conflict, match="credit note"):
            reverse(connection, document, DAY, "clerk", "typing error")
        with pytest.raises(NotFound):
            reverse(connection, 10**9, DAY, "clerk", "typing error")


def test_documents_are_posted_once_and_credit_is_set_off_at_once(engine):
    town = Town(engine)
    house = town.house((at(date(2025, 1, 1)), "1000"), (at(date(2025, 4, 1)), "1042"))
    with engine.begin() as connection:
        customer = connection.execute(
            text("SELECT id FROM customer WHERE customer_no = :no"), {"no": house.customer_no}
        ).scalar_one()
        add(connection, customer, "-100.00", "payment")
    town.bill(period=QUARTER)
    with engine.begin() as connection:
        ids = list(connection.execute(text("SELECT id FROM invoice")).scalars())
        post_invoices(connection, ids)
        post_invoices(connection, ids)
        [item] = open_items(connection, customer)
        assert (item.amount, item.open_amount) == (Decimal("235.97"), Decimal("135.97"))
        assert balance(connection, customer) == Decimal("135.97")
        assert balances.balances(connection, [customer, -1]) == {customer: Decimal("135.97"), -1: Decimal("0.00")}


def owed_item(entry_id, owed, due, *, invoice_id=None, kind="opening", part=Part.PRINCIPAL):
    return balances.OpenItem(
        entry_id, invoice_id, None, due, owed, owed, kind, part, customer_id=1, currency="EUR", reference=None,
        contract_id=None,
    )  # fmt: skip


AMOUNTS = st.decimals(min_value=Decimal(-300), max_value=Decimal(300), places=2).filter(bool)
ENTRIES = st.lists(st.tuples(AMOUNTS, st.integers(0, 60), st.booleans()), min_size=1, max_size=10)


@given(ENTRIES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_open_items_and_balance_agree_whatever_happens(engine, entries):
    with engine.begin() as connection:
        customer = add_customer(connection)
        for amount, days, undone in entries:
            kind = "opening" if amount > 0 else "payment"
            posted = add(connection, customer, amount, kind, due=DAY + timedelta(days=days))
            set_off(connection, [customer], "clerk")
            if undone:
                reverse(connection, posted, DAY, "clerk", "mistake")
            items = sum((item.open_amount for item in open_items(connection, customer)), Decimal(0))
            spare = sum((one.open_amount for one in open_credits(connection, [customer])), Decimal(0))
            assert items - spare == balance(connection, customer)
        expected = sum((amount for amount, _, undone in entries if not undone), Decimal(0))
        assert balance(connection, customer) == expected


ITEMS = st.lists(
    st.tuples(st.decimals(min_value=Decimal("0.01"), max_value=Decimal(500), places=2), st.integers(0, 90)),
    min_size=1,
    max_size=8,
    unique_by=lambda item: item[1],
)


@given(ITEMS, st.decimals(min_value=0, max_value=Decimal(2000), places=2), st.randoms())
def test_the_order_in_which_items_are_listed_changes_nothing(items, amount, random):
    listed = [owed_item(n, owed, DAY + timedelta(days=days)) for n, (owed, days) in enumerate(items)]
    shuffled = listed.copy()
    random.shuffle(shuffled)
    first = spread(listed, amount, ORDER)
    assert dict(first) == dict(spread(shuffled, amount, ORDER))
    total = sum((owed for owed, _ in items), Decimal(0))
    assert sum((covered for _, covered in first), Decimal(0)) == min(amount, total)


def test_a_fee_is_covered_after_the_principal_of_its_invoice_in_finland_and_before_it_in_norway():
    owed = Decimal("10.00")
    items = [
        owed_item(1, owed, DAY, invoice_id=7, kind="invoice"),
        owed_item(2, owed, DAY, invoice_id=7, kind="reminder_fee", part=Part.FEE),
    ]
    assert spread(items, Decimal("12.00"), allocations.order_of("EUR")) == [(1, Decimal(10)), (2, Decimal(2))]
    assert spread(items, Decimal("12.00"), allocations.order_of("NOK")) == [(2, Decimal(10)), (1, Decimal(2))]


def test_what_the_payer_names_is_covered_first():
    items = [owed_item(n, Decimal(5), DAY + timedelta(days=n)) for n in (1, 2, 3)]
    assert spread(items, Decimal(7), ORDER, [3]) == [(3, Decimal(5)), (1, Decimal(2))]
