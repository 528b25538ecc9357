from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from meterhub.access.principal import SYSTEM
from meterhub.billing.ledger.balances import balance, open_credits, open_items
from meterhub.billing.payments.importing import import_file
from meterhub.billing.payments.model import PaymentFileError
from meterhub.billing.receivables.identifiers import make_rf, make_viite
from meterhub.errors import Conflict
from meterhub.settings import Settings, Utility
from tests.billing.ledger.book import add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import camt053, camt054, entry, ktl, ocr, paid, transaction

SETTINGS = Settings()


def bring(engine, data, name="payments.txt", settings=SETTINGS):
    with engine.begin() as connection:
        return import_file(connection, settings, SYSTEM, data, name)


def owed(engine, customer):
    with engine.connect() as connection:
        return balance(connection, customer)


def waiting(engine):
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT why FROM unmatched_payment ORDER BY payment_id")).scalars())


@pytest.fixture
def maija(engine):
    """A customer who owes 100.00 by the reference 1232 and 50.00 by 12344."""
    with engine.begin() as connection:
        customer = add_customer(connection, "Maija Mallinen")
        owes(connection, customer, "100.00", "1232", due=date(2025, 4, 1))
        owes(connection, customer, "50.00", "12344", due=date(2025, 5, 1))
    return customer


def test_a_payment_by_reference_closes_its_item(engine, maija):
    report = bring(engine, ktl(paid("100.00", "1232")))
    assert (report.matched_count, report.matched, report.waiting_count) == (1, Decimal("100.00"), 0)
    assert report.by_rule == {"invoice reference": 1}
    assert owed(engine, maija) == Decimal("50.00")
    with engine.connect() as connection:
        assert [item.reference for item in open_items(connection, maija)] == ["12344"]


def test_the_reference_decides_and_the_rest_goes_to_the_oldest(engine, maija):
    bring(engine, ktl(paid("60.00", "12344")))
    with engine.connect() as connection:
        assert [item.open_amount for item in open_items(connection, maija)] == [Decimal("90.00")]


@pytest.mark.parametrize("reference", ["1232", "0000001232", "RF111232", "rf11 1232", make_rf("1232")])
def test_a_reference_is_known_however_it_is_written(engine, maija, reference):
    report = bring(engine, camt054(entry(paid("100.00", reference))))
    assert report.waiting_count == 0


def test_an_overpayment_stays_as_credit_and_a_part_payment_leaves_the_rest_open(engine, maija):
    bring(engine, ktl(paid("30.00", "1232"), paid("200.00", "1232")))
    assert owed(engine, maija) == Decimal("-80.00")
    with engine.connect() as connection:
        assert [one.open_amount for one in open_credits(connection, [maija])] == [Decimal("80.00")]


def test_importing_a_file_twice_posts_once(engine, maija):
    data = ktl(paid("100.00", "1232"))
    first, second = bring(engine, data), bring(engine, data, "again.txt")
    assert (first.already, second.already) == (False, True)
    assert second.file_id == first.file_id
    assert owed(engine, maija) == Decimal("50.00")


def test_two_imports_of_a_file_at_the_same_time_post_once(engine, maija):
    data = ktl(paid("100.00", "1232"))
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: bring(engine, data), range(4)))
    assert sorted(report.already for report in reports) == [False, True, True, True]
    assert owed(engine, maija) == Decimal("50.00")


def test_a_changed_file_under_a_known_key_is_refused(engine, maija):
    bring(engine, ktl(paid("100.00", "1232")))
    with pytest.raises(Conflict, match="other content"):
        bring(engine, ktl(paid("101.00", "1232")))
    assert owed(engine, maija) == Decimal("50.00")


def test_a_payment_in_a_notification_and_in_a_statement_is_posted_once(engine, maija):
    one = paid("100.00", "1232", archive_id="A1")
    bring(engine, camt054(entry(one)))
    report = bring(engine, camt053(entry(one), entry(paid("50.00", "12344", archive_id="A2"))))
    assert (report.repeated_count, report.repeated, report.matched) == (1, Decimal("100.00"), Decimal("50.00"))
    assert owed(engine, maija) == Decimal("0.00")


def test_a_payment_that_looks_like_one_of_another_format_waits_for_a_clerk(engine, maija):
    bring(engine, ktl(paid("100.00", "1232", archive_id="K1")))
    report = bring(engine, camt054(entry(paid("100.00", "1232", archive_id="OTHER"))))
    assert (report.suspected, report.waiting_count) == (1, 1)
    assert waiting(engine) == ["looks like a payment that is there already"]
    assert owed(engine, maija) == Decimal("50.00")


def test_two_equal_payments_with_two_archive_ids_are_two_payments(engine, maija):
    bring(engine, ktl(paid("10.00", "1232", archive_id="A1"), paid("10.00", "1232", archive_id="A2")))
    bring(engine, ktl(paid("10.00", "1232", archive_id="A3"), time="0700"))
    assert owed(engine, maija) == Decimal("120.00")
    assert waiting(engine) == []


def test_a_broken_file_posts_nothing(engine, maija):
    with pytest.raises(PaymentFileError):
        bring(engine, ktl(paid("100.00", "1232"))[:-200])
    assert owed(engine, maija) == Decimal("150.00")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM payment_file")).scalar_one() == 0


def test_a_file_of_another_account_is_refused_as_a_whole(engine, maija):
    with pytest.raises(PaymentFileError, match="METERHUB_RECEIVABLES__ACCOUNTS"):
        bring(engine, ktl(paid("100.00", "1232"), iban="FI3715903000000776"))
    own = Settings(receivables={"accounts": ["FI37 1590 3000 0007 76"]})
    assert bring(engine, ktl(paid("100.00", "1232"), iban="FI3715903000000776"), settings=own).waiting_count == 0


def test_a_payment_without_any_hint_waits_in_the_queue(engine, maija):
    report = bring(engine, ktl(paid("12.00", "", payer="SOMEBODY")))
    assert (report.waiting_count, report.waiting) == (1, Decimal("12.00"))
    assert waiting(engine) == ["no rule found whose it is"]


def test_a_correction_in_the_same_file_and_in_a_later_one_takes_the_payment_back(engine, maija):
    bring(engine, ktl(paid("100.00", "1232"), paid("100.00", "1232", correction=True, archive_id="X")))
    assert owed(engine, maija) == Decimal("150.00")
    bring(engine, ktl(paid("50.00", "12344", archive_id="B7"), time="0700"))
    bring(engine, ktl(paid("50.00", "12344", archive_id="B7", correction=True), time="0800"))
    assert owed(engine, maija) == Decimal("150.00")
    assert waiting(engine) == []


def test_the_contract_number_as_a_reference_pays_the_oldest_item(engine, maija):
    with engine.begin() as connection:
        connection.execute(
            text(
                "WITH p AS (INSERT INTO property (property_code, street, postal_code, city) VALUES ('1','','','') "
                "RETURNING id), m AS (INSERT INTO metering_point (point_code, property_id, services) "
                "SELECT 'MP1', id, '{water}' FROM p RETURNING id) "
                "INSERT INTO contract (contract_no, customer_id, metering_point_id, valid) "
                "SELECT 'K0070707', :customer, id, daterange('2020-01-01', NULL) FROM m"
            ),
            {"customer": maija},
        )
    report = bring(engine, ktl(paid("100.00", make_viite("70707"))))
    assert report.by_rule == {"contract reference": 1}
    with engine.connect() as connection:
        assert [item.reference for item in open_items(connection, maija)] == ["12344"]


def test_a_reference_typed_into_the_message_is_found(engine, maija):
    bring(engine, camt054(entry(paid("50.00", message="lasku 1 2344 kiitos"))))
    with engine.connect() as connection:
        assert [item.reference for item in open_items(connection, maija)] == ["1232"]


def test_payer_and_amount_decide_only_where_one_customer_fits(engine, maija):
    report = bring(engine, ktl(paid("50.00", "", payer="MALLINEN MAI")))
    assert report.by_rule == {"payer and amount": 1}
    with engine.begin() as connection:
        owes(connection, add_customer(connection, "Mallinen Maiju"), "100.00", "76543216")
    report = bring(engine, ktl(paid("100.00", "", payer="MALLINEN MAI"), time="0700"))
    assert report.waiting_count == 1


def test_one_payment_of_a_named_payer_pays_the_sum_of_all_open_items(engine, maija):
    report = bring(engine, camt054(entry(paid("150.00", payer="Maija Mallinen"))))
    assert report.by_rule == {"payer and amount": 1}
    assert owed(engine, maija) == Decimal("0.00")


def test_several_documents_of_two_customers_in_one_payment_are_told_apart(engine, maija):
    with engine.begin() as connection:
        other = add_customer(connection, "As Oy Malli")
        owes(connection, other, "70.00", "2201001" + "0")
    parts = "".join(
        f"<Strd><RfrdDocAmt><RmtdAmt Ccy='EUR'>{amount}</RmtdAmt></RfrdDocAmt>"
        f"<CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>"
        for reference, amount in (("1232", "100.00"), ("22010010", "70.00"))
    )
    details = transaction(paid("170.00")).replace("<RmtInf></RmtInf>", f"<RmtInf>{parts}</RmtInf>")
    report = bring(engine, camt054(entry(amount="170.00", details=details)))
    assert report.by_rule == {"several documents": 1}
    assert (owed(engine, maija), owed(engine, other)) == (Decimal("50.00"), Decimal("0.00"))


def test_a_norwegian_transmission_is_posted_in_crowns(engine):
    norway = Settings(country="NO", currency="NOK", utility=Utility(iban="NO9386011117947"))
    with engine.begin() as connection:
        customer = add_customer(connection, "Ola Nordmann")
        owes(connection, customer, "328.13", "20260004179", currency="NOK")
    report = bring(engine, ocr(paid("328.13", "20260004179"), other_service=True), settings=norway)
    assert (report.matched_count, len(report.skipped)) == (1, 1)
    assert owed(engine, customer) == Decimal("0.00")


def test_money_in_another_currency_waits_for_a_clerk(engine, maija):
    report = bring(engine, camt054(entry(paid("100.00", "1232"), currency="SEK")))
    assert report.waiting_count == 1
    assert "SEK" in waiting(engine)[0]


REFERENCES = st.sampled_from(["1232", "12344", "", "202413"])
PAYMENTS = st.lists(
    st.tuples(st.decimals(min_value=Decimal("0.01"), max_value=Decimal(250), places=2), REFERENCES, st.booleans()),
    max_size=8,
)


@given(PAYMENTS, st.integers(0, 3))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_posted_and_what_waits_is_always_the_control_total(engine, payments, again):
    with engine.begin() as connection:
        start = connection.execute(text("SELECT count(*) FROM payment_file")).scalar_one()
        customer = add_customer(connection)
        connection.execute(text("DELETE FROM opening_item"))
        owes(connection, customer, "100.00", "1232")
        owes(connection, customer, "50.00", "12344")
    listed = [
        paid(str(amount), reference, correction=back, archive_id=f"{start}-{n}")
        for n, (amount, reference, back) in enumerate(payments)
    ]
    data = ktl(
        *listed, day=date(2026, 1, 1 + start % 28), time=f"{start // 28 % 24:02d}{start % 60:02d}",
    )  # fmt: skip
    report = bring(engine, data)
    for _ in range(again):
        assert bring(engine, data).already
    assert report.matched + report.waiting + report.repeated == report.total
    with engine.connect() as connection:
        items = sum((item.open_amount for item in open_items(connection, customer)), Decimal(0))
        spare = sum((one.open_amount for one in open_credits(connection, [customer])), Decimal(0))
        assert items - spare == balance(connection, customer)


def test_a_large_file_takes_as_few_statements_as_a_small_one(engine, maija):
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    bring(engine, ktl(*[paid("0.01", "1232") for _ in range(300)]))
    few = len(statements)
    bring(engine, ktl(*[paid("0.01", "1232", archive_id=f"Z{n}") for n in range(900)], time="0700"))
    assert len(statements) - few == few
