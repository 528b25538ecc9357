from datetime import date
from decimal import Decimal

from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.billing.credits.service import credit
from meterhub.billing.ledger.balances import balance, open_items
from meterhub.billing.payments import checks
from tests.billing.ledger.book import add
from tests.billing.service.town import QUARTER, Town, b1_house


def test_a_credit_note_covers_the_invoice_that_it_returns_before_older_debts(engine):
    town = Town(engine)
    house = b1_house(town)
    town.bill(period=QUARTER)
    number = town.invoice(house).number
    with engine.begin() as connection:
        customer = connection.execute(
            text("SELECT id FROM customer WHERE customer_no = :no"), {"no": house.customer_no}
        ).scalar_one()
        older = add(connection, customer, "10.00", due=date(2024, 1, 1))
        credit(connection, SYSTEM, number, "meter read wrongly", issued_on=date(2025, 5, 1))
        assert [item.entry_id for item in open_items(connection, customer)] == [older]
        assert balance(connection, customer) == Decimal("10.00")
        assert checks.findings(connection) == []
