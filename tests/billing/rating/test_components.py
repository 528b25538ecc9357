"""Every kind of price component on the site that it is made for, with published prices where there are any."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.rating.components import KINDS
from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.serialise import line_from_json
from meterhub.billing.rating.verify import disagreements
from meterhub.billing.scenario.answers import answer
from tests.billing.scenarios import documents, lines, point_used, price, quote, water

YEAR = ("2025-01-01", "2026-01-01")
RIIHIMAKI = {"20": "111.50", "25": "209.59", "50": "698.21", "100": "2741.68"}
PERCENTS = st.decimals(min_value=0, max_value=100, places=1).map(str)
PRICES = st.decimals(min_value=0, max_value=100, places=4).map(str)


def site(**facts: Any) -> list[dict[str, Any]]:
    return [facts]


def nets(scenario: dict[str, Any]) -> dict[str, Decimal]:
    return {line["code"]: Decimal(line["net"]) for line in lines(scenario)}


def yearly(component: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return quote(period=YEAR, tariff=[component], sites=site(**facts))


def test_every_kind_of_the_price_list_is_there() -> None:
    assert set(KINDS) == {
        "volumetric",
        "fixed",
        "meter_size",
        "floor_area",
        "dwelling",
        "stormwater",
        "surcharge",
        "credit",
        "minimum",
        "one_off",
    }


@pytest.mark.parametrize(("size", "net"), [(20, "111.50"), (50, "698.21"), (100, "2741.68")])
def test_the_base_fee_of_a_whole_year_is_the_price_of_the_meters_size(size: int, net: str) -> None:
    fee = price("BASE", None, "meter_size", sizes=RIIHIMAKI)
    assert nets(yearly(fee, meter_size_mm=size)) == {"BASE": Decimal(net)}


def test_a_larger_meter_in_mid_year_is_charged_from_its_day() -> None:
    fee = price("BASE", None, "meter_size", sizes=RIIHIMAKI)
    sites = [
        {"valid_from": "2020-01-01", "meter_size_mm": 20},
        {"valid_from": "2025-07-01", "meter_size_mm": 25},
    ]
    made = lines(quote(period=YEAR, tariff=[fee], sites=sites))
    assert [(line["quantity"], line["unit_price"], line["net"]) for line in made] == [
        ("181", "111.50", "55.29"),
        ("184", "209.59", "105.66"),
    ]


def test_a_floor_area_counts_by_the_square_metre_and_the_type_of_building() -> None:
    fee = price("BASE", "0.10", "floor_area", per="month", factors={"detached": "3.0", "row": "2.7"})
    assert nets(yearly(fee, floor_area_m2="150", building_type="row")) == {"BASE": Decimal("486.00")}


@pytest.mark.parametrize(("area", "net"), [("150", "10.00"), ("150.01", "20.00"), ("9999", "20.00")])
def test_a_class_of_floor_area_holds_its_upper_bound(area: str, net: str) -> None:
    classes = [{"up_to_m2": "150", "net_price": "10"}, {"net_price": "20"}]
    fee = price("BASE", None, "floor_area", classes=classes)
    assert nets(yearly(fee, floor_area_m2=area)) == {"BASE": Decimal(net)}


def test_classes_that_do_not_rise_overlap() -> None:
    classes = [{"up_to_m2": "150", "net_price": "10"}, {"up_to_m2": "150", "net_price": "20"}]
    with pytest.raises(RatingError, match=r"classes\[1\]\.up_to_m2") as caught:
        answer(yearly(price("BASE", None, "floor_area", classes=classes), floor_area_m2="1"))
    assert caught.value.reason == "tariff_overlap"


def test_each_home_is_charged_once_and_by_months_where_the_list_says_so() -> None:
    fee = price("HOMES", "120.00", "dwelling", apportion="months")
    (line,) = lines(quote(period=("2025-01-01", "2025-03-01"), tariff=[fee], sites=site(dwellings=12)))
    assert (line["quantity"], line["unit"], line["net"]) == ("24", "MON", "240.00")


def test_stormwater_is_flat_for_a_house_and_by_plot_and_type_for_others() -> None:
    fee = price("STORM", "34.00", "stormwater", flat=["house"], factors={"housing": "2", "other": "4"})
    assert nets(yearly(fee, building_type="house")) == {"STORM": Decimal("34.00")}
    assert nets(yearly(fee, building_type="housing", plot_area_m2="5200")) == {"STORM": Decimal("353.60")}
    assert nets(yearly(fee, building_type="other", plot_area_m2="5200")) == {"STORM": Decimal("707.20")}


def test_a_surcharge_of_half_is_on_marked_sites_only_and_on_the_named_price_only() -> None:
    half = price("SEWER", None, "surcharge", percent="50", of=["WATER"], mark="combined")
    used = {"tariff": [water("1.44"), half], "period": YEAR}
    marked = quote(point_used("0", "100", YEAR), **used, sites=site(marks=["combined"]))
    assert nets(marked) == {"WATER": Decimal("144.00"), "SEWER": Decimal("72.00")}
    assert nets(quote(point_used("0", "100", YEAR), **used)) == {"WATER": Decimal("144.00")}


def test_a_surcharge_that_changes_cuts_the_line_it_is_on() -> None:
    tariff = [
        water("1.00"),
        price("SEWER", None, "surcharge", percent="10", of=["WATER"], valid_to="2025-07-02"),
        price("SEWER", None, "surcharge", percent="20", of=["WATER"], valid_from="2025-07-02"),
    ]
    made = lines(quote(point_used("0", "365", YEAR), period=YEAR, tariff=tariff))
    found = [(line["code"], line["quantity"], line["net"]) for line in made]
    assert found == [
        ("WATER", "182.000", "182.00"),
        ("WATER", "183.000", "183.00"),
        ("SEWER", "182.000", "18.20"),
        ("SEWER", "183.000", "36.60"),
    ]


def test_a_credit_of_a_share_gives_back_and_a_flat_one_by_time() -> None:
    share = price("REDUCED", None, "credit", percent="25", of=["WATER"])
    flat = price("WELL", "36.50", "credit")
    scenario = quote(point_used("0", "100", YEAR), period=YEAR, tariff=[water("1.00"), share, flat])
    assert nets(scenario) == {"WATER": Decimal(100), "REDUCED": Decimal(-25), "WELL": Decimal("-36.50")}


def test_a_product_of_the_list_is_not_billed_with_the_water() -> None:
    product = price("VISIT", "57.00", "one_off", unit="C62", names={"fi": "Käynti"}, needs_permit=True)
    assert nets(yearly(product)) == {}


@pytest.mark.parametrize(
    ("component", "where"),
    [
        (price("S", None, "surcharge", percent="5"), "of"),
        (price("S", "1", "surcharge", of=["WATER"]), "of"),
        (price("C", None, "credit", percent="100.1", of=["WATER"]), "percent"),
        (price("M", None, "meter_size", sizes={}), "sizes"),
        (price("M", None, "meter_size", sizes={"DN20": "1"}), "DN20"),
        (price("M", "1", "meter_size", sizes={"20": "1"}), "net_price"),
        (price("O", "1", "one_off", unit="EACH"), "unit"),
        (price("W", "1", "stormwater", per_m2="0"), "per_m2"),
    ],
)
def test_parameters_that_say_nothing_usable_are_named(component: dict[str, Any], where: str) -> None:
    with pytest.raises(RatingError, match=where):
        answer(yearly(component))


@given(PRICES, PERCENTS, st.integers(min_value=0, max_value=10**7))
def test_a_surcharge_and_a_credit_of_the_same_share_cancel_and_every_line_computes_again(
    net_price: str, percent: str, litres: int
) -> None:
    tariff = [
        water(net_price),
        price("MORE", None, "surcharge", percent=percent, of=["WATER"]),
        price("LESS", None, "credit", percent=percent, of=["WATER"]),
    ]
    scenario = quote(point_used("0", str(Decimal(litres).scaleb(-3)), YEAR), period=YEAR, tariff=tariff)
    by_code = nets(scenario)
    assert by_code["MORE"] + by_code["LESS"] == 0
    for document in documents(scenario):
        for line in document["lines"]:
            assert disagreements(line_from_json(line)) == []


@given(st.integers(min_value=1, max_value=364), st.sampled_from(["days_of_year", "months"]))
def test_two_parts_of_a_year_come_to_the_whole_fee_within_a_cent(day: int, apportion: str) -> None:
    cut = (date(2025, 1, 1) + timedelta(days=day)).isoformat()
    fee = price("BASE", None, "meter_size", sizes=RIIHIMAKI, apportion=apportion)
    sites = site(meter_size_mm=25)
    parts = [quote(period=part, tariff=[fee], sites=sites) for part in ((YEAR[0], cut), (cut, YEAR[1]))]
    whole = sum((nets(part)["BASE"] for part in parts), Decimal(0))
    assert abs(whole - Decimal("209.59")) <= Decimal("0.01")
