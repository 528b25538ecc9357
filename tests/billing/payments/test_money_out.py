import re
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from meterhub.access.principal import SYSTEM, Principal
from meterhub.billing.ledger import plans, stops
from meterhub.billing.ledger.allocations import set_off
from meterhub.billing.ledger.balances import balance, open_credits, open_items
from meterhub.billing.payments import checks, pain001, refunding, writing_off
from meterhub.billing.payments.importing import import_file
from meterhub.billing.payments.opening import import_opening
from meterhub.errors import BadInput, Conflict, NotAllowed, NotFound
from meterhub.settings import Settings
from tests.billing.ledger.book import add, add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import camt053, entry, ktl, paid, transaction

SETTINGS = Settings()
DAY = date(2025, 5, 2)
NOW = datetime(2025, 5, 2, 9, 0, tzinfo=UTC)
IBAN = "FI37 1590 3000 0007 76"


def person(name):
    return Principal(name=name, roles=SYSTEM.roles, permissions=SYSTEM.permissions)


ANNA, BERIT, CARL = person("anna"), person("berit"), person("carl")


@pytest.fixture
def maija(engine):
    """A customer with a credit of 80.00."""
    with engine.begin() as connection:
        customer = add_customer(connection, "Maija Mallinen", "M")
        add(connection, customer, "-80.00", "payment")
    yield customer
    with engine.connect() as connection:
        assert checks.findings(connection) == []


def proposed(connection, **more):
    return refunding.propose(connection, SETTINGS, ANNA, "M", IBAN, "moved out", **more)


def sent(connection, **more):
    refund = proposed(connection, **more)
    refunding.approve(connection, BERIT, refund, DAY)
    refunding.approve(connection, CARL, refund, DAY)
    return refund, refunding.export(connection, SETTINGS, ANNA, DAY, NOW)


def test_a_refund_needs_two_other_people(engine, maija):
    with engine.begin() as connection:
        refund = proposed(connection)
        with pytest.raises(NotAllowed, match="two other people"):
            refunding.approve(connection, ANNA, refund, DAY)
        assert refunding.approve(connection, BERIT, refund, DAY) == "proposed"
        with pytest.raises(Conflict, match="another person"):
            refunding.approve(connection, BERIT, refund, DAY)
        assert balance(connection, maija) == Decimal("-80.00")
        assert refunding.approve(connection, CARL, refund, DAY) == "approved"
        assert balance(connection, maija) == Decimal("0.00")
        assert open_credits(connection, [maija]) == []


def test_the_file_for_the_bank_is_valid_and_written_once(engine, maija):
    with engine.begin() as connection:
        _, (file_id, content) = sent(connection)
        with pytest.raises(Conflict, match="no approved refund"):
            refunding.export(connection, SETTINGS, ANNA, DAY, NOW)
        assert refunding.file_content(connection, ANNA, file_id)[1] == content
    schema = resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
    validator = etree.XMLSchema(etree.fromstring(schema.read_bytes()))
    document = etree.fromstring(content)
    validator.assertValid(document)
    found = dict(re.findall(r"<(EndToEndId|InstdAmt|CtrlSum|IBAN)[^>]*>([^<]+)", content.decode()))
    assert found["InstdAmt"] == found["CtrlSum"] == "80.00"
    assert found["EndToEndId"].startswith("REFUND-")
    assert found["IBAN"] == "FI3715903000000776"


@given(
    st.lists(st.tuples(st.decimals("0.01", "99999.99", places=2), st.text(max_size=90)), min_size=1, max_size=5)
)
def test_every_file_of_refunds_is_valid_and_its_sums_agree(refunds):
    transfers = [
        pain001.Transfer(
            f"REFUND-{n}", amount, "EUR", refunding._printable(name) or "X", "FI3715903000000776", f"refund {n}"
        )
        for n, (amount, name) in enumerate(refunds)
    ]
    debtor = pain001.Debtor("Example", "FI2112345600000785", "NDEAFIHH")
    content = pain001.write(debtor, transfers, "M-1", NOW, DAY)
    schema = resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
    etree.XMLSchema(etree.fromstring(schema.read_bytes())).assertValid(etree.fromstring(content))
    assert f"<CtrlSum>{sum(amount for amount, _ in refunds)}</CtrlSum>" in content.decode()
    assert content == pain001.write(debtor, transfers, "M-1", NOW, DAY)


def test_a_refund_that_the_bank_returns_is_credit_again(engine, maija):
    with engine.begin() as connection:
        refund, _ = sent(connection)
        details = transaction(paid("80.00")).replace("NOTPROVIDED", refunding.end_to_end_id(refund))
        report = import_file(
            connection, SETTINGS, SYSTEM, camt053(entry(amount="80.00", details=details, reversal=True)), "s"
        )
        assert report.by_rule == {"returned refund": 1}
        assert balance(connection, maija) == Decimal("-80.00")
        assert refunding.refund_by_id(connection, refund).state == "returned"


def test_a_rejected_refund_leaves_the_credit_where_it_was(engine, maija):
    with engine.begin() as connection:
        refund = proposed(connection, amount=Decimal("30.00"))
        refunding.approve(connection, BERIT, refund, DAY)
        refunding.approve(connection, CARL, refund, DAY)
        refunding.reject(connection, ANNA, refund, "wrong account", DAY)
        assert balance(connection, maija) == Decimal("-80.00")
        assert [one.open_amount for one in open_credits(connection, [maija])] == [Decimal("80.00")]
        events = refunding.refund_by_id(connection, refund).events
        assert [event["what"] for event in events] == ["proposed", "approved", "approved", "rejected"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"amount": Decimal("80.01")}, Conflict),
        ({"amount": Decimal("4.99")}, Conflict),
        ({"amount": Decimal(0)}, Conflict),
    ],
)
def test_more_than_the_credit_or_under_the_minimum_is_not_paid_back(engine, maija, more, error):
    with engine.begin() as connection:
        with pytest.raises(error):
            proposed(connection, **more)
        proposed(connection, amount=Decimal("4.99"), final=True)
        with pytest.raises(Conflict, match="waits for approval"):
            proposed(connection)


def test_an_iban_with_a_wrong_digit_is_refused(engine, maija):
    with pytest.raises(BadInput, match="IBAN"), engine.begin() as connection:
        refunding.propose(connection, SETTINGS, ANNA, "M", "FI3715903000000777", "x")


def test_credit_that_a_bill_has_used_up_cannot_be_paid_back_any_more(engine, maija):
    with engine.begin() as connection:
        refund = proposed(connection)
        refunding.approve(connection, BERIT, refund, DAY)
        add(connection, maija, "30.00")
        set_off(connection, [maija], "billing")
        with pytest.raises(Conflict, match=r"50\.00"):
            refunding.approve(connection, CARL, refund, DAY)


def test_a_small_debt_is_written_off_by_one_and_a_larger_one_by_two(engine, maija):
    with engine.begin() as connection:
        small = owes(connection, maija, "4.00", "1232")
        large = owes(connection, maija, "25.00", "12344")
        assert writing_off.propose(connection, SETTINGS, ANNA, small, "too small", DAY).state == "posted"
        waiting = writing_off.propose(connection, SETTINGS, ANNA, large, "estate is empty", DAY)
        assert waiting.state == "proposed"
        with pytest.raises(NotAllowed):
            writing_off.approve(connection, ANNA, waiting.id, DAY)
        assert writing_off.approve(connection, BERIT, waiting.id, DAY).state == "posted"
        assert open_items(connection, maija) == []
        writing_off.undo(connection, BERIT, waiting.id, "they paid", DAY)
        assert [item.open_amount for item in open_items(connection, maija)] == [Decimal("25.00")]


def test_a_large_debt_cannot_be_written_off_alone_in_small_pieces(engine, maija):
    with engine.begin() as connection:
        debt = owes(connection, maija, "25.00", "12344")
        states = [
            writing_off.propose(connection, SETTINGS, ANNA, debt, "a bit", DAY, Decimal("6.00")).state
            for _ in range(2)
        ]
        assert states == ["posted", "proposed"]


def opening(*lines):
    return "\n".join(["customer_no;number;amount;due_on;reference;text", *lines]).encode()


def test_opening_items_are_imported_once_and_paid_by_their_old_reference(engine, maija):
    data = opening("M;A-1;100,00;2025-01-31;1232;", "M;A-2;-10.00;2025-01-31;;credit")
    with engine.begin() as connection:
        first = import_opening(connection, SETTINGS, ANNA, data, DAY)
        assert (first.items, first.debts, first.credits, first.already) == (
            2, Decimal("100.00"), Decimal("10.00"), False,
        )  # fmt: skip
        assert import_opening(connection, SETTINGS, ANNA, data, DAY).already
        assert balance(connection, maija) == Decimal("10.00")
        with pytest.raises(Conflict, match="A-1"):
            import_opening(connection, SETTINGS, ANNA, opening("M;A-1;5;2025-01-31;;"), DAY)
        import_file(connection, SETTINGS, SYSTEM, ktl(paid("10.00", "1232")), "k")
        assert balance(connection, maija) == Decimal("0.00")


def test_an_opening_item_with_a_line_break_in_its_number_is_refused(engine, maija):
    with engine.begin() as connection, pytest.raises(BadInput, match="number holds a line break"):
        import_opening(connection, SETTINGS, ANNA, opening('M;"A-1\nBcc: x";5;2025-01-31;;'), DAY)


def test_every_fault_of_an_opening_file_is_told_with_its_line(engine, maija):
    amounts = [
        "A-1;x;2025-01-31",
        "A-2;1.00;31.1.2025",
        "A-3;0;2025-01-31",
        "A-4;1;2025-01-31",
        "A-4;1;2025-01-31",
    ]
    data = opening(*[f"M;{one};;" for one in amounts], ";A-5;1;2025-01-31;;", "M;A-6;NaN;2025-01-31;;")
    with pytest.raises(BadInput) as caught, engine.begin() as connection:
        import_opening(connection, SETTINGS, ANNA, data, DAY)
    assert list(caught.value.fields) == ["line 2", "line 3", "line 4", "line 6", "line 7", "line 8"]
    with pytest.raises(BadInput, match="no customer 'X'"), engine.begin() as connection:
        import_opening(connection, SETTINGS, ANNA, opening("X;A-1;1;2025-01-31;;"), DAY)
    with pytest.raises(BadInput, match="columns"), engine.begin() as connection:
        import_opening(connection, SETTINGS, ANNA, b"a;b\n1;2", DAY)


def test_items_of_a_payment_plan_are_not_reminded_of_while_it_is_kept(engine, maija):
    with engine.begin() as connection:
        set_off(connection, [maija], "clerk")
        debt = owes(connection, maija, "90.00", "1232")
        days = [date(2025, 6, 1), date(2025, 7, 1), date(2025, 8, 1)]
        plan = plans.agree(connection, ANNA, maija, [debt], plans.even_instalments(Decimal("90.00"), days), DAY)
        assert stops.stopped_entries(connection, [debt], date(2025, 6, 1)) == {debt: "payment_plan"}
        assert stops.stopped_entries(connection, [debt], date(2025, 6, 2)) == {}
        import_file(connection, SETTINGS, SYSTEM, ktl(paid("30.00", "1232")), "k")
        assert stops.stopped_entries(connection, [debt], date(2025, 6, 2)) == {debt: "payment_plan"}
        assert stops.stopped_entries(connection, [debt], date(2025, 7, 2)) == {}
        [row] = plans.plans_of(connection, maija, date(2025, 7, 2))
        assert (row.paid, row.behind) == (Decimal("30.00"), Decimal("30.00"))
        with pytest.raises(Conflict, match="end it first"):
            plans.agree(connection, ANNA, maija, [debt], [plans.Instalment(days[0], Decimal("60.00"))], DAY)
        plans.end(connection, ANNA, plan, date(2025, 6, 2))
        assert stops.stopped_entries(connection, [debt], date(2025, 6, 2)) == {}


@pytest.mark.parametrize(
    ("instalments", "error"),
    [
        ([plans.Instalment(date(2025, 6, 1), Decimal("89.99"))], BadInput),
        ([], BadInput),
        ([plans.Instalment(date(2025, 5, 1), Decimal("90.00"))], BadInput),
        ([plans.Instalment(date(2025, 6, 1), Decimal("45.00"))] * 2, BadInput),
    ],
)
def test_a_plan_that_does_not_come_to_its_items_is_refused(engine, maija, instalments, error):
    with engine.begin() as connection:
        debt = owes(connection, maija, "90.00", "1232")
        with pytest.raises(error):
            plans.agree(connection, ANNA, maija, [debt], instalments, DAY)
        with pytest.raises(NotFound):
            plans.agree(connection, ANNA, maija, [10**9], [plans.Instalment(DAY, Decimal(1))], DAY)


@given(st.decimals("0.10", "10000", places=2), st.integers(1, 12))
def test_even_instalments_come_to_the_sum_and_differ_by_a_cent_at_most(total, count):
    parts = [one.amount for one in plans.even_instalments(total, [date(2025, 1, 1 + n) for n in range(count)])]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= Decimal("0.01")


def test_the_stop_list_names_an_account_or_one_debt_of_it(engine, maija):
    with engine.begin() as connection:
        one, two = owes(connection, maija, "90.00", "1232"), owes(connection, maija, "10.00", "12344")
        dispute = stops.add_stop(connection, ANNA, maija, "dispute", DAY, entry_id=one)
        assert stops.stopped_entries(connection, [one, two], DAY) == {one: "dispute"}
        stops.add_stop(connection, ANNA, maija, "death", DAY, valid_to=date(2025, 6, 1))
        assert stops.stopped_entries(connection, [two], date(2025, 5, 31)) == {two: "death"}
        assert stops.stopped_entries(connection, [two], date(2025, 6, 1)) == {}
        stops.end_stop(connection, ANNA, dispute, date(2025, 6, 1))
        assert stops.stopped_entries(connection, [one], date(2025, 6, 1)) == {}
        with pytest.raises(NotFound):
            stops.add_stop(connection, ANNA, maija, "dispute", DAY, entry_id=10**9)
        with pytest.raises(BadInput):
            stops.add_stop(connection, ANNA, maija, "mood", DAY)
