import csv
from collections import defaultdict
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from sqlalchemy import text

from meterhub.access.principal import SYSTEM
from meterhub.billing.payments import accounting, checks, writing_off
from meterhub.billing.payments.accounting import Row, balanced
from meterhub.billing.payments.importing import import_file
from meterhub.errors import Conflict
from meterhub.settings import Accounting, Settings
from tests.billing.payments.bank import ktl, paid
from tests.billing.service.town import QUARTER, Town, b1_house

SETTINGS = Settings(accounting=Accounting(vat={"25.5": "2939"}, components={"WATER": "3010"}))
DAY = date(2025, 5, 2)


@pytest.fixture
def billed(engine):
    """Worked bill B1 issued on 2025-04-10, and a payment of 200.00 with its reference."""
    town = Town(engine)
    house = b1_house(town)
    town.bill(period=QUARTER)
    invoice = town.invoice(house)
    with engine.begin() as connection:
        import_file(connection, SETTINGS, SYSTEM, ktl(paid("200.00", invoice.reference), paid("7.00")), "k")
    return invoice


def rows_of(export):
    return list(csv.DictReader(StringIO(export.content), delimiter=";"))


def sums(rows):
    result = defaultdict(Decimal)
    for row in rows:
        result[row["account"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    return dict(result)


def test_an_export_has_every_voucher_balanced_by_ledger_account(engine, billed):
    with engine.begin() as connection:
        export = accounting.export(connection, SETTINGS, SYSTEM, date(2025, 5, 31))
    rows = rows_of(export)
    assert sums(rows) == {
        "1700": Decimal("35.97"), "1910": Decimal("207.00"), "2890": Decimal("-7.00"), "2939": Decimal("-47.95"),
        "3000": Decimal("-127.54"), "3010": Decimal("-60.48"),
    }  # fmt: skip
    by_voucher = defaultdict(Decimal)
    for row in rows:
        by_voucher[row["day"], row["voucher"]] += Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
    assert set(by_voucher.values()) == {Decimal(0)}
    assert export.rows == len(rows)
    assert export.debit == export.credit == sum(Decimal(row["debit"] or 0) for row in rows)


def test_what_was_exported_is_not_exported_again_unless_asked_for(engine, billed):
    with engine.begin() as connection:
        first = accounting.export(connection, SETTINGS, SYSTEM, date(2025, 4, 15))
        assert {row["voucher"] for row in rows_of(first)} == {billed.number}
        second = accounting.export(connection, SETTINGS, SYSTEM, date(2025, 5, 31))
        assert billed.number not in {row["voucher"] for row in rows_of(second)}
    with pytest.raises(Conflict, match="already"), engine.begin() as connection:
        accounting.export(connection, SETTINGS, SYSTEM, date(2025, 5, 31))
    with engine.begin() as connection:
        assert accounting.again(connection, SYSTEM, first.export_id) == first
        assert [row.id for row in accounting.exports(connection, before_id=None, limit=5)] == [
            second.export_id, first.export_id,
        ]  # fmt: skip


def test_a_write_off_and_its_undoing_meet_on_the_same_account(engine, billed):
    with engine.begin() as connection:
        entry = connection.execute(text("SELECT id FROM ledger_entry WHERE kind = 'invoice'")).scalar_one()
        row = writing_off.propose(connection, SETTINGS, SYSTEM, entry, "small", DAY, Decimal("5.00"))
        writing_off.undo(connection, SYSTEM, row.id, "mistake", DAY)
        export = accounting.export(connection, SETTINGS, SYSTEM, date(2025, 5, 31))
        assert sums(rows_of(export))["8690"] == Decimal(0)
        assert checks.findings(connection) == []


def test_a_voucher_that_does_not_balance_stops_the_export():
    row = Row(DAY, "V", "1700", Decimal("1.00"), "EUR", "x")
    with pytest.raises(AssertionError, match="V of 2025-05-02 by 1"):
        balanced([row])


def test_findings_name_what_is_off(engine, billed):
    with engine.connect() as connection:
        connection.execute(
            text("SET session_replication_role = replica")
        )  # past the triggers, as a damage would be
        connection.execute(text("UPDATE ledger_entry SET amount = amount + 1 WHERE kind = 'invoice'"))
        connection.execute(text("DELETE FROM unmatched_payment"))
        connection.execute(text("UPDATE payment SET amount = amount + 1 WHERE amount = 200"))
        found = {(one.code, one.subject.split(":")[0]) for one in checks.findings(connection)}
        connection.rollback()
    assert found == {
        ("document-not-posted", "invoice"),
        ("payment-lost", "payment"),
        ("file-total-differs", "payment-file"),
    }
