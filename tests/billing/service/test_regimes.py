"""Whole customer stories through runs: estimates, a konto, shared payers, moves, deduct meters, additions."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from meterhub import explain
from meterhub.access.principal import SYSTEM
from meterhub.billing import prices
from meterhub.billing.runs import adjusting, execution, life, repository
from meterhub.billing.runs.schemas import NewAdjustment
from meterhub.billing.schemas import TariffDocument
from meterhub.errors import Conflict
from meterhub.kit.periods import DateRange
from tests.billing.service.town import at, b1_house, request, settings

D = Decimal


def estimated(town, house, annual_m3="180", regime="estimate"):
    town.execute("UPDATE contract SET regime = :regime WHERE id = :id", id=house.contract_id, regime=regime)
    if annual_m3:
        town.execute(
            "INSERT INTO annual_volume (contract_id, valid_from, annual_m3, source, created_by) "
            "VALUES (:id, '2020-01-01', :annual, 'initial', 'clerk')",
            id=house.contract_id, annual=annual_m3,
        )  # fmt: skip
    return house


def bill(town, start, end, **more):
    return town.bill(period=(start, end), issued_on=end, **more)


def documents(town, house):
    rows = town.rows("SELECT number FROM invoice WHERE contract_id = :id ORDER BY id", id=house.contract_id)
    return [number for (number,) in rows]


def assert_all_explained(town):
    with town.engine.connect() as connection:
        for (number,) in town.rows("SELECT number FROM invoice ORDER BY id"):
            explanation = explain.invoice(connection, settings(), number)
            assert explanation.agrees, (number, explanation.first_difference)


def test_three_quarters_of_estimates_and_a_read_come_to_the_volumes_of_the_worked_bill_b5(town):
    house = estimated(town, town.house((at(date(2024, 4, 1)), "300.000")))
    quarters = [date(2024, 4, 1), date(2024, 7, 1), date(2024, 10, 1), date(2025, 1, 1)]
    for start, end in pairwise(quarters[:3]):
        bill(town, start, end)
    used = town.rows(
        "SELECT lower(period), quantity, quality FROM invoice_line WHERE component = 'WATER' ORDER BY 1"
    )
    assert used == [
        (date(2024, 4, 1), D("44.877"), "estimated"),
        (date(2024, 7, 1), D("30.575"), "estimated"),
        (date(2024, 9, 1), D("14.795"), "estimated"),
    ]
    town.read(house.meter_id, (at(date(2025, 1, 1)), "348.000", "customer"))
    bill(town, quarters[2], quarters[3])
    true_up = town.invoice(house)
    water = [(one.period[0], one.quantity, one.net) for one in true_up.lines if one.component == "WATER"]
    assert water == [
        (date(2024, 4, 1), D("15.884"), D("22.24")),
        (date(2024, 7, 1), D("10.821"), D("15.15")),
        (date(2024, 9, 1), D("5.237"), D("7.54")),
        (date(2024, 10, 1), D("16.058"), D("23.12")),
        (date(2024, 4, 1), D("-44.877"), D("-62.83")),
        (date(2024, 7, 1), D("-30.575"), D("-42.81")),
        (date(2024, 9, 1), D("-14.795"), D("-21.30")),
    ]
    assert true_up.type == "credit_note"
    numbers = documents(town, house)
    assert {one.refers_to for one in true_up.lines if one.refers_to} == set(numbers[:2])
    assert_all_explained(town)
    kept = town.rows("SELECT annual_m3, source, valid_from FROM annual_volume ORDER BY id DESC LIMIT 1")
    assert kept == [(D(64), "read", date(2025, 1, 1))]


def test_after_a_true_up_nothing_is_given_back_twice_and_all_volumes_sum_to_the_register(town):
    house = estimated(town, town.house((at(date(2024, 10, 1)), "100.000")))
    days = [date(2024, 10, 1), date(2025, 1, 1), date(2025, 4, 1), date(2025, 7, 1), date(2025, 10, 1)]
    bill(town, days[0], days[1])
    town.read(house.meter_id, (at(date(2025, 2, 20)), "170.500", "utility"))
    bill(town, days[1], days[2])
    bill(town, days[2], days[3])
    town.read(house.meter_id, (at(date(2025, 10, 1)), "260.000", "utility"))
    bill(town, days[3], days[4])
    for component in ("WATER", "WASTEWATER"):
        query = "SELECT sum(quantity) FROM invoice_line WHERE component = :component"
        assert town.scalar(query, component=component) == D("160.000")
    assert_all_explained(town)


def test_shared_payers_come_to_the_worked_bill_b6(town):
    house = town.house((at(date(2025, 1, 1)), "0.000"), (at(date(2025, 4, 1)), "100.000"))
    weights = []
    for weight in ("40", "35", "25"):
        payer = town.house()
        town.execute("DELETE FROM contract WHERE id = :id", id=payer.contract_id)
        town.execute(
            "INSERT INTO contract_payer (contract_id, customer_id, weight, valid) "
            "SELECT :contract, id, :weight, daterange(NULL, NULL) FROM customer WHERE customer_no = :no",
            contract=house.contract_id, weight=weight, no=payer.customer_no,
        )  # fmt: skip
        weights.append(payer.customer_no)
    town.bill()
    rows = town.rows(
        "SELECT u.customer_no, i.net, i.vat, i.gross FROM invoice i JOIN customer u ON u.id = i.customer_id "
        "ORDER BY u.customer_no"
    )
    assert rows == [
        (weights[0], D("154.55"), D("39.41"), D("193.96")),
        (weights[1], D("135.23"), D("34.48"), D("169.71")),
        (weights[2], D("96.60"), D("24.63"), D("121.23")),
    ]
    assert_all_explained(town)


def test_payers_that_change_inside_the_period_pay_for_their_days(town):
    house = town.house((at(date(2025, 1, 1)), "0.000"), (at(date(2025, 4, 1)), "90.000"))
    other = town.house()
    town.execute("DELETE FROM contract WHERE id = :id", id=other.contract_id)
    town.execute(
        "INSERT INTO contract_payer (contract_id, customer_id, valid) "
        "SELECT :contract, id, daterange('2025-03-01', NULL) FROM customer WHERE customer_no = :no",
        contract=house.contract_id, no=other.customer_no,
    )  # fmt: skip
    town.bill()
    rows = town.rows(
        "SELECT u.customer_no, lower(i.period), upper(i.period), l.quantity FROM invoice i "
        "JOIN customer u ON u.id = i.customer_id JOIN invoice_line l ON l.invoice_id = i.id "
        "WHERE l.component = 'WATER' ORDER BY 2"
    )
    assert rows == [
        (house.customer_no, date(2025, 1, 1), date(2025, 3, 1), D("59.000")),
        (other.customer_no, date(2025, 3, 1), date(2025, 4, 1), D("31.000")),
    ]
    assert_all_explained(town)


NORWAY = {
    "code": "asker",
    "name": "Asker",
    "country": "NO",
    "currency": "NOK",
    "versions": [
        {
            "component": name,
            "kind": "volumetric",
            "service": service,
            "net_price": price,
            "vat_code": "water",
            "valid_from": "2024-01-01",
        }
        for name, service, price in (("VANN", "water", "25.68"), ("AVLOP", "wastewater", "27.47"))
    ],
    "vat": [
        {"code": "water", "category": "S", "rate": "25", "valid_from": "2020-01-01", "valid_to": "2025-07-01"},
        {"code": "water", "category": "S", "rate": "15", "valid_from": "2025-07-01"},
    ],
}


def test_a_norwegian_year_a_konto_is_settled_as_the_worked_bill_b8(town):
    with town.engine.begin() as connection:
        prices.import_tariff(connection, TariffDocument.model_validate(NORWAY), "clerk", today=date(2024, 1, 1))
    house = estimated(town, town.house((at(date(2025, 1, 1)), "0.000")), "119.24", "akonto")
    year = (date(2025, 1, 1), date(2026, 1, 1))
    bill(town, date(2025, 1, 1), date(2025, 7, 1), tariff="asker")
    bill(town, date(2025, 7, 1), date(2026, 1, 1), tariff="asker")
    town.read(house.meter_id, (at(date(2026, 1, 1)), "166.000", "customer"))
    town.bill(kind="settlement", period=year, tariff="asker", issued_on=date(2026, 1, 5))
    settled = town.invoice(house)
    assert [(group.rate, group.base, group.vat) for group in settled.vat_groups] == [
        (D(15), D("1242.65"), D("186.40")),
        (D(25), D("1242.65"), D("310.66")),
    ]
    assert settled.gross == D("2982.36")
    assert town.rows("SELECT annual_m3 FROM annual_volume ORDER BY id DESC LIMIT 1") == [(D(166),)]
    assert_all_explained(town)


def test_stipulated_use_is_an_area_times_a_factor_and_needs_no_meter(town):
    house = estimated(town, town.house(), None, "stipulated")
    town.execute("DELETE FROM installation WHERE meter_id = :id", id=house.meter_id)
    town.execute(
        "INSERT INTO annual_volume (contract_id, valid_from, basis, factor, source, created_by) "
        "VALUES (:id, '2020-01-01', 150, 1.2, 'stipulated', 'clerk')",
        id=house.contract_id,
    )
    town.bill()
    water = [line for line in town.invoice(house).lines if line.component == "WATER"]
    assert [line.quantity for line in water] == [D("44.384")]
    assert_all_explained(town)


def test_a_deduct_meter_lowers_wastewater_only(town):
    house = town.house((at(date(2025, 1, 1)), "0.000"), (at(date(2025, 4, 1)), "90.000"))
    garden = town.house((at(date(2025, 1, 1)), "0.000"), (at(date(2025, 4, 1)), "25.000"))
    town.execute("DELETE FROM contract WHERE id = :id", id=garden.contract_id)
    town.execute(
        "UPDATE metering_point SET deducts_from_id = :main WHERE id = :id",
        main=house.point_id, id=garden.point_id,
    )  # fmt: skip
    town.bill()
    quantities = {line.component: line.quantity for line in town.invoice(house).lines}
    assert (quantities["WATER"], quantities["WASTEWATER"]) == (D("90.000"), D("65.000"))
    assert_all_explained(town)


def test_who_moves_out_gets_a_final_bill_out_of_turn_and_who_moves_in_opens_with_its_register(town):
    house = town.house(
        (at(date(2025, 1, 1)), "0.000"),
        (at(date(2025, 2, 15)), "45.000", "utility"),
        (at(date(2025, 4, 1)), "100.000"),
        valid=(None, date(2025, 2, 15)),
    )
    town.bill(
        kind="contracts", billing_group=None, contracts=[house.contract_no],
        period=(date(2025, 1, 1), date(2025, 2, 15)), issued_on=date(2025, 2, 16),
    )  # fmt: skip
    town.execute(
        "INSERT INTO contract (contract_no, customer_id, metering_point_id, valid) "
        "SELECT 'in', customer_id, metering_point_id, daterange('2025-02-15', NULL) FROM contract"
    )
    run_id = town.bill()
    used = town.rows("SELECT quantity FROM invoice_line WHERE component = 'WATER' ORDER BY invoice_id")
    assert used == [(D("45.000"),), (D("55.000"),)]
    with town.engine.connect() as connection:
        assert [hold.code for hold in life.run_detail(connection, run_id).holds] == ["already_billed"]
        assert repository.gaps(connection, DateRange(date(2025, 1, 1), date(2025, 4, 1))) == []
    assert_all_explained(town)


def test_what_a_clerk_adds_is_taken_up_by_one_run_once(town):
    house = town.house((at(date(2025, 1, 1)), "0.000"), (at(date(2025, 4, 1)), "310.000"))
    town.read(house.meter_id, (at(date(2025, 7, 1)), "340.000"))
    given = [
        ("leak_credit", {"component": "WASTEWATER", "normal_annual_m3": "140"}),
        ("item", {"code": "READING", "net_price": "20.00", "vat_code": "standard"}),
        ("interruption_credit", {"annual_fees_net": "500.00", "hours": "14", "vat_code": "standard"}),
    ]
    with town.engine.begin() as connection:
        for kind, parameters in given:
            asked = NewAdjustment(kind=kind, parameters=parameters, reason="a burst pipe")
            adjusting.add(connection, SYSTEM, house.contract_no, asked)
    shown = life.preview(town.engine, settings(), SYSTEM, request())
    assert town.scalar("SELECT count(*) FROM billing_adjustment WHERE run_id IS NULL") == 3
    town.bill()
    first = town.invoice(house)
    assert first.net == shown.totals.net
    nets = {line.component: line.net for line in first.lines}
    assert (nets["WASTEWATER_LEAK_CREDIT"], nets["READING"], nets["INTERRUPTION_CREDIT"]) == (
        D("-545.45"),
        D("20.00"),
        D("-10.00"),
    )
    bill(town, date(2025, 4, 1), date(2025, 7, 1))
    assert {line.component for line in town.invoice(house).lines} == {
        "WATER", "WASTEWATER", "BASE_WATER", "BASE_WASTEWATER",
    }  # fmt: skip
    assert_all_explained(town)


def test_an_adjustment_that_is_cancelled_while_its_bill_is_calculated_is_not_billed(town, monkeypatch):
    house = b1_house(town)
    asked = NewAdjustment(
        kind="item", parameters={"code": "READING", "net_price": "20.00", "vat_code": "standard"}, reason="visit"
    )
    with town.engine.begin() as connection:
        made = adjusting.add(connection, SYSTEM, house.contract_no, asked)
    rate = execution.bill_account

    def cancelled_meanwhile(*given):
        with town.engine.begin() as connection:
            adjusting.cancel(connection, SYSTEM, made.id)
        return rate(*given)

    run_id = town.start_run()
    monkeypatch.setattr(execution, "bill_account", cancelled_meanwhile)
    with pytest.raises(Conflict, match="cancelled while the bill was calculated"):
        execution.carry_out(town.engine, settings(), run_id)
    town.carry(run_id)
    assert town.invoice(house).gross == D("235.97")


def test_an_adjustment_that_a_run_has_taken_up_is_free_again_when_the_run_is_cancelled(town):
    house = b1_house(town)
    item = {"code": "READING", "net_price": "20.00", "vat_code": "standard"}
    with town.engine.begin() as connection:
        made = adjusting.add(
            connection, SYSTEM, house.contract_no, NewAdjustment(kind="item", parameters=item, reason="visit")
        )
    run_id = town.start_run()
    execution.carry_out(town.engine, settings(), run_id)
    with town.engine.begin() as connection, pytest.raises(Conflict, match=f"run {run_id} has taken up"):
        adjusting.cancel(connection, SYSTEM, made.id)
    with town.engine.begin() as connection:
        life.cancel(connection, SYSTEM, run_id)
        adjusting.cancel(connection, SYSTEM, made.id)
    assert town.scalar("SELECT count(*) FROM billing_draft") == 0
    town.bill()
    assert town.invoice(house).gross == D("235.97")
