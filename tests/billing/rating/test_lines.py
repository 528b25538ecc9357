"""Which lines a bill has: cuts, fixed fees, minimum, leak credit, one-offs, returned lines, moves."""

import pytest

from tests.billing.scenarios import (
    NO_VAT,
    Q1,
    document,
    documents,
    lines,
    meter,
    point,
    point_used,
    price,
    quote,
    read,
    rows,
    stored,
    wastewater,
    water,
    without_trace,
)

START, END = Q1
YEAR = ("2025-01-01", "2026-01-01")


def test_a_version_boundary_cuts_even_where_nothing_changes() -> None:
    same = [water(valid_to="2025-02-01"), water(valid_from="2025-02-01")]
    scenario = quote(point_used("0", "90"), tariff=same)
    assert rows(scenario) == [
        (START, "2025-02-01", "31.000", "44.64"),
        ("2025-02-01", END, "59.000", "84.96"),
    ]


def test_a_component_is_cut_by_its_own_versions_only() -> None:
    scenario = quote(
        point_used("0", "90"),
        tariff=[water(), wastewater(valid_to="2025-02-01"), wastewater("2.10", valid_from="2025-02-01")],
    )
    assert [line["code"] for line in lines(scenario)] == ["WATER", "WASTEWATER", "WASTEWATER"]


def test_vat_versions_of_other_codes_do_not_cut() -> None:
    vat = [
        {"code": "std", "category": "S", "rate": "25", "valid_from": "2005-01-01"},
        {"code": "x", "category": "S", "rate": "25", "valid_from": "2005-01-01", "valid_to": "2025-02-01"},
        {"code": "x", "category": "S", "rate": "15", "valid_from": "2025-02-01"},
    ]
    scenario = quote(point_used("0", "90"), tariff=[water(), wastewater(vat_code="x")], vat=vat)
    assert [(line["code"], line["vat_rate"]) for line in lines(scenario)] == [
        ("WATER", "25"),
        ("WASTEWATER", "25"),
        ("WASTEWATER", "15"),
    ]


def test_nothing_is_billed_before_the_first_version_or_after_the_last() -> None:
    scenario = quote(
        point_used("0", "90"),
        tariff=[
            water(valid_from="2025-02-01", valid_to="2025-03-01"),
            price("FEE", "365", "fixed", valid_to="2025-01-11"),
        ],
    )
    assert rows(scenario) == [
        ("2025-02-01", "2025-03-01", "28.000", "40.32"),
        (START, "2025-01-11", "10", "10.00"),
    ]


def test_a_component_that_is_not_in_force_needs_no_reads() -> None:
    started = quote(
        point(meter(read("2025-02-01", "0"), read(END, "59"))),
        tariff=[water(valid_from="2025-02-01"), wastewater(valid_to=START)],
    )
    assert rows(started) == [("2025-02-01", END, "59.000", "84.96")]
    ended = quote(point(meter(read(START, "0"), read("2025-02-01", "31"))), tariff=[water(valid_to="2025-02-01")])
    assert rows(ended) == [(START, "2025-02-01", "31.000", "44.64")]


def test_zero_volume_gives_a_line_and_an_invoice_of_zero() -> None:
    only = document(quote(point_used("5", "5"), tariff=[water()]))
    assert [(line["quantity"], line["net"]) for line in only["lines"]] == [("0.000", "0.00")]
    assert (only["type"], only["gross"]) == ("invoice", "0.00")


def test_nothing_to_bill_gives_no_document() -> None:
    assert documents(quote(tariff=[])) == []


def test_a_price_given_with_vat_becomes_net_with_its_decimals() -> None:
    gross = {"net_price": None, "gross_price": "34.34", "gross_vat_rate": "25"}
    three = price("WATER", service="water", price_decimals="3", **gross)
    two = price("WASTEWATER", service="wastewater", **gross)
    none = price("FEE", kind="fixed", price_decimals="0", **gross)
    made = lines(quote(point_used("0", "1"), tariff=[three, two, none]))
    assert [line["unit_price"] for line in made] == ["27.472", "27.47", "27"]


@pytest.mark.parametrize(
    ("period", "quantity", "base"),
    [(("2024-01-01", "2024-03-01"), "60", "366"), (("2025-01-01", "2025-03-01"), "59", "365")],
)
def test_fixed_fees_by_days_over_the_days_of_the_year(period: tuple, quantity: str, base: str) -> None:
    (line,) = lines(quote(period=period, tariff=[price("FEE", "100", "fixed", valid_from="2024-01-01")]))
    assert (line["quantity"], line["unit"], line["price_base_quantity"]) == (quantity, "DAY", base)


def test_fixed_fees_by_days_are_cut_at_each_new_year() -> None:
    made = lines(
        quote(period=("2023-07-01", "2025-02-01"), tariff=[price("FEE", "100", "fixed", valid_from="2023-01-01")])
    )
    assert [(line["quantity"], line["price_base_quantity"], line["vat_rate"]) for line in made] == [
        ("184", "365", "24"),
        ("244", "366", "24"),
        ("122", "366", "25.5"),
        ("31", "365", "25.5"),
    ]


def test_fees_reach_the_last_year_of_the_calendar() -> None:
    assert rows(quote(period=("9999-12-01", "9999-12-31"), tariff=[price("FEE", "365", "fixed")])) == [
        ("9999-12-01", "9999-12-31", "30", "30.00")
    ]


def test_a_period_that_ends_at_new_year_is_not_cut_there() -> None:
    assert len(lines(quote(period=("2025-12-01", "2026-01-01"), tariff=[price("FEE", "100", "fixed")]))) == 1


def test_fixed_fees_by_months_with_parts_of_months() -> None:
    fee = [price("FEE", "1200", "fixed", valid_from="2020-01-01")]
    (line,) = lines(quote(period=("2024-02-15", "2024-04-11"), tariff=fee, country="NO"))
    # 15/29 of February, March, 10/30 of April.
    assert (line["quantity"], line["unit"], line["price_base_quantity"], line["net"]) == (
        "1.850575",
        "MON",
        "12",
        "185.06",
    )


def test_fixed_fees_by_months_are_not_cut_at_new_year() -> None:
    (line,) = lines(quote(period=("2025-10-01", "2026-04-01"), tariff=[price("FEE", "12", "fixed")], country="NO"))
    assert (line["quantity"], line["net"]) == ("6", "6.00")


def test_a_monthly_fee_counts_months_whatever_the_method() -> None:
    fee = price("FEE", "10", "fixed", per="month", quantity="2.5")
    (line,) = lines(quote(period=("2025-11-16", "2026-02-01"), tariff=[fee]))
    assert (line["quantity"], line["unit"], line["price_base_quantity"], line["net"]) == (
        "6.25",
        "MON",
        "1",
        "62.50",
    )


def test_fixed_fees_count_units() -> None:
    (line,) = lines(quote(tariff=[price("FEE", "36.50", "fixed", quantity="2.5")]))
    assert (line["quantity"], line["net"]) == ("225.0", "22.50")


def test_fixed_fees_may_name_any_service() -> None:
    assert rows(quote(tariff=[price("RAIN", "36.50", "fixed", service="stormwater")])) == [
        (START, END, "90", "9.00")
    ]


def test_the_rule_of_the_other_country_can_be_chosen() -> None:
    fee = [price("FEE", "12", "fixed")]
    assert rows(quote(tariff=fee, rules={"fixed_method": "months"})) == [(START, END, "3", "3.00")]
    assert rows(quote(tariff=fee, country="NO", rules={"fixed_method": "days_of_year"})) == [
        (START, END, "90", "2.96")
    ]


def test_meter_exchanges_do_not_cut_fixed_fees_but_moves_do() -> None:
    exchanged = point(
        meter(read(START, "0"), read("2025-02-01", "1", "removal")),
        meter(read("2025-02-01", "0", "installation"), read(END, "2"), name="B"),
    )
    scenario = quote(exchanged, move={"date": "2025-03-01", "out": "A", "in": "B"})
    assert [row[:2] for row in rows(scenario, "BASE_WATER")] == [(START, "2025-03-01"), ("2025-03-01", END)]
    assert [row[:2] for row in rows(scenario, "WATER")] == [
        (START, "2025-02-01"),
        ("2025-02-01", "2025-03-01"),
        ("2025-03-01", END),
    ]


def test_with_period_end_vat_does_not_cut_and_the_last_day_decides() -> None:
    summer = ("2024-07-01", "2024-10-01")
    scenario = quote(
        point_used("0", "92", summer),
        period=summer,
        tariff=[
            water(valid_from="2024-01-01"),
            price("FEE", "100", "fixed", valid_from="2024-01-01"),
        ],
        items=[{"code": "X", "quantity": "1", "net_price": "1", "vat_code": "std", "date": "2024-08-31"}],
        leak_credit={"component": "WATER", "normal_annual": "0"},
        rules={"vat_cut": "period_end"},
    )
    made = {line["code"]: line["vat_rate"] for line in lines(scenario)}
    assert made == {"WATER": "25.5", "WATER_LEAK_CREDIT": "25.5", "FEE": "25.5", "X": "24"}


def test_with_period_end_the_true_up_before_the_period_takes_its_last_day_too() -> None:
    summer = ("2024-10-01", "2025-01-01")
    returned = stored(
        lines(
            quote(
                point(meter(read("2024-06-01", "0")), annual_estimate="100"),
                period=("2024-07-01", "2024-08-01"),
                tariff=[water(valid_from="2024-01-01")],
            )
        )[0],
        "E1",
    )
    scenario = quote(
        point(meter(read("2024-06-01", "0"), read("2025-01-01", "107"))),
        period=summer,
        tariff=[water(valid_from="2024-01-01")],
        earlier=[returned],
        rules={"vat_cut": "period_end"},
    )
    charged = [line for line in lines(scenario) if line["refers_to"] is None]
    assert [(*line["period"], line["vat_rate"]) for line in charged] == [
        ("2024-07-01", "2024-08-01", "25.5"),
        ("2024-08-01", "2025-01-01", "25.5"),
    ]


MINIMUM = price("MINIMUM", "15.00", "minimum")


def test_the_minimum_is_what_volumes_lack() -> None:
    (line,) = lines(quote(point_used("7.1", "9.5"), tariff=[water(), wastewater(), MINIMUM]), "MINIMUM")
    assert (line["quantity"], line["unit"], line["unit_price"], line["net"]) == ("1", "C62", "6.79", "6.79")
    assert line["period"] == [START, END]


def test_volumes_at_the_minimum_need_no_line() -> None:
    exactly = [water("1.00"), price("MINIMUM", "10.00", "minimum")]
    assert lines(quote(point_used("0", "10"), tariff=exactly), "MINIMUM") == []
    assert [line["net"] for line in lines(quote(point_used("0", "9.99"), tariff=exactly), "MINIMUM")] == ["0.01"]


def test_the_minimum_counts_leak_credits_and_neither_fees_nor_returned_lines() -> None:
    leaky = quote(
        point_used("0", "100"),
        tariff=[water("1.00"), price("FEE", "365.00", "fixed"), price("MINIMUM", "15.00", "minimum")],
        leak_credit={"component": "WATER", "normal_annual": "0", "percent": "90"},
    )
    assert [line["net"] for line in lines(leaky, "MINIMUM")] == ["5.00"]
    returned = stored(lines(quote(point_used("0", "20"), tariff=[water("1.00")]))[0], "E1")
    settled = quote(
        point_used("0", "20"), tariff=[water("1.00"), price("MINIMUM", "15.00", "minimum")], earlier=[returned]
    )
    assert lines(settled, "MINIMUM") == []


def test_the_minimum_takes_price_and_vat_of_its_last_day() -> None:
    tariff = [
        price("MINIMUM", "10.00", "minimum", valid_from="2024-01-01", valid_to="2024-09-15"),
        price("MINIMUM", "20.00", "minimum", valid_from="2024-09-15"),
    ]
    (line,) = lines(quote(period=("2024-07-01", "2024-10-01"), tariff=tariff))
    assert (line["net"], line["vat_rate"]) == ("20.00", "25.5")
    assert lines(quote(period=("2024-07-01", "2024-10-01"), tariff=[tariff[0]])) == []


def test_each_part_of_a_move_has_its_days_part_of_the_minimum() -> None:
    scenario = quote(
        point(meter(read(START, "0"), read("2025-02-01", "4"), read(END, "5"))),
        tariff=[water("1.00"), price("MINIMUM", "10.00", "minimum")],
        move={"date": "2025-02-01", "out": "A", "in": "B"},
    )
    # 31/90 of 10.00 is 3.44, below 4.00; 59/90 is 6.56, of which 1.00 was used.
    assert rows(scenario, "MINIMUM") == [("2025-02-01", END, "1", "5.56")]


def test_a_leak_credit_follows_its_charge_lines() -> None:
    scenario = quote(
        point_used("0", "900"),
        tariff=[wastewater(valid_to="2025-02-01"), wastewater("2.00", valid_from="2025-02-01")],
        leak_credit={"component": "WASTEWATER", "normal_annual": "365", "percent": "50"},
    )
    charges, credited = lines(scenario, "WASTEWATER"), lines(scenario, "WASTEWATER_LEAK_CREDIT")
    assert [line["quantity"] for line in charges] == ["310.000", "590.000"]
    assert [line["quantity"] for line in credited] == ["-139.500", "-265.500"]
    for charge, credit in zip(charges, credited, strict=True):
        same = ("point", "period", "unit_price", "vat_rate", "quality", "unit")
        assert [charge[name] for name in same] == [credit[name] for name in same]


def test_the_cap_of_a_leak_credit_is_used_up_over_the_lines() -> None:
    scenario = quote(
        point_used("0", "90"),
        tariff=[
            water(valid_to="2025-02-01"),
            water(valid_from="2025-02-01", valid_to="2025-03-01"),
            water(valid_from="2025-03-01"),
        ],
        leak_credit={"component": "WATER", "normal_annual": "0", "cap_m3": "40"},
    )
    assert [line["quantity"] for line in lines(scenario, "WATER_LEAK_CREDIT")] == ["-31.000", "-9.000"]


def test_normal_use_counts_from_the_first_line_of_a_true_up() -> None:
    returned = stored(lines(quote(point_used("0", "1"), tariff=[water()]))[0], "E1")
    second = ("2025-04-01", "2025-07-01")
    scenario = quote(
        point(meter(read(START, "0"), read("2025-07-01", "181"))),
        period=second,
        tariff=[water()],
        earlier=[returned],
        leak_credit={"component": "WATER", "normal_annual": "100"},
    )
    # N: 24.658 after 90 days, 49.589 after 181.
    assert [line["quantity"] for line in lines(scenario, "WATER_LEAK_CREDIT")] == ["-65.342", "-66.069"]


def test_no_credit_line_where_nothing_leaked() -> None:
    scenario = quote(point_used("0", "1"), leak_credit={"component": "WATER", "normal_annual": "100"})
    assert lines(scenario, "WATER_LEAK_CREDIT") == []


def test_one_offs_take_the_vat_of_their_day_and_may_be_negative() -> None:
    items = [
        {"code": "WORK", "quantity": "3.5", "unit": "HUR", "net_price": "62.005", "vat_code": "std"},
        {"code": "BACK", "quantity": "-1", "net_price": "10", "vat_code": "std", "date": "2024-08-31"},
    ]
    work, back = lines(quote(tariff=[], items=items))
    assert without_trace(work) == {
        "code": "WORK",
        "point": None,
        "period": None,
        "quantity": "3.5",
        "unit": "HUR",
        "unit_price": "62.005",
        "price_base_quantity": "1",
        "net": "217.02",
        "vat_category": "S",
        "vat_rate": "25.5",
        "quality": None,
        "refers_to": None,
    }
    assert (back["unit"], back["net"], back["vat_rate"]) == ("C62", "-10.00", "24")


def test_returned_lines_are_negated_and_not_computed_again() -> None:
    odd = {
        "document": "E1",
        "code": "OLD_CODE",
        "point": None,
        "period": None,
        "quantity": "3",
        "unit": "C62",
        "unit_price": "1.00",
        "price_base_quantity": "1",
        "net": "2.99",
        "vat_category": "S",
        "vat_rate": "22",
        "quality": None,
    }
    only = document(quote(tariff=[], earlier=[odd]))
    (line,) = only["lines"]
    assert (line["quantity"], line["net"], line["refers_to"], line["vat_rate"]) == ("-3", "-2.99", "E1", "22")
    assert (only["type"], only["refers_to"], only["gross"]) == ("credit_note", None, "-3.65")


def test_a_move_gives_each_side_its_days() -> None:
    scenario = quote(
        point(meter(read(START, "0"), read("2025-02-15", "10", "customer"), read(END, "30"))),
        move={"date": "2025-02-15", "out": "A", "in": "B"},
        items=[
            {"code": "CLOSE", "quantity": "1", "net_price": "5", "vat_code": "std", "date": "2025-02-14"},
            {"code": "OPEN", "quantity": "1", "net_price": "6", "vat_code": "std", "date": "2025-02-15"},
            {"code": "LATE", "quantity": "1", "net_price": "7", "vat_code": "std"},
        ],
        tariff=[water()],
    )
    assert {
        one["payer"]: [(line["code"], line["quantity"]) for line in one["lines"]] for one in documents(scenario)
    } == {
        "A": [("WATER", "10.000"), ("CLOSE", "1")],
        "B": [("WATER", "20.000"), ("OPEN", "1"), ("LATE", "1")],
    }


def test_at_a_move_returned_lines_go_to_who_moves_out() -> None:
    returned = stored(lines(quote(point_used("0", "20"), tariff=[water()]))[0], "E1", period=["2025-03-01", END])
    scenario = quote(
        point_used("0", "90"),
        tariff=[water()],
        earlier=[returned],
        move={"date": "2025-02-01", "out": "A", "in": "B"},
    )
    owners = {one["payer"]: [line["refers_to"] for line in one["lines"]] for one in documents(scenario)}
    assert owners == {"A": [None, "E1"], "B": [None, None]}


def test_everything_at_once_shared_move_deduct_price_vat_exchange_and_rollover() -> None:
    summer = ("2025-06-01", "2025-09-01")
    scenario = quote(
        point(
            meter(read("2025-06-01", "99950"), read("2025-07-01", "10", "removal"), qmax_m3h="5"),
            meter(read("2025-07-01", "0", "installation"), read("2025-09-01", "62"), name="B1"),
            role="shared",
        ),
        point(meter(read("2025-06-01", "0"), read("2025-09-01", "9.2")), id="MP2", role="deduct"),
        country="NO",
        vat=NO_VAT,
        period=summer,
        move={"date": "2025-08-01", "out": "A", "in": "B"},
        tariff=[
            water("20.00", valid_to="2025-07-15"),
            water("21.00", valid_from="2025-07-15"),
            wastewater("30.00"),
            price("FEE", "1200.00", "fixed"),
        ],
    )
    assert rows(scenario, "WATER") == [
        ("2025-06-01", "2025-07-01", "60.000", "1200.00"),
        ("2025-07-01", "2025-07-15", "14.000", "280.00"),
        ("2025-07-15", "2025-08-01", "17.000", "357.00"),
        ("2025-08-01", "2025-09-01", "31.000", "651.00"),
    ]
    assert rows(scenario, "WASTEWATER") == [
        ("2025-06-01", "2025-07-01", "57.000", "1710.00"),
        ("2025-07-01", "2025-08-01", "27.900", "837.00"),
        ("2025-08-01", "2025-09-01", "27.900", "837.00"),
    ]
    assert rows(scenario, "FEE") == [
        ("2025-06-01", "2025-07-01", "1", "100.00"),
        ("2025-07-01", "2025-08-01", "1", "100.00"),
        ("2025-08-01", "2025-09-01", "1", "100.00"),
    ]
    assert [(one["payer"], [group["rate"] for group in one["vat_groups"]]) for one in documents(scenario)] == [
        ("A", ["15", "25"]),
        ("B", ["15"]),
    ]
