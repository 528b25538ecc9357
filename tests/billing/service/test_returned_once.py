"""What a true-up has returned is not returned once more by a credit note, and a cancelled run leaves nothing."""

from datetime import date
from decimal import Decimal

import pytest

from meterhub.access.principal import SYSTEM
from meterhub.billing.credits import service
from meterhub.billing.runs import execution, life
from meterhub.errors import Conflict
from tests.billing.service.test_regimes import bill, documents, estimated
from tests.billing.service.town import OTHER, at, b1_house, settings

FIRST, SECOND, THIRD = date(2025, 1, 1), date(2025, 4, 1), date(2025, 7, 1)


@pytest.fixture
def estimate(town):
    """A house whose first quarter is billed on an estimate, and which is read at the end of the second."""
    house = estimated(town, town.house((at(FIRST), "100.000")))
    bill(town, FIRST, SECOND)
    town.read(house.meter_id, (at(THIRD), "150.000", "utility"))
    return house


def credit(town, number, lines=None):
    with town.engine.begin() as connection:
        return service.credit(connection, SYSTEM, number, "read wrongly", lines, issued_on=date(2025, 7, 20))


def volumes(town, house):
    query = "SELECT coalesce(sum(l.quantity), 0) FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id "
    return town.scalar(query + "WHERE i.contract_id = :id AND l.component = 'WATER'", id=house.contract_id)


def test_a_credit_note_leaves_out_the_lines_that_a_true_up_has_returned(town, estimate):
    bill(town, SECOND, THIRD)
    first, true_up = documents(town, estimate)
    with pytest.raises(Conflict, match=true_up):
        credit(town, first, [1])
    credit(town, first)
    assert volumes(town, estimate) == Decimal("50.000")
    with pytest.raises(Conflict, match="all lines"):
        credit(town, first)


def test_when_the_true_up_is_credited_its_estimates_can_be_credited_too(town, estimate):
    bill(town, SECOND, THIRD)
    first, true_up = documents(town, estimate)
    credit(town, true_up)
    credit(town, first)
    assert volumes(town, estimate) == 0
    assert town.scalar("SELECT sum(gross) FROM invoice") == 0


def test_a_draft_that_returns_what_a_credit_note_returned_meanwhile_is_held_and_calculated_again(town, estimate):
    run_id = town.start_run(period=(SECOND, THIRD), issued_on=THIRD)
    execution.carry_out(town.engine, settings(), run_id)
    [first] = documents(town, estimate)
    note = credit(town, first).number
    town.issue(run_id)
    with town.engine.connect() as connection:
        [hold] = life.run_detail(connection, run_id).holds
    assert (hold.code, first in hold.message) == ("credited_meanwhile", True)
    assert documents(town, estimate) == [first, note]
    with town.engine.begin() as connection:
        life.resume_run(connection, SYSTEM, run_id)
    town.carry(run_id)
    last = town.invoice(estimate)
    assert not [line for line in last.lines if line.refers_to]


def test_a_run_that_is_cancelled_before_its_worker_begins_leaves_no_drafts(town):
    b1_house(town)
    run_id = town.start_run()
    with town.engine.begin() as connection:
        life.cancel(connection, OTHER, run_id)
    execution.calculate(town.engine, settings(), run_id)
    assert town.scalar("SELECT count(*) FROM billing_draft") == 0
    town.bill()
    assert town.scalar("SELECT count(*) FROM invoice") == 1
