"""Each rule that holds a bill back: on its case, on the neighbour that passes, and what releasing then does."""

from datetime import date
from decimal import Decimal

import pytest

from meterhub.access.principal import SYSTEM
from meterhub.billing.rating.documents import document
from meterhub.billing.rating.model import Line
from meterhub.billing.runs import execution, life
from meterhub.billing.runs.accounts import Bill
from meterhub.billing.runs.holds import RULES, held_by_rules
from meterhub.billing.runs.holds.model import Case
from meterhub.billing.runs.neighbours import History
from meterhub.errors import Conflict, NotFound
from meterhub.kit.periods import DateRange
from tests.billing.service.town import OTHER, QUARTER, at, settings

USUAL = History(documents=4, daily_l=Decimal(300), last_daily_l=Decimal(310))


def bill(*, net="100.00", daily_l="300", last_read_on=None, is_estimated=False, period=QUARTER) -> Bill:
    line = Line(
        "WATER", "MP-1", None, Decimal(1), "C62", Decimal(net), Decimal(1), Decimal(net), "S", Decimal("25.5")
    )
    return Bill(
        contract_id=1,
        customer_id=1,
        period=DateRange(*period),
        document=document("customer", [line]),
        snapshot={},
        daily_l=None if daily_l is None else Decimal(daily_l),
        annual_m3=None,
        last_read_on=last_read_on,
        is_estimated=is_estimated,
    )


def held(*bills, history=USUAL, regime="amr", **parameters) -> set[str]:
    case = Case(bills, history, regime, date(2025, 4, 3), "EUR")
    return {code for code, _ in held_by_rules(case, parameters)}


def test_an_ordinary_bill_is_held_by_no_rule():
    assert held(bill()) == set()


def test_every_rule_has_a_test_here():
    tested = {
        "first_bill", "implausible_volume", "large_credit", "missing_reads", "no_read_for_long", "sudden_zero",
        "zero_use",
    }  # fmt: skip
    assert set(RULES) == tested


@pytest.mark.parametrize(("daily_l", "codes"), [("900", set()), ("900.1", {"implausible_volume"})])
def test_use_above_three_times_the_usual_is_held(daily_l, codes):
    assert held(bill(daily_l=daily_l)) == codes


def test_use_without_anything_to_compare_it_with_passes():
    assert held(bill(daily_l="9000"), history=History()) == set()


def test_a_threshold_of_the_run_counts_instead_of_the_usual_one():
    assert held(bill(daily_l="700"), implausible_volume=2.0) == {"implausible_volume"}


def test_a_rule_that_the_run_turns_off_holds_nothing():
    assert held(bill(daily_l="9000"), implausible_volume=None) == set()


def test_the_first_bill_is_held_only_where_the_run_asks_for_it():
    assert held(bill(), history=History()) == set()
    assert held(bill(), history=History(), first_bill=1.0) == {"first_bill"}
    assert held(bill(), first_bill=1.0) == set()


@pytest.mark.parametrize(("net", "codes"), [("-398.41", set()), ("-398.42", {"large_credit"})])
def test_a_credit_above_500_with_vat_is_held(net, codes):
    made = bill(net=net)
    assert (made.document.gross < -500) == bool(codes)
    assert held(made) == codes


def test_the_largest_credit_of_several_payers_decides():
    assert held(bill(net="900.00"), bill(net="-900.00")) == {"large_credit"}


def test_an_estimate_is_held_where_the_meter_should_have_been_read_by_itself():
    estimated = bill(is_estimated=True, last_read_on=date(2025, 3, 1))
    assert held(estimated) == {"missing_reads"}
    assert held(estimated, regime="estimate") == set()


@pytest.mark.parametrize(
    ("last", "codes"),
    [(date(2023, 4, 1), set()), (date(2023, 3, 31), set()), (date(2023, 3, 1), {"no_read_for_long"})],
)
def test_an_estimate_is_held_more_than_24_months_after_the_last_actual_read(last, codes):
    assert held(bill(is_estimated=True, last_read_on=last), regime="estimate") == codes


def test_a_bill_that_rests_on_reads_is_not_too_long_after_them():
    assert held(bill(last_read_on=date(2020, 1, 1)), regime="estimate") == set()


@pytest.mark.parametrize(("before", "codes"), [("49", set()), ("50", {"sudden_zero"})])
def test_use_that_stops_at_once_is_held(before, codes):
    history = History(documents=1, daily_l=Decimal(before), last_daily_l=Decimal(before))
    assert held(bill(daily_l="0"), history=history) == codes


@pytest.mark.parametrize(
    ("period", "codes"),
    [((date(2025, 1, 1), date(2025, 3, 1)), set()), ((date(2025, 1, 1), date(2025, 3, 2)), {"zero_use"})],
)
def test_no_use_now_nor_before_is_held_from_60_days_on(period, codes):
    history = History(documents=1, daily_l=Decimal(0), last_daily_l=Decimal(0))
    assert held(bill(daily_l="0", period=period), history=history) == codes


def test_a_bill_held_by_a_rule_is_released_with_a_reason_and_issued_as_calculated(town):
    house = town.house((at(date(2025, 1, 1)), "100"), (at(date(2025, 4, 1)), "130"))
    run_id = town.start_run(holds={"first_bill": 1})
    execution.carry_out(town.engine, settings(), run_id)
    with town.engine.connect() as connection:
        [hold] = life.run_detail(connection, run_id).holds
        drafted = connection.exec_driver_sql("SELECT gross FROM billing_draft").scalar_one()
    assert (hold.contract_no, hold.code, hold.releasable) == (house.contract_no, "first_bill", True)

    with town.engine.begin() as connection:
        life.release(connection, OTHER, run_id, house.contract_no, "looked at it")
    assert town.rows("SELECT resolution, resolved_by, reason FROM billing_hold") == [
        ("released", OTHER.name, "looked at it")
    ]
    town.issue(run_id)
    assert town.rows("SELECT gross FROM invoice") == [(drafted,)]


def test_what_is_skipped_stays_unbilled(town):
    house = town.house((at(date(2025, 1, 1)), "100"), (at(date(2025, 4, 1)), "130"))
    run_id = town.start_run(holds={"first_bill": 1})
    execution.carry_out(town.engine, settings(), run_id)
    with town.engine.begin() as connection:
        life.skip(connection, OTHER, run_id, house.contract_no, "billed by hand")
    town.issue(run_id)
    assert town.rows("SELECT count(*) FROM invoice") == [(0,)]


def test_what_could_not_be_calculated_cannot_be_released(town):
    house = town.house()
    run_id = town.start_run()
    execution.carry_out(town.engine, settings(), run_id)
    with town.engine.begin() as connection, pytest.raises(Conflict, match="no_opening_read"):
        life.release(connection, SYSTEM, run_id, house.contract_no, "bill it anyway")
    with town.engine.begin() as connection, pytest.raises(NotFound, match="holds nothing back"):
        life.release(connection, SYSTEM, run_id, "K-unknown", "bill it anyway")
