"""From reads to billed volumes: order of evidence, unwrapping, virtual reads, marks, exchange, deduct meters."""

import pytest

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.scenario.answers import answer
from tests.billing.scenarios import (
    NO_VAT,
    Q1,
    document,
    lines,
    meter,
    point,
    point_used,
    quote,
    read,
    rows,
    wastewater,
    water,
)

START, END = Q1
WATER_ONLY = {"tariff": [water()]}


def volume(*installations: dict, **more: object) -> list[str]:
    """Quantities of the water lines of one point."""
    keys = ("rules", "regime", "period", "earlier", "country", "vat", "move")
    outer = {name: more.pop(name) for name in keys if name in more}
    return [line["quantity"] for line in lines(quote(point(*installations, **more), **WATER_ONLY, **outer))]


def reason(scenario: dict) -> str:
    with pytest.raises(RatingError) as caught:
        answer(scenario)
    return caught.value.reason.value


def test_an_actual_read_on_the_cut_wins_over_interpolation() -> None:
    assert volume(meter(read("2024-12-01", "0"), read(START, "70"), read(END, "100"))) == ["30.000"]


def test_of_two_reads_on_a_day_the_better_source_counts() -> None:
    reads = [
        read(START, "10", "customer"),
        read(START, "12", "amr"),
        read(START, "11", "utility"),
        read(END, "20"),
    ]
    assert volume(meter(*reads)) == ["8.000"]


def test_the_same_value_twice_from_one_source_is_no_contradiction() -> None:
    assert volume(meter(read(START, "10"), read(START, "10.000"), read(END, "20"))) == ["10.000"]


def test_estimated_reads_are_ignored_even_where_they_contradict() -> None:
    reads = [read(START, "10"), read(START, "11", "estimated"), read(START, "12", "estimated"), read(END, "20")]
    assert volume(meter(*reads, read("2025-06-01", "999999", "estimated"))) == ["10.000"]


def test_reads_may_come_in_any_order() -> None:
    assert volume(meter(read(END, "20"), read(START, "10"))) == ["10.000"]


@pytest.mark.parametrize(("zone", "quantity"), [("Europe/Helsinki", "10.000"), ("Europe/Oslo", "9.890")])
def test_an_instant_counts_on_its_local_date(zone: str, quantity: str) -> None:
    # 22:30 UTC on New Year's Eve is the new year in Helsinki and the old one in Oslo.
    reads = [{"at": "2024-12-31T22:30:00Z", "m3": "10", "source": "amr"}, read(END, "20")]
    scenario = quote(point(meter(*reads)), zone=zone, **WATER_ONLY)
    assert [line["quantity"] for line in lines(scenario)] == [quantity]


def test_an_instant_in_summer_uses_summer_time() -> None:
    reads = [{"at": "2025-06-30T21:00:00+00:00", "m3": "1", "source": "amr"}, read("2025-10-01", "5")]
    scenario = quote(point(meter(*reads)), period=("2025-07-01", "2025-10-01"), **WATER_ONLY)
    assert [line["quantity"] for line in lines(scenario)] == ["4.000"]


def test_estimates_count_from_the_last_actual_read_and_telescope() -> None:
    installation = meter(read("2024-12-31", "0"), read(START, "10"))
    first = volume(installation, annual_estimate="100", period=(START, "2025-02-01"))
    second = volume(installation, annual_estimate="100", period=("2025-02-01", "2025-03-01"))
    both = volume(installation, annual_estimate="100", period=(START, "2025-03-01"))
    assert (first, second, both) == (["8.493"], ["7.671"], ["16.164"])


def test_an_estimate_over_a_leap_day_still_divides_by_365() -> None:
    scenario = quote(
        point(meter(read("2024-01-01", "0")), annual_estimate="365"),
        period=("2024-01-01", "2025-01-01"),
        tariff=[water(valid_from="2024-01-01")],
    )
    assert [line["quantity"] for line in lines(scenario)] == ["244.000", "122.000"]


def test_estimates_by_months() -> None:
    installation = meter(read(START, "0"))
    made = volume(
        installation, annual_estimate="120", rules={"volume_apportion": "months"}, period=(START, "2025-02-15")
    )
    assert made == ["15.000"]


def test_quality_is_estimated_only_when_an_end_is() -> None:
    scenario = quote(
        point(meter(read(START, "0"), read("2025-03-01", "10")), annual_estimate="73"),
        tariff=[water(valid_to="2025-02-01"), water(valid_from="2025-02-01")],
    )
    assert [(line["quantity"], line["quality"]) for line in lines(scenario)] == [
        ("5.254", "actual"),
        ("10.946", "estimated"),
    ]


def test_a_removed_meter_stands_still() -> None:
    assert volume(meter(read(START, "0"), read("2025-02-01", "7", "removal"))) == ["7.000"]


def test_a_meter_counts_from_its_installation() -> None:
    assert volume(meter(read("2025-02-01", "3", "installation"), read(END, "10"))) == ["7.000"]


def test_a_rollover_needs_no_annual_volume_when_the_meter_can_pass_it() -> None:
    reads = [read(START, "99990"), read(END, "10")]
    assert volume(meter(*reads, qmax_m3h="2.5")) == ["20.000"]
    assert reason(quote(point(meter(*reads)), **WATER_ONLY)) == "read_suspect"


def test_a_rollover_at_exactly_three_times_the_expected_volume_is_one() -> None:
    reads = [read(START, "99990.000"), read("2025-03-15", "50.000")]  # 73 days: a fifth of a year
    assert volume(meter(*reads), annual_estimate="100", period=(START, "2025-03-15")) == ["60.000"]
    worse = [reads[0], read("2025-03-15", "50.001")]
    scenario = quote(point(meter(*worse), annual_estimate="100"), period=(START, "2025-03-15"), **WATER_ONLY)
    assert reason(scenario) == "read_suspect"


def test_a_rollover_starts_in_the_last_tenth_of_the_register() -> None:
    assert (
        reason(quote(point(meter(read(START, "90000"), read(END, "5"), qmax_m3h="1000")), **WATER_ONLY))
        == "read_suspect"
    )
    assert volume(meter(read(START, "90000.001"), read(END, "5"), qmax_m3h="1000")) == ["10004.999"]


def test_digits_set_where_the_register_starts_again() -> None:
    assert volume(meter(read(START, "9999.5"), read(END, "1.5"), digits=4, qmax_m3h="1")) == ["2.000"]


def test_a_rollover_on_the_cut_day_is_interpolated_over() -> None:
    reads = [read("2024-12-02", "99990"), read("2025-01-31", "20")]
    made = volume(meter(*reads, read(END, "30"), qmax_m3h="1"))
    assert made == ["25.000"]


def test_reverse_flow_up_to_the_tolerance_bills_nothing() -> None:
    assert volume(meter(read(START, "55.4"), read(END, "54.4"))) == ["0.000"]
    assert reason(quote(point(meter(read(START, "55.4"), read(END, "54.399"))), **WATER_ONLY)) == "read_suspect"
    assert volume(meter(read(START, "55.4"), read(END, "52.4")), rules={"reverse_tolerance_m3": "3"}) == ["0.000"]


def test_water_that_flowed_back_is_billed_once() -> None:
    reads = [read(START, "10"), read("2025-02-01", "9.5"), read("2025-03-01", "10.2"), read(END, "12")]
    scenario = quote(
        point(meter(*reads)),
        tariff=[
            water(valid_to="2025-02-01"),
            water(valid_from="2025-02-01", valid_to="2025-03-01"),
            water(valid_from="2025-03-01"),
        ],
    )
    assert [line["quantity"] for line in lines(scenario)] == ["0.000", "0.200", "1.800"]


def test_a_dip_between_cuts_does_not_count() -> None:
    assert volume(meter(read(START, "10"), read("2025-02-01", "9.5"), read(END, "12"))) == ["2.000"]


def test_the_billed_mark_is_where_the_first_meter_starts() -> None:
    assert volume(meter(read(START, "10"), read(END, "12")), billed_mark="11.5") == ["0.500"]
    assert volume(meter(read(START, "10"), read(END, "12")), billed_mark="9") == ["2.000"]
    exchanged = [
        meter(read(START, "10"), read("2025-02-01", "12", "removal")),
        meter(read("2025-02-01", "0", "installation"), read(END, "5"), name="B1"),
    ]
    assert volume(*exchanged, billed_mark="11.5") == ["0.500", "5.000"]


def test_days_between_removal_and_installation_hold_no_volume() -> None:
    exchanged = [
        meter(read(START, "10"), read("2025-02-01", "12", "removal")),
        meter(read("2025-02-10", "100", "installation"), read(END, "105"), name="B1"),
    ]
    scenario = quote(point(*exchanged), **WATER_ONLY)
    assert rows(scenario) == [
        (START, "2025-02-10", "2.000", "2.88"),
        ("2025-02-10", END, "5.000", "7.20"),
    ]


def test_an_exchange_on_the_first_day_cuts_nothing() -> None:
    exchanged = [
        meter(read("2024-12-01", "10"), read(START, "12", "removal")),
        meter(read(START, "0", "installation"), read(END, "5"), name="B1"),
    ]
    assert volume(*exchanged) == ["5.000"]


def test_two_exchanges_and_a_rollover_in_one_quarter() -> None:
    exchanged = [
        meter(read(START, "99999"), read("2025-01-15", "1", "removal"), qmax_m3h="1"),
        meter(read("2025-01-15", "0", "installation"), read("2025-02-15", "3", "removal"), name="B1"),
        meter(read("2025-02-15", "7", "installation"), read(END, "8"), name="C1"),
    ]
    assert volume(*exchanged) == ["2.000", "3.000", "1.000"]


def test_a_konto_takes_the_annual_volume_and_ignores_reads() -> None:
    scenario = quote(
        point(meter(read(START, "5"), read(START, "7")), annual_estimate="120"),
        regime="akonto",
        country="NO",
        vat=NO_VAT,
        **WATER_ONLY,
    )
    assert [(line["quantity"], line["quality"]) for line in lines(scenario)] == [("30.000", "estimated")]


def test_a_konto_in_finland_counts_days_from_the_first_of_january() -> None:
    april = ("2025-04-01", "2025-07-01")
    assert volume(regime="akonto", annual_estimate="100", period=april) == ["24.931"]  # 49.589 - 24.658


def test_a_konto_terms_telescope_over_the_year() -> None:
    terms = [
        volume(
            regime="akonto", annual_estimate="100.001", country="NO", vat=NO_VAT, period=(f"2026-{a:02}-01", end)
        )[0]
        for a, end in ((1, "2026-05-01"), (5, "2026-09-01"), (9, "2027-01-01"))
    ]
    assert terms == ["33.334", "33.333", "33.334"]


def test_stipulated_volume_is_basis_times_factor() -> None:
    used = {"stipulated": {"basis": "137", "factor": "1.5"}, "country": "NO", "vat": NO_VAT}
    assert volume(regime="stipulated", **used) == ["51.375"]
    assert volume(regime="stipulated", annual_estimate="4", **used) == ["1.000"]


def test_wastewater_is_less_what_deduct_meters_took_and_water_is_not() -> None:
    scenario = quote(
        point_used("0", "100"),
        point_used("0", "30", id="MP2", role="deduct"),
        point(
            meter(read("2025-03-01", "5", "installation"), read("2025-05-01", "66"), name="D2"),
            id="MP3",
            role="deduct",
            deducts_from="MP1",
        ),
        tariff=[water(), wastewater()],
    )
    assert [line["quantity"] for line in lines(scenario)] == ["100.000", "39.000"]


def test_an_exchange_of_a_deduct_meter_does_not_cut() -> None:
    deduct = point(
        meter(read(START, "0"), read("2025-02-01", "3", "removal")),
        meter(read("2025-02-01", "0", "installation"), read(END, "4"), name="D2"),
        id="MP2",
        role="deduct",
    )
    scenario = quote(point_used("0", "100"), deduct, tariff=[water(), wastewater()])
    assert [line["quantity"] for line in lines(scenario)] == ["100.000", "93.000"]


def test_an_estimated_deduct_meter_makes_the_wastewater_estimated() -> None:
    scenario = quote(
        point_used("0", "100"),
        point(meter(read(START, "0")), id="MP2", role="deduct", annual_estimate="73"),
        tariff=[water(), wastewater()],
    )
    assert [(line["quantity"], line["quality"]) for line in lines(scenario)] == [
        ("100.000", "actual"),
        ("82.000", "estimated"),
    ]


def test_each_of_two_main_points_has_its_own_deduct_meter() -> None:
    scenario = quote(
        point_used("0", "10", id="A"),
        point_used("0", "20", id="B"),
        point_used("0", "5", id="C", role="deduct", deducts_from="B"),
        tariff=[wastewater()],
    )
    assert [(line["point"], line["quantity"]) for line in lines(scenario)] == [("A", "10.000"), ("B", "15.000")]


def test_a_point_is_billed_for_its_services_only() -> None:
    scenario = quote(point_used("0", "10", services=["water"]))
    assert [line["code"] for line in lines(scenario)] == ["WATER", "BASE_WATER", "BASE_WASTEWATER"]
    assert [line["code"] for line in lines(quote(point_used("0", "10", services=[]), **WATER_ONLY))] == []


def test_a_true_up_starts_with_the_first_returned_line_of_the_same_code_and_point() -> None:
    returned = {
        "document": "E1",
        "code": "WATER",
        "point": "MP1",
        "period": ["2024-11-01", "2024-12-01"],
        "quantity": "5",
        "unit": "MTQ",
        "unit_price": "1.44",
        "price_base_quantity": "1",
        "net": "7.20",
        "vat_category": "S",
        "vat_rate": "25.5",
        "quality": "estimated",
    }
    other_point = {**returned, "point": "MP9", "period": ["2024-10-01", "2024-11-01"]}
    not_a_volume = {**returned, "unit": "DAY", "period": ["2024-10-01", "2024-11-01"]}
    scenario = quote(
        point(meter(read("2024-11-01", "0"), read(END, "151"))),
        tariff=[water(), wastewater()],
        earlier=[returned, other_point, not_a_volume],
    )
    charged = [line for line in document(scenario)["lines"] if line["refers_to"] is None]
    assert [(line["code"], *line["period"], line["quantity"]) for line in charged] == [
        ("WATER", "2024-11-01", "2024-12-01", "30.000"),
        ("WATER", "2024-12-01", END, "121.000"),
        ("WASTEWATER", START, END, "90.000"),
    ]
