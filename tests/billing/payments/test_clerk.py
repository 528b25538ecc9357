import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.billing.ledger.balances import balance, open_items
from meterhub.billing.payments import checks, clerk, repository
from meterhub.billing.payments.clerk import Wanted
from meterhub.billing.payments.importing import import_file
from meterhub.billing.payments.suggestions import suggest
from meterhub.errors import Conflict, NotFound
from meterhub.settings import Settings
from tests.billing.ledger.book import add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import camt054, entry, ktl, paid

SETTINGS = Settings()
DAY = date(2025, 5, 2)


@pytest.fixture
def book(engine):
    """Maija owes 100.00 and 50.00, Pekka 70.00; a payment of 120.00 without a hint waits."""
    with engine.begin() as connection:
        maija = add_customer(connection, "Maija Mallinen", "M")
        pekka = add_customer(connection, "Pekka Pumppu", "P")
        owes(connection, maija, "100.00", "1232", due=date(2025, 4, 1))
        owes(connection, maija, "50.00", "12344", due=date(2025, 5, 1))
        owes(connection, pekka, "70.00", "76543216")
        import_file(connection, SETTINGS, SYSTEM, ktl(paid("120.00", "", payer="NOBODY")), "x")
        [row] = repository.unmatched(connection, after_id=None, limit=10)
    yield maija, pekka, row.id
    with engine.connect() as connection:
        assert checks.findings(connection) == []


def queued(connection):
    return [(row.id, row.why) for row in repository.unmatched(connection, after_id=None, limit=10)]


def test_a_preview_tells_what_a_match_would_do_and_keeps_nothing(engine, book):
    maija, _, payment = book
    with engine.begin() as connection:
        with clerk.rolled_back(connection):
            [one] = clerk.match_by_hand(connection, SETTINGS, SYSTEM, payment, [Wanted("M")])
        assert [(covered.amount, covered.open_after) for covered in one.covered] == [
            (Decimal("100.00"), Decimal("0.00")),
            (Decimal("20.00"), Decimal("30.00")),
        ]
        assert (one.balance_before, one.balance_after, one.credit) == (
            Decimal("150.00"),
            Decimal("30.00"),
            Decimal("0.00"),
        )
        assert balance(connection, maija) == Decimal("150.00")
        assert [found for found, _ in queued(connection)] == [payment]


def test_a_match_of_a_clerk_posts_and_leaves_the_queue_and_an_undo_brings_it_back(engine, book):
    maija, _, payment = book
    with engine.begin() as connection:
        second = open_items(connection, maija)[1].entry_id
        clerk.match_by_hand(connection, SETTINGS, SYSTEM, payment, [Wanted("M", entries=(second,))])
        assert [item.open_amount for item in open_items(connection, maija)] == [Decimal("30.00")]
        assert queued(connection) == []
    with engine.begin() as connection:
        clerk.undo(connection, SYSTEM, payment, "wrong Maija", DAY)
        assert balance(connection, maija) == Decimal("150.00")
        [(found, why)] = queued(connection)
        assert (found, "wrong Maija" in why) == (payment, True)
    with pytest.raises(Conflict), engine.begin() as connection:
        clerk.undo(connection, SYSTEM, payment, "again", DAY)


def test_a_payment_is_split_and_what_is_left_waits_on(engine, book):
    maija, pekka, payment = book
    with engine.begin() as connection:
        clerk.match_by_hand(
            connection, SETTINGS, SYSTEM, payment, [Wanted("M", Decimal("30.00")), Wanted("P", Decimal("70.00"))]
        )
        assert (balance(connection, maija), balance(connection, pekka)) == (Decimal("120.00"), Decimal("0.00"))
        assert clerk.find(connection, payment).posted == Decimal("100.00")
        assert [found for found, _ in queued(connection)] == [payment]
        clerk.match_by_hand(connection, SETTINGS, SYSTEM, payment, [Wanted("M")])
        assert balance(connection, maija) == Decimal("100.00")
        assert queued(connection) == []


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ([Wanted("M", Decimal("120.01"))], Conflict),
        ([Wanted("M", Decimal("60.00")), Wanted("P", Decimal("60.01"))], Conflict),
        ([Wanted("M", Decimal(0))], Conflict),
        ([Wanted("X")], NotFound),
        ([], NotFound),
        ([Wanted("M", entries=(10**9,))], NotFound),
    ],
)
def test_a_match_that_cannot_be_is_refused(engine, book, wanted, error):
    with pytest.raises(error), engine.begin() as connection:
        clerk.match_by_hand(connection, SETTINGS, SYSTEM, book[2], wanted)


def test_a_payment_is_set_aside_and_taken_up_again(engine, book):
    payment = book[2]
    with engine.begin() as connection:
        clerk.set_aside(connection, SYSTEM, payment, "not ours")
        assert queued(connection) == []
        clerk.take_up(connection, SYSTEM, payment)
        assert [found for found, _ in queued(connection)] == [payment]
        with pytest.raises(Conflict):
            clerk.take_up(connection, SYSTEM, payment)


def test_a_payment_entered_by_hand_is_matched_like_any_other(engine, book):
    maija = book[0]
    with engine.begin() as connection:
        values = {"amount": Decimal("100.00"), "booked_on": DAY, "paid_on": DAY}
        clerk.enter(connection, SETTINGS, SYSTEM, reference="RF111232", **values)
        assert balance(connection, maija) == Decimal("50.00")
        clerk.enter(connection, SETTINGS, SYSTEM, reference="1232", **values)
        assert balance(connection, maija) == Decimal("50.00")
        assert queued(connection)[-1][1] == "looks like a payment that is there already"


def test_suggestions_name_amounts_names_and_references_one_digit_away(engine, book):
    with engine.begin() as connection:
        data = camt054(
            entry(paid("70.00", payer="Somebody Else")),
            entry(paid("5.00", payer="Mallinen Maija")),
            entry(paid("5.00", "12324", payer="Somebody Else")),
        )
        import_file(connection, SETTINGS, SYSTEM, data, "y")
        rows = repository.unmatched(connection, after_id=book[2], limit=10)
        amount, name, reference = [suggest(connection, row) for row in rows]
    assert [(one.customer_no, one.why) for one in amount] == [
        ("P", (f"{amount[0].number} is open with exactly this amount", "all open items come to this amount"))
    ]
    assert [(one.customer_no, one.why) for one in name] == [("M", ("the payer has the customer's name",))]
    assert [(one.customer_no, one.why) for one in reference] == [("M", ("reference 12344 is one digit away",))]


def test_a_reversal_that_no_rule_places_is_placed_by_a_clerk(engine, book):
    maija = book[0]
    with engine.begin() as connection:
        import_file(connection, SETTINGS, SYSTEM, ktl(paid("100.00", "1232", archive_id="A"), time="0700"), "a")
        import_file(
            connection,
            SETTINGS,
            SYSTEM,
            ktl(paid("100.00", "", archive_id="B", correction=True, payer=""), time="0800"),
            "b",
        )
        original = connection.execute(text("SELECT id FROM payment WHERE bank_id = 'A'")).scalar_one()
        reversal = queued(connection)[-1][0]
        clerk.match_reversal(connection, SYSTEM, reversal, original)
        assert balance(connection, maija) == Decimal("150.00")
        assert [found for found, _ in queued(connection)] == [book[2]]
        with pytest.raises(Conflict):
            clerk.undo(connection, SYSTEM, original, "again", DAY)


def test_two_clerks_who_match_a_payment_at_the_same_time_post_it_once(engine, book):
    maija, _, payment = book

    def match(_):
        try:
            with engine.begin() as connection:
                clerk.match_by_hand(connection, SETTINGS, SYSTEM, payment, [Wanted("M")])
                time.sleep(0.2)
        except Conflict:
            return "refused"
        return "posted"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(match, range(3))) == ["posted", "refused", "refused"]
    with engine.begin() as connection:
        assert balance(connection, maija) == Decimal("30.00")


def test_two_clerks_who_undo_a_payment_at_the_same_time_undo_it_once(engine, book):
    maija, _, payment = book
    with engine.begin() as connection:
        clerk.match_by_hand(connection, SETTINGS, SYSTEM, payment, [Wanted("M")])

    def undo(_):
        try:
            with engine.begin() as connection:
                clerk.undo(connection, SYSTEM, payment, "wrong", DAY)
                time.sleep(0.2)
        except Conflict:
            return "refused"
        return "undone"

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(undo, range(3))) == ["refused", "refused", "undone"]
    with engine.begin() as connection:
        assert balance(connection, maija) == Decimal("150.00")
