"""The audit of what was issued finds nothing where all is well, and each kind of fault where it is not."""

import json
from datetime import date

import pytest
from typer.testing import CliRunner

from meterhub.access.principal import SYSTEM
from meterhub.billing import audit
from meterhub.billing.credits import service
from meterhub.cli import app
from tests.billing.service.town import at, b1_house


def faults(town):
    with town.engine.connect() as connection:
        found = [fault for step in audit.check_documents(connection) for fault in step.faults]
        for check in audit.CHECKS:
            found += check(connection)
    return found


def tamper(town, table, query):
    town.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    town.execute(query)


@pytest.fixture
def billed(town):
    house = b1_house(town)
    town.read(house.meter_id, (at(date(2025, 7, 1)), "1080.000"))
    town.bill()
    town.bill(period=(date(2025, 4, 1), date(2025, 7, 1)), issued_on=date(2025, 7, 2))
    return town


def test_documents_that_nobody_touched_have_no_fault(billed):
    assert faults(billed) == []


@pytest.mark.parametrize(
    ("table", "query", "code"),
    [
        ("invoice_line", "UPDATE invoice_line SET net = net + 0.01 WHERE position = 1", "document_differs"),
        ("invoice_vat", "UPDATE invoice_vat SET vat = vat + 0.01", "document_differs"),
        ("invoice_line", "UPDATE invoice_line SET unit = 'LTR' WHERE position = 1", "recomputes_otherwise"),
        (
            "invoice",
            "UPDATE invoice SET snapshot = jsonb_set(snapshot, '{installations,0,reads,1,volume_ml}', '1043e6')",
            "recomputes_otherwise",
        ),
        ("invoice", "UPDATE invoice SET snapshot = snapshot - 'installations'", "inputs_unusable"),
        ("invoice", "UPDATE invoice SET number = '2025-000009' WHERE number = '2025-000002'", "numbers_with_gaps"),
        (
            "invoice",
            "UPDATE invoice SET period = daterange('2025-03-31', '2025-07-01') WHERE number = '2025-000002'",
            "billed_twice",
        ),
        (
            "invoice",
            "UPDATE invoice SET period = daterange('2025-04-03', '2025-07-01') WHERE number = '2025-000002'",
            "days_left_out",
        ),
        ("invoice", "UPDATE invoice SET reference = '12344' WHERE number = '2025-000002'", "document_differs"),
        ("invoice", "UPDATE invoice SET due_on = due_on + 30 WHERE number = '2025-000002'", "head_differs"),
        ("invoice", "UPDATE invoice SET currency = 'NOK' WHERE number = '2025-000002'", "head_differs"),
        (
            "invoice",
            "UPDATE invoice SET snapshot = jsonb_set(snapshot, '{customer,customer_no}', '\"X\"')",
            "head_differs",
        ),
        ("ledger_entry", "UPDATE ledger_entry SET due_on = due_on + 30", "head_differs"),
        (
            "billing_frozen",
            "UPDATE billing_frozen SET content = jsonb_set(content, '{seller,iban}', '\"FI00\"')",
            "frozen_differs",
        ),
    ],
)
def test_a_fault_is_found_and_named(billed, table, query, code):
    tamper(billed, table, query)
    assert code in {fault.code for fault in faults(billed)}


def test_lines_that_a_credit_note_returned_are_kept_twice_and_compared(billed):
    with billed.engine.begin() as connection:
        service.credit(connection, SYSTEM, "2025-000001", "read wrongly", [1], issued_on=date(2025, 7, 3))
    assert faults(billed) == []
    tamper(billed, "credit_line", "UPDATE credit_line SET position = 2")
    assert [fault.code for fault in faults(billed)] == ["head_differs"]


def test_the_command_tells_by_its_exit_code(billed, database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    good = CliRunner().invoke(app, ["bill", "audit", "--json"])
    assert (good.exit_code, json.loads(good.stdout)) == (0, {"documents": 2, "faults": []})
    tamper(billed, "invoice_line", "UPDATE invoice_line SET net = net + 0.01 WHERE position = 1")
    bad = CliRunner().invoke(app, ["bill", "audit"])
    assert bad.exit_code == 1
    assert "document_differs  invoice:2025-000001" in bad.stdout
