"""A document that was returned is as if it had never been, whether by one credit note or by several."""

from datetime import date

import pytest

from meterhub.access.principal import SYSTEM
from meterhub.billing import audit
from meterhub.billing.credits import service
from meterhub.billing.runs import repository
from meterhub.kit.periods import DateRange
from tests.billing.service.test_regimes import estimated
from tests.billing.service.town import QUARTER, at, b1_house

ON = date(2025, 4, 20)
AGAIN = {"kind": "contracts", "billing_group": None, "issued_on": date(2025, 5, 2)}


def give_back(town, house, *parts):
    number = town.invoice(house).number
    for lines in parts:
        with town.engine.begin() as connection:
            service.credit(connection, SYSTEM, number, "read wrongly", lines, issued_on=ON)


def bill_again(town, house, **changes):
    return town.bill(contracts=[house.contract_no], **AGAIN | changes)


def gaps(town):
    with town.engine.connect() as connection:
        return [row.starts for row in repository.gaps(connection, DateRange(*QUARTER))]


@pytest.mark.parametrize("parts", [[None], [[1], [4, 2], None]], ids=["at once", "in parts"])
def test_a_period_whose_document_was_returned_is_a_gap_until_it_is_billed_again(town, parts):
    house = b1_house(town)
    town.bill()
    give_back(town, house, *parts)
    assert gaps(town) == [QUARTER[0]]
    bill_again(town, house)
    assert town.rows("SELECT code FROM billing_hold") == []
    bills = town.rows("SELECT number, gross FROM invoice WHERE credits_id IS NULL ORDER BY id")
    assert [str(gross) for _, gross in bills] == ["235.97", "235.97"]
    assert gaps(town) == []
    with town.engine.connect() as connection:
        assert audit.check_periods(connection) == []


def test_a_period_whose_document_was_returned_in_part_only_is_not_billed_again(town):
    house = b1_house(town)
    town.bill()
    give_back(town, house, [1], [4, 2])
    assert gaps(town) == []
    bill_again(town, house)
    assert town.rows("SELECT code FROM billing_hold") == [("already_billed",)]


@pytest.mark.parametrize("parts", [[None], [[1], [2], None]], ids=["at once", "in parts"])
def test_estimates_of_a_document_that_was_returned_are_not_given_back_again(town, parts):
    house = estimated(town, town.house((at(date(2025, 1, 1)), "100.000")))
    town.bill()
    give_back(town, house, *parts)
    town.read(house.meter_id, (at(date(2025, 7, 1)), "190.000", "customer"))
    bill_again(town, house, period=(date(2025, 1, 1), date(2025, 7, 1)), issued_on=date(2025, 7, 2))
    assert [line.refers_to for line in town.invoice(house).lines if line.refers_to] == []


@pytest.mark.parametrize("parts", [[None], [[1], None]], ids=["at once", "in parts"])
def test_estimates_that_a_returned_true_up_gave_back_are_given_back_by_the_next_one(town, parts):
    house = estimated(town, town.house((at(date(2025, 1, 1)), "100.000")))
    town.bill()
    first = town.invoice(house).number
    town.read(house.meter_id, (at(date(2025, 7, 1)), "190.000", "customer"))
    second = {"period": (date(2025, 4, 1), date(2025, 7, 1)), "issued_on": date(2025, 7, 2)}
    town.bill(**second)
    give_back(town, house, *parts)
    town.bill(contracts=[house.contract_no], **AGAIN | second)
    assert {line.refers_to for line in town.invoice(house).lines} - {None} == {first}
