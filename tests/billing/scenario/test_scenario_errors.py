"""Every error code of the scenario format, and the strictness of the reader."""

import copy
from typing import Any

import pytest

from meterhub.billing.rating.errors import RatingError, Reason
from meterhub.billing.scenario.answers import answer, answer_text
from tests.billing.scenarios import (
    FI_VAT,
    Q1,
    lines,
    meter,
    point,
    point_used,
    price,
    quote,
    read,
    stored,
    tariff_t,
    wastewater,
    water,
)

START, END = Q1


def refused(scenario: Any) -> tuple[str, str]:
    with pytest.raises(RatingError) as caught:
        answer(scenario)
    return caught.value.reason.value, caught.value.detail


def changed(path: str, value: Any, scenario: dict | None = None) -> dict:
    """A good scenario with one field set, or removed with `...`."""
    made = copy.deepcopy(scenario or quote(point_used("0", "10")))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    target: Any = made
    for part in parents:
        target = target[part]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return made


def with_reads(*reads: dict, **more: Any) -> dict:
    return quote(point(meter(*reads), **more))


@pytest.mark.parametrize(
    "text",
    ["", "{", "nonsense", '{"kind": "quote",}', '{"a": NaN}', '{"a": 1, "a": 2}', b"\xff\xfe{}", "[" * 100_000],
)
def test_what_is_not_json_is_answered_with_bad_json(text: str | bytes) -> None:
    assert answer_text(text)["error"]["code"] == "bad_json"


@pytest.mark.parametrize("scenario", [[], "quote", 3, None, {}, {"kind": "invoice"}, {"kind": 3}])
def test_what_is_not_a_scenario_is_bad_scenario(scenario: Any) -> None:
    assert refused(scenario)[0] == "bad_scenario"


@pytest.mark.parametrize(
    "path",
    [
        "country",
        "currency",
        "period",
        "tariff",
        "vat",
        "points.0.id",
        "points.0.installations.0.meter",
        "points.0.installations.0.reads",
        "points.0.installations.0.reads.0.m3",
        "tariff.0.code",
        "tariff.0.kind",
        "points.0.installations.0.reads.0.on",
        "points.0.installations.0.reads.0.source",
        "tariff.0.service",
        "tariff.0.net_price",
        "tariff.0.vat_code",
        "tariff.0.valid_from",
        "vat.0.code",
        "vat.0.category",
        "vat.0.rate",
    ],
)
def test_a_missing_field_is_named(path: str) -> None:
    code, message = refused(changed(path, ...))
    assert code == "bad_scenario"
    assert path.rsplit(".", 1)[-1] in message


@pytest.mark.parametrize(
    "path",
    [
        "x",
        "points.0.x",
        "points.0.installations.0.x",
        "points.0.installations.0.reads.0.x",
        "tariff.0.x",
        "vat.0.x",
        "tariff.0.per",
        "tariff.0.gross_vat_rate",
        "rules.x",
        "move.x",
        "leak_credit.x",
        "items.0.x",
        "payers.0.x",
        "earlier.0.x",
        "earlier.0.refers_to",
    ],
)
def test_an_unlisted_field_is_an_error(path: str) -> None:
    scenario = quote(point_used("0", "10"))
    line = stored(lines(scenario)[0], "E1")
    scenario |= {
        "rules": {},
        "move": {"date": "2025-02-01", "out": "A", "in": "B"},
        "leak_credit": {"component": "WATER", "normal_annual": "1"},
        "items": [{"code": "X", "quantity": "1", "net_price": "1", "vat_code": "std"}],
        "payers": [{"id": "A", "weight": "1"}],
        "earlier": [line],
    }
    answer(scenario)
    assert refused(changed(path, "1", scenario))[0] == "bad_scenario"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("country", "SE"),
        ("currency", "NOK"),
        ("zone", "Europe/Atlantis"),
        ("zone", "/etc/passwd"),
        ("regime", "guess"),
        ("period", ["2025-01-01"]),
        ("period", ["2025-01-01", "2025-02-30"]),
        ("period", ["20250101", "20250401"]),
        ("period", "2025"),
        ("points", {}),
        ("points.0", []),
        ("points.0.id", ""),
        ("points.0.id", 1),
        ("points.0.role", "sub"),
        ("points.0.services", ["gas"]),
        ("points.0.services", ["water", "water"]),
        ("points.0.payer", "nobody"),
        ("points.0.deducts_from", "MP1"),
        ("points.0.annual_estimate", "-1"),
        ("points.0.installations.0.digits", "5"),
        ("points.0.installations.0.digits", True),
        ("points.0.installations.0.digits", 0),
        ("points.0.installations.0.reads.0.source", "guess"),
        ("points.0.installations.0.reads.0.confirmed", "yes"),
        ("points.0.installations.0.reads.0.at", "2025-01-01T00:00:00Z"),
        ("tariff.0.kind", "tiered"),
        ("tariff.0.service", "gas"),
        ("tariff.0.gross_price", "1.00"),
        ("tariff.2.payer", "nobody"),
        ("tariff.2.per", "week"),
        ("tariff.2.quantity", "-1"),
        ("vat.0.category", "X"),
        ("vat.3.rate", "5"),
        ("move", {"date": "2025-02-01", "out": "A", "in": "A"}),
        ("leak_credit", {"component": "BASE_WATER", "normal_annual": "1"}),
        ("leak_credit", {"component": "NOTHING", "normal_annual": "1"}),
        ("leak_credit", {"component": "WATER", "normal_annual": "1", "point": "MP9"}),
        ("leak_credit", {"component": "WATER", "normal_annual": "1", "percent": "101"}),
        ("items", [{"code": "X", "quantity": "1", "net_price": "1", "vat_code": "std", "payer": "nobody"}]),
        ("payers", [{"id": "A", "weight": "1"}, {"id": "A", "weight": "1"}]),
        ("payers", [{"id": "A", "weight": "1"}, {"id": "B", "weight": "1"}]),
        ("rules", {"vat_cut": "never"}),
        ("rules", {"fixed_method": "weeks"}),
        ("rules", {"volume_apportion": "weeks"}),
        ("rules", {"reverse_tolerance_m3": "-1"}),
    ],
)
def test_unknown_or_contradictory_values_are_bad_scenario(path: str, value: Any) -> None:
    assert refused(changed(path, value))[0] == "bad_scenario"


@pytest.mark.parametrize("points", [[], [point_used("0", "1", id="A"), point_used("0", "1", id="B")]])
def test_a_deduct_point_or_leak_needs_to_know_its_main_point(points: list) -> None:
    deduct = point_used("0", "1", id="D", role="deduct")
    assert refused(quote(*points, deduct))[0] == "bad_scenario"
    assert refused(quote(*points, leak_credit={"component": "WATER", "normal_annual": "1"}))[0] == "bad_scenario"


def test_a_deduct_point_cannot_deduct_from_another_deduct_point() -> None:
    two = [point_used("0", "1", id=name, role="deduct", deducts_from="D2") for name in ("D1", "D2")]
    assert refused(quote(point_used("0", "9"), *two))[0] == "bad_scenario"


def test_an_instant_needs_its_offset() -> None:
    for at in ("2025-01-01T00:00:00", "yesterday"):
        scenario = with_reads({"at": at, "m3": "1", "source": "amr"}, read(END, "2"))
        assert refused(scenario)[0] == "bad_scenario"


def test_a_date_beyond_the_calendar_is_bad_scenario() -> None:
    scenario = with_reads({"at": "0001-01-01T00:00:00+14:00", "m3": "1", "source": "amr"}, read(END, "2"))
    assert refused(scenario)[0] == "bad_scenario"


@pytest.mark.parametrize(
    "value",
    [
        1.44,
        1,
        "1,44",
        "1.",
        ".5",
        "+1",
        "1e3",
        "",
        " 1",
        "Infinity",
        "NaN",
        "1_0",
        "\u0661",
        True,
        [],
        "1.2345678",
    ],
)
def test_decimals_are_strings_with_a_point(value: Any) -> None:
    assert refused(changed("tariff.0.net_price", value))[0] == "bad_decimal"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("points.0.installations.0.reads.0.m3", "1.2345"),
        ("points.0.installations.0.reads.0.m3", 5),
        ("points.0.billed_mark", "1.2345"),
        ("points.0.annual_estimate", 120),
        ("points.0.installations.0.qmax_m3h", "2,5"),
        ("points.0.stipulated", {"basis": "x", "factor": "1"}),
        ("vat.0.rate", 24),
        ("payers", [{"id": "A", "weight": 1}]),
        ("rules", {"reverse_tolerance_m3": 1}),
        ("items", [{"code": "X", "quantity": 1, "net_price": "1", "vat_code": "std"}]),
        ("leak_credit", {"component": "WATER", "normal_annual": 1}),
    ],
)
def test_decimals_everywhere_are_checked(path: str, value: Any) -> None:
    assert refused(changed(path, value))[0] == "bad_decimal"


@pytest.mark.parametrize(
    ("decimals", "code"), [("7", "bad_decimal"), ("1.5", "bad_decimal"), ("-1", "bad_decimal"), (2, "bad_decimal")]
)
def test_price_decimals_are_a_whole_number_up_to_six(decimals: Any, code: str) -> None:
    gross = price("WATER", None, gross_price="1.80", gross_vat_rate="25.5", price_decimals=decimals)
    assert refused(quote(point_used("0", "1"), tariff=[gross]))[0] == code


def test_six_decimals_of_a_price_and_three_of_a_read_are_allowed() -> None:
    assert lines(quote(point_used("0.001", "0.002"), tariff=[water("1.234567")]))[0]["unit_price"] == "1.234567"


def test_prices_are_never_negative() -> None:
    assert refused(changed("tariff.0.net_price", "-0.01"))[0] == "negative_price"
    gross = price("WATER", None, gross_price="-1.80", gross_vat_rate="25.5")
    assert refused(quote(point_used("0", "1"), tariff=[gross]))[0] == "negative_price"
    item = {"code": "X", "quantity": "1", "net_price": "-1", "vat_code": "std"}
    assert refused(changed("items", [item]))[0] == "negative_price"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("period", [END, START]),
        ("period", [START, START]),
        ("tariff.0.valid_to", "2024-09-01"),
        ("vat.1.valid_to", "2024-08-31"),
        ("move", {"date": START, "out": "A", "in": "B"}),
        ("move", {"date": END, "out": "A", "in": "B"}),
        ("move", {"date": "2026-01-01", "out": "A", "in": "B"}),
    ],
)
def test_ends_come_after_starts(path: str, value: Any) -> None:
    code, message = refused(changed(path, value))
    assert code == "bad_period"
    assert path.split(".", maxsplit=1)[0] in message


def test_periods_of_earlier_lines_are_checked() -> None:
    line = stored(lines(quote(point_used("0", "10")))[0], "E1", period=[END, START])
    assert refused(quote(point_used("0", "10"), earlier=[line]))[0] == "bad_period"


@pytest.mark.parametrize("payers", [[], [{"id": "A", "weight": "0"}], [{"id": "A", "weight": "-1"}]])
def test_weights_are_above_zero(payers: list) -> None:
    assert refused(changed("payers", payers))[0] == "bad_weights"


def test_versions_of_one_component_do_not_overlap() -> None:
    assert refused(quote(tariff=[water(), water(valid_from="2030-01-01")]))[0] == "tariff_overlap"
    touching = [water(valid_to="2025-02-01"), water(valid_from="2025-01-31")]
    assert refused(quote(tariff=touching))[0] == "tariff_overlap"


def test_versions_of_one_component_are_of_one_kind() -> None:
    mixed = [price("X", "1", "fixed", valid_to="2025-02-01"), price("X", "1", "minimum", valid_from="2025-02-01")]
    assert refused(quote(tariff=mixed))[0] == "bad_scenario"
    services = [water(valid_to="2025-02-01"), price("WATER", "1", service="wastewater", valid_from="2025-02-01")]
    assert refused(quote(tariff=services))[0] == "bad_scenario"


@pytest.mark.parametrize("kind", ["volumetric", "fixed", "minimum"])
def test_a_gap_inside_the_time_billed_is_an_error_for_every_kind(kind: str) -> None:
    more = {"service": "water"} if kind == "volumetric" else {}
    gap = [
        price("X", "1", kind, valid_to="2025-02-01", **more),
        price("X", "1", kind, valid_from="2025-02-02", **more),
    ]
    assert refused(quote(point_used("0", "1"), tariff=gap))[0] == "tariff_gap"


def test_a_gap_outside_the_time_billed_does_not_matter() -> None:
    gap = [water(valid_to="2024-12-01"), water(valid_from=START)]
    assert [line["quantity"] for line in lines(quote(point_used("0", "1"), tariff=gap))] == ["1.000"]


def test_a_true_up_can_reach_into_a_gap() -> None:
    gap = [water(valid_to="2024-11-15"), water(valid_from="2024-12-01")]
    line = stored(lines(quote(point_used("0", "10")))[0], "E1", period=["2024-11-01", START])
    scenario = quote(point(meter(read("2024-11-01", "0"), read(END, "9"))), tariff=gap, earlier=[line])
    assert refused(scenario)[0] == "tariff_gap"


def test_vat_versions_do_not_overlap() -> None:
    more = {"code": "std", "category": "S", "rate": "26", "valid_from": "2026-01-01"}
    assert refused(quote(vat=[*FI_VAT, more]))[0] == "vat_overlap"


@pytest.mark.parametrize(
    "vat",
    [
        [],
        [{**FI_VAT[1], "valid_to": "2025-03-31"}],
        [{**FI_VAT[1], "valid_from": "2025-01-02"}],
        [{**FI_VAT[1], "valid_to": "2025-02-01"}, {**FI_VAT[1], "valid_from": "2025-02-02"}],
    ],
)
def test_a_code_or_day_without_vat_is_an_error(vat: list) -> None:
    assert refused(quote(point_used("0", "1"), vat=vat))[0] == "vat_missing"


def test_an_item_without_vat_on_its_day_is_an_error() -> None:
    item = {"code": "X", "quantity": "1", "net_price": "1", "vat_code": "std", "date": "2012-12-31"}
    assert refused(quote(items=[item]))[0] == "vat_missing"


def test_two_values_of_one_source_on_a_day() -> None:
    code, message = refused(with_reads(read(START, "1"), read(START, "2"), read(END, "3")))
    assert code == "duplicate_read"
    assert START in message
    worse = with_reads(
        read(START, "1"), read(START, "2", "customer"), read(START, "3", "customer"), read(END, "3")
    )
    assert refused(worse)[0] == "duplicate_read"


@pytest.mark.parametrize(("m3", "digits"), [("100000", 5), ("10000", 4), ("-0.001", 5)])
def test_a_read_that_the_register_cannot_show(m3: str, digits: int) -> None:
    scenario = quote(point(meter(read(START, "1"), read(END, m3), digits=digits)))
    assert refused(scenario)[0] == "read_out_of_range"


def test_a_large_drop_is_suspect() -> None:
    assert refused(with_reads(read(START, "50"), read(END, "40"), annual_estimate="100"))[0] == "read_suspect"


def test_a_customer_read_far_above_the_expected_needs_confirmation() -> None:
    # 73 days are a fifth of a year: expected 20 m³.
    far, near = read("2025-03-15", "100.001", "customer"), read("2025-03-15", "100", "customer")
    period = (START, "2025-03-15")

    def bill(*reads: dict, **more: Any) -> dict:
        return quote(point(meter(read(START, "0"), *reads), **more), period=period)

    assert refused(bill(far, annual_estimate="100"))[0] == "read_unconfirmed"
    for fine in (
        bill(near, annual_estimate="100"),
        bill({**far, "confirmed": True}, annual_estimate="100"),
        bill({**far, "source": "utility"}, annual_estimate="100"),
        bill(far),
    ):
        assert lines(fine)


def test_an_overruled_customer_read_needs_no_confirmation() -> None:
    scenario = with_reads(read(START, "0"), read(END, "9"), read(END, "9999", "customer"), annual_estimate="40")
    assert lines(scenario, "WATER")[0]["quantity"] == "9.000"


@pytest.mark.parametrize(
    ("old_last", "new_first"),
    [
        (read("2025-02-01", "5"), read("2025-02-01", "0", "installation")),
        (read("2025-02-01", "5", "removal"), read("2025-02-01", "0")),
        (read("2025-02-01", "5", "removal"), read("2025-01-31", "0", "installation")),
    ],
)
def test_an_exchange_needs_both_reads_in_order(old_last: dict, new_first: dict) -> None:
    scenario = quote(point(meter(read(START, "0"), old_last), meter(new_first, read(END, "5"), name="B")))
    assert refused(scenario)[0] == "exchange_read_missing"


def test_reads_outside_the_life_of_a_meter_contradict() -> None:
    assert refused(with_reads(read(START, "0", "removal"), read(END, "5")))[0] == "bad_scenario"
    assert refused(with_reads(read(START, "0"), read(END, "5", "installation")))[0] == "bad_scenario"


@pytest.mark.parametrize("installations", [[], [meter()], [meter(read("2025-01-02", "0"), read(END, "5"))]])
def test_a_bill_starts_with_a_known_register(installations: list) -> None:
    assert refused(quote(point(*installations), tariff=[water()]))[0] == "no_opening_read"


def test_an_estimate_needs_an_annual_volume() -> None:
    assert refused(with_reads(read(START, "0")))[0] == "no_estimate"
    assert refused(quote(point(), regime="akonto"))[0] == "no_estimate"
    assert refused(quote(point(), regime="stipulated"))[0] == "no_estimate"


@pytest.mark.parametrize(
    "reads", [[read("2024-10-01", "0")], [read("2024-09-30", "0"), read("2024-10-01", "5", "utility")]]
)
def test_a_true_up_needs_a_read_after_its_first_day(reads: list) -> None:
    line = stored(lines(quote(point_used("0", "10")))[0], "E1", period=["2024-10-01", START])
    scenario = quote(point(meter(*reads), annual_estimate="100"), earlier=[line], tariff=[water()])
    assert refused(scenario)[0] == "true_up_without_read"


def test_deduct_meters_cannot_take_more_than_the_main_meter_gave() -> None:
    scenario = quote(point_used("0", "1"), point_used("0", "1.001", id="D", role="deduct"), tariff=[wastewater()])
    code, message = refused(scenario)
    assert code == "deduct_exceeds_main"
    assert "0.001" in message


def test_a_half_year_without_a_rate_fails() -> None:
    scenario = {
        "kind": "interest",
        "country": "FI",
        "currency": "EUR",
        "rates": {"2026H1": "2.5"},
        "receivables": [{"invoice": "I", "principal": "80.00", "due": "2026-06-01", "until": "2026-07-01"}],
    }
    code, message = refused(scenario)
    assert code == "interest_rate_missing"
    assert "2026H2" in message


def test_a_meter_size_that_has_no_price_is_an_error_and_never_free() -> None:
    fee = price("BASE", None, "meter_size", sizes={"20": "111.50", "25": "209.59"})
    scenario = quote(tariff=[fee], sites=[{"meter_size_mm": 32}])
    code, message = refused(scenario)
    assert code == "rate_missing"
    assert "32 mm" in message
    assert "20, 25" in message


def test_a_fee_by_something_that_nobody_knows_of_the_site_is_an_error() -> None:
    scenario = quote(tariff=[price("HOMES", "10", "dwelling")], sites=[{"meter_size_mm": 20}])
    code, message = refused(scenario)
    assert code == "site_fact_missing"
    assert "dwellings" in message


def test_every_reason_of_a_whole_scenario_is_tested_here() -> None:
    in_place = {Reason.BAD_REFERENCE, Reason.BAD_IBAN, Reason.TERM_TOO_SHORT}
    source = __import__("pathlib").Path(__file__).read_text(encoding="utf-8")
    assert [reason for reason in Reason if reason not in in_place and f'"{reason}"' not in source] == []


def test_a_good_scenario_stays_good() -> None:
    assert lines(quote(point_used("0", "10"), tariff=tariff_t()))
