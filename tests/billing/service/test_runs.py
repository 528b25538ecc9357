import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError
from sqlalchemy.exc import IntegrityError

from meterhub.access.principal import SYSTEM
from meterhub.billing.runs import drafts, execution, life
from meterhub.errors import BadInput, Conflict
from tests.billing.service.town import OTHER, QUARTER, at, b1_house, request, settings


def test_a_quarter_on_reads_comes_to_the_worked_bill_b1(town):
    house = b1_house(town)
    town.bill()
    invoice = town.invoice(house)
    assert (invoice.net, invoice.vat, invoice.gross) == (
        Decimal("188.02"),
        Decimal("47.95"),
        Decimal("235.97"),
    )
    assert {line.component: line.net for line in invoice.lines} == {
        "WATER": Decimal("60.48"),
        "WASTEWATER": Decimal("83.16"),
        "BASE_WATER": Decimal("20.71"),
        "BASE_WASTEWATER": Decimal("23.67"),
    }
    assert invoice.number == "2025-000001"
    assert invoice.reference == "20250000018"
    assert invoice.due_on == date(2025, 4, 24)


def test_a_change_of_price_and_vat_inside_the_quarter_comes_to_the_worked_bill_b2(town):
    house = town.house((at(date(2024, 6, 20)), "500.000"), (at(date(2024, 10, 10)), "612.000"))
    town.bill(period=(date(2024, 7, 1), date(2024, 10, 1)), issued_on=date(2024, 10, 12))
    invoice = town.invoice(house)
    assert (invoice.net, invoice.vat, invoice.gross) == (
        Decimal("351.09"),
        Decimal("86.03"),
        Decimal("437.12"),
    )
    assert [(group.rate, group.base, group.vat) for group in invoice.vat_groups] == [
        (Decimal(24), Decimal("233.73"), Decimal("56.10")),
        (Decimal("25.5"), Decimal("117.36"), Decimal("29.93")),
    ]


def exchange(town, house, when, removal, installation):
    new = town.meter()
    town.remove(house.meter_id, when)
    town.install(new, house.point_id, when)
    town.read(house.meter_id, (when, removal, "removal"))
    town.read(new, (when, installation, "installation"))
    return new


def test_a_meter_exchange_in_mid_quarter_comes_to_the_worked_bill_b3(town):
    house = town.house((at(date(2025, 1, 1)), "795.200"))
    new = exchange(town, house, at(date(2025, 2, 11), 10, 30), "812.450", "0.120")
    town.read(new, (at(date(2025, 4, 1)), "23.905"))
    town.bill()
    invoice = town.invoice(house)
    assert (invoice.net, invoice.vat, invoice.gross) == (
        Decimal("184.72"),
        Decimal("47.10"),
        Decimal("231.82"),
    )
    water = [line for line in invoice.lines if line.component == "WATER"]
    assert sum(line.quantity for line in water) == Decimal("41.035")


def test_a_register_that_rolls_over_comes_to_the_worked_bill_b4(town):
    house = town.house((at(date(2025, 1, 1)), "99987.600"), (at(date(2025, 4, 1)), "31.200"))
    town.bill()
    assert town.invoice(house).gross == Decimal("242.83")


def test_an_exchange_on_the_first_day_leaves_what_the_old_meter_counted_since_midnight_on_this_bill(town):
    first = at(date(2025, 1, 1), 12)
    house = town.house((at(date(2024, 12, 31)), "100.000"))
    new = exchange(town, house, first, "103.000", "0.000")
    town.read(new, (at(date(2025, 4, 1)), "40.000"))
    town.bill()
    water = [line for line in town.invoice(house).lines if line.component == "WATER"]
    # 36 hours at 2 m³ a day: two thirds of 3 m³ lie before midnight
    assert sum(line.quantity for line in water) == Decimal("41.000")


def test_the_register_at_midnight_lies_on_the_line_between_the_reads_around_it(town):
    house = town.house(
        (at(date(2024, 12, 31), 23, 59, 30), "1000.0000"),
        (at(date(2025, 1, 1), 0, 1, 0), "1000.0090"),
        (at(date(2025, 3, 31), 22), "1041.0000"),
        (at(date(2025, 4, 1), 2), "1042.0010"),
    )
    town.bill()
    snapshot = town.invoice(house).snapshot
    opening, closing = snapshot["installations"][0]["reads"]
    assert (opening["volume_ml"], closing["volume_ml"]) == (1_000_003_000, 1_041_501_000)
    assert opening["basis"] == closing["basis"] == "interpolated"
    assert [read["volume_ml"] for read in closing["reads"]] == [1_041_000_000, 1_042_001_000]


def test_a_contract_that_starts_in_mid_period_pays_from_its_start(town):
    house = town.house(
        (at(date(2024, 12, 1)), "10.000"),
        (at(date(2025, 3, 2)), "20.000"),
        (at(date(2025, 4, 1)), "30.000"),
        valid=(date(2025, 3, 2), None),
    )
    town.bill()
    invoice = town.invoice(house)
    assert invoice.period == (date(2025, 3, 2), date(2025, 4, 1))
    quantities = {line.component: line.quantity for line in invoice.lines}
    assert (quantities["WATER"], quantities["BASE_WATER"]) == (Decimal("10.000"), Decimal(30))


def test_a_point_without_wastewater_pays_no_fee_for_it(town):
    house = b1_house(town, services=("water",))
    town.bill()
    assert {line.component for line in town.invoice(house).lines} == {"WATER", "BASE_WATER"}


def test_a_contract_without_reads_is_held_and_the_others_are_billed(town):
    silent = town.house()
    house = b1_house(town)
    run_id = town.bill()
    assert town.invoice(house).gross == Decimal("235.97")
    with town.engine.connect() as connection:
        detail = life.run_detail(connection, run_id)
    assert (detail.state, detail.accounts_total, detail.accounts_done) == ("issued", 2, 2)
    assert [(hold.contract_no, hold.code) for hold in detail.holds] == [(silent.contract_no, "no_opening_read")]
    assert detail.totals.gross == Decimal("235.97")


def test_a_held_contract_is_billed_when_the_run_is_resumed_with_its_reads(town):
    silent = town.house()
    run_id = town.bill()
    town.read(silent.meter_id, (at(date(2025, 1, 1)), "5.000"), (at(date(2025, 4, 1)), "6.000"))
    with town.engine.begin() as connection:
        life.resume_run(connection, SYSTEM, run_id)
    town.carry(run_id)
    with town.engine.connect() as connection:
        detail = life.run_detail(connection, run_id)
    assert (detail.state, detail.accounts_done, detail.holds) == ("issued", 1, [])
    assert town.invoice(silent).number == "2025-000001"


def test_what_one_invoice_closed_with_is_what_the_next_opens_with_even_after_a_late_read(town):
    house = town.house(
        (at(date(2025, 1, 1)), "0.000"), (at(date(2025, 3, 1)), "59.000"), (at(date(2025, 4, 2)), "91.000")
    )
    town.bill()
    town.read(house.meter_id, (at(date(2025, 3, 31), 12), "60.000"), (at(date(2025, 7, 1)), "150.000"))
    first = town.invoice(house)
    town.bill(period=(date(2025, 4, 1), date(2025, 7, 1)), issued_on=date(2025, 7, 5))
    second = town.invoice(house)
    used = [line.quantity for invoice in (first, second) for line in invoice.lines if line.component == "WATER"]
    assert sum(used) == Decimal("150.000")
    assert second.snapshot["installations"][0]["reads"][0]["invoice"] == first.number


def test_a_quarter_billed_after_its_successor_closes_with_what_that_one_opened_with(town):
    house = town.house(
        (at(date(2025, 3, 1)), "59.000"), (at(date(2025, 4, 2)), "91.000"), (at(date(2025, 7, 1)), "150.000")
    )
    held = town.bill()
    town.bill(period=(date(2025, 4, 1), date(2025, 7, 1)), issued_on=date(2025, 7, 5))
    second = town.invoice(house)
    town.read(house.meter_id, (at(date(2025, 1, 1)), "0.000"), (at(date(2025, 3, 31), 12), "60.000"))
    with town.engine.begin() as connection:
        life.resume_run(connection, SYSTEM, held)
    town.carry(held)
    first = town.invoice(house)
    used = [line.quantity for invoice in (first, second) for line in invoice.lines if line.component == "WATER"]
    assert sum(used) == Decimal("150.000")
    assert first.snapshot["installations"][0]["reads"][-1]["invoice"] == second.number


def test_numbers_have_no_gap_and_no_double_after_a_crash_in_the_middle_of_issuing(town, monkeypatch):
    houses = [b1_house(town) for _ in range(7)]
    run_id = town.start_run()
    execution.carry_out(town.engine, settings(), run_id)
    with town.engine.begin() as connection:
        life.approve(connection, OTHER, run_id)
    chunks = []
    issue = drafts.issue_chunk

    def issue_then_crash(connection, run_id, country, ids, **options):
        issue(connection, run_id, country, ids, **options)
        chunks.append(len(ids))
        if len(chunks) == 2:
            raise RuntimeError("power cut")

    monkeypatch.setattr(drafts, "issue_chunk", issue_then_crash)
    with pytest.raises(RuntimeError, match="power cut"):
        execution.carry_out(town.engine, settings(), run_id, chunk_size=3, workers=1)
    assert town.rows("SELECT state, accounts_done FROM billing_run") == [("issuing", 3)]
    assert town.scalar("SELECT count(*) FROM invoice") == 3
    execution.carry_out(town.engine, settings(), run_id, chunk_size=3)
    assert town.rows("SELECT state, accounts_total, accounts_done FROM billing_run") == [("issued", 7, 7)]
    assert town.rows("SELECT number FROM invoice ORDER BY number") == [(f"2025-{n:06d}",) for n in range(1, 8)]
    assert town.scalar("SELECT count(DISTINCT contract_id) FROM invoice") == len(houses)
    assert town.scalar("SELECT count(*) FROM billing_draft") == 0


def test_a_calculation_goes_on_after_a_crash_where_it_stopped(town, monkeypatch):
    for _ in range(5):
        b1_house(town)
    run_id = town.start_run()
    chunks = []
    store = drafts.store

    def store_then_crash(*given):
        store(*given)
        chunks.append(given)
        if len(chunks) == 2:
            raise RuntimeError("power cut")

    monkeypatch.setattr(drafts, "store", store_then_crash)
    with pytest.raises(RuntimeError, match="power cut"):
        execution.carry_out(town.engine, settings(), run_id, chunk_size=2, workers=1)
    assert town.rows("SELECT state, accounts_done FROM billing_run") == [("failed", 2)]
    execution.carry_out(town.engine, settings(), run_id, chunk_size=2)
    assert town.rows("SELECT state, accounts_done FROM billing_run") == [("calculated", 5)]
    assert town.rows("SELECT count(*), count(DISTINCT contract_id) FROM billing_draft") == [(5, 5)]


def test_carrying_out_a_finished_run_again_changes_nothing(town):
    b1_house(town)
    run_id = town.bill()
    before = town.rows("SELECT * FROM invoice") + town.rows("SELECT * FROM billing_run")
    execution.carry_out(town.engine, settings(), run_id)
    assert town.rows("SELECT * FROM invoice") + town.rows("SELECT * FROM billing_run") == before


def test_two_workers_on_one_run_bill_every_contract_once_without_gaps(town):
    for _ in range(21):
        b1_house(town)
    run_id = town.start_run()
    start = threading.Barrier(2)

    def work():
        start.wait()
        execution.carry_out(town.engine, settings(), run_id, chunk_size=2)

    def both():
        with ThreadPoolExecutor(2) as workers:
            for worker in [workers.submit(work) for _ in range(2)]:
                worker.result()

    both()
    assert town.rows("SELECT state, accounts_done FROM billing_run") == [("calculated", 21)]
    with town.engine.begin() as connection:
        life.approve(connection, OTHER, run_id)
    both()
    assert town.rows("SELECT number FROM invoice ORDER BY number") == [(f"2025-{n:06d}",) for n in range(1, 22)]
    assert town.rows("SELECT state, accounts_done FROM billing_run") == [("issued", 21)]


def test_a_fault_in_one_account_is_held_and_named(town, monkeypatch):
    from meterhub.billing.runs import accounts

    bad, good = b1_house(town), b1_house(town)
    quote = accounts.quote

    def sometimes(asked):
        if asked.points[0].id == town.scalar(
            "SELECT point_code FROM metering_point WHERE id = :id", id=bad.point_id
        ):
            raise ZeroDivisionError("no days")
        return quote(asked)

    monkeypatch.setattr(accounts, "quote", sometimes)
    town.bill()
    assert town.rows("SELECT contract_id, code, message FROM billing_hold") == [
        (bad.contract_id, "internal_error", "ZeroDivisionError: no days")
    ]
    assert town.invoice(good).number == "2025-000001"


def test_a_preview_has_the_totals_of_the_run_and_leaves_nothing(town):
    b1_house(town)
    town.house()
    before = {
        table: town.scalar(f"SELECT count(*) FROM {table}")
        for table in ("billing_run", "invoice", "number_series", "billing_hold", "procrastinate_jobs")
    }
    shown = life.preview(town.engine, settings(), SYSTEM, request())
    assert {table: town.scalar(f"SELECT count(*) FROM {table}") for table in before} == before
    assert (shown.accounts, len(shown.holds), shown.totals.gross) == (2, 1, Decimal("235.97"))
    run_id = town.bill()
    with town.engine.connect() as connection:
        assert life.totals(connection, run_id) == shown.totals
    assert town.rows("SELECT number FROM invoice") == [("2025-000001",)]


def test_days_that_a_run_has_are_refused_and_that_run_is_named(town):
    run_id = town.start_run()
    with pytest.raises(Conflict, match=f"billing run {run_id} bills the quarterly group"):
        town.start_run(period=(date(2025, 3, 1), date(2025, 6, 1)), issued_on=date(2025, 6, 2))
    town.start_run(billing_group="monthly", period=(date(2025, 1, 1), date(2025, 2, 1)))


def test_a_contract_billed_in_its_old_group_is_not_billed_twice(town):
    house = b1_house(town)
    town.bill()
    town.execute("UPDATE contract SET billing_group = 'monthly' WHERE id = :id", id=house.contract_id)
    town.bill(billing_group="monthly", period=(date(2025, 3, 1), date(2025, 4, 1)))
    assert town.rows("SELECT code FROM billing_hold") == [("already_billed",)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"period": (QUARTER[1], QUARTER[0])}, "period"),
        ({"issued_on": QUARTER[1] - timedelta(days=1)}, "issued_on"),
        ({"due_on": date(2025, 4, 23)}, "due_on"),
    ],
)
def test_a_run_that_cannot_be_lawful_is_refused_by_field(town, changes, field):
    with pytest.raises(BadInput) as refused:
        town.start_run(**changes)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {"issued_on": date(9999, 12, 31)},
        {"due_on": date(9999, 12, 31)},
        {"period": (date(1, 1, 1), QUARTER[1])},
    ],
)
def test_days_that_no_calendar_of_holidays_or_zone_has_are_refused(changes):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        request(**changes)


def test_a_due_date_on_a_holiday_moves_to_the_next_bank_day(town):
    run_id = town.start_run(due_on=date(2025, 5, 1))
    assert town.scalar("SELECT due_on FROM billing_run WHERE id = :id", id=run_id) == date(2025, 5, 2)


def test_starting_a_run_queues_its_job_in_the_same_transaction(town):
    run_id = town.start_run()
    assert town.rows("SELECT task_name, args FROM procrastinate_jobs") == [("billing.run", {"run_id": run_id})]


def test_two_runs_that_work_at_once_do_not_bill_one_contract_twice(town):
    house = b1_house(town)
    first = town.start_run()
    with town.engine.begin() as connection:
        execution.begin(connection, settings(), first)
    town.execute("UPDATE contract SET billing_group = 'monthly'")
    second = town.start_run(billing_group="monthly", period=(date(2025, 3, 1), date(2025, 4, 1)))
    with ThreadPoolExecutor(1) as pool, town.engine.begin() as connection:
        work = execution.begin(connection, settings(), first)
        assert execution.bill_chunk(connection, work, 10) == 1
        other = pool.submit(execution.carry_out, town.engine, settings(), second)
        with pytest.raises(TimeoutError):
            other.result(timeout=1)
        connection.commit()
        other.result(timeout=20)
    assert town.rows("SELECT run_id, contract_id FROM billing_draft") == [(first, house.contract_id)]
    assert town.rows("SELECT run_id, code FROM billing_hold") == [(second, "already_calculated")]


def test_prices_that_no_day_of_the_run_needs_are_not_kept_in_the_invoice(town):
    house = b1_house(town)
    town.bill()
    versions = town.invoice(house).snapshot["tariff"]["versions"]
    assert {version["valid_from"] for version in versions} == {"2024-09-01"}
    assert [rate["rate"] for rate in town.invoice(house).snapshot["vat"]] == ["25.5"]


def test_days_between_two_prices_hold_the_contract(town):
    house = b1_house(town)
    town.execute("UPDATE tariff_version SET valid = daterange('2024-09-01', '2024-12-01') WHERE upper_inf(valid)")
    town.execute(
        "INSERT INTO tariff_version (tariff_id, component, kind, service, net_price, vat_code, valid, created_by) "
        "VALUES (1, 'WATER', 'volumetric', 'water', 1.5, 'standard', daterange('2025-05-01', NULL), 'clerk')"
    )
    town.bill()
    ((code, message),) = town.rows("SELECT code, message FROM billing_hold")
    assert (code, house.contract_no) == ("tariff_gap", house.contract_no)
    assert message == "tariff 'WATER' has no version from 2024-12-01 to 2025-05-01"


def test_who_moves_in_opens_with_what_a_chunk_at_work_closes_for_who_moved_out(town):
    house = town.house(
        (at(date(2025, 1, 1)), "0.000"), (at(date(2025, 2, 14)), "44"), valid=(None, date(2025, 2, 15))
    )
    town.read(house.meter_id, (at(date(2025, 4, 1)), "90.000"))
    town.execute(
        "INSERT INTO contract (contract_no, customer_id, metering_point_id, valid) "
        "SELECT 'in', customer_id, metering_point_id, daterange('2025-02-15', NULL) FROM contract"
    )
    run_id = town.start_run()
    with ThreadPoolExecutor(1) as pool, town.engine.connect() as connection:
        with connection.begin():
            work = execution.begin(connection, settings(), run_id)
        with connection.begin():
            assert execution.bill_chunk(connection, work, 1) == 1
            town.read(house.meter_id, (at(date(2025, 2, 15)), "50.000"))
            other = pool.submit(execution.carry_out, town.engine, settings(), run_id)
            with pytest.raises(TimeoutError):
                other.result(timeout=1)
        other.result(timeout=20)
    town.issue(run_id)
    used = town.rows("SELECT quantity FROM invoice_line WHERE component = 'WATER' ORDER BY invoice_id")
    assert used == [(Decimal("45.000"),), (Decimal("45.000"),)]


def test_many_contracts_are_calculated_by_processes_of_their_own_each_once(town, monkeypatch):
    for _ in range(9):
        b1_house(town)
    monkeypatch.setattr(execution, "MANY", 5)
    run_id = town.start_run()
    execution.carry_out(town.engine, settings(), run_id, chunk_size=2)
    assert town.rows("SELECT state, accounts_done FROM billing_run") == [("calculated", 9)]
    assert town.rows("SELECT count(*), count(DISTINCT contract_id) FROM billing_draft") == [(9, 9)]


def test_signs_that_copy_and_json_escape_arrive_as_they_are(town):
    name = 'Äiti \\ "Öljy"\tOy\nrivi \\N \\. {}'
    house = b1_house(town, name=name)
    town.bill()
    assert town.invoice(house).snapshot["customer"]["name"] == name


def test_lines_without_their_document_are_refused_at_the_commit(town):
    with pytest.raises(IntegrityError, match="fk_invoice_vat_invoice_id"):
        town.execute(
            "INSERT INTO invoice_vat (invoice_id, category, rate, base, vat) VALUES (77, 'S', 25.5, 1, 1)"
        )
