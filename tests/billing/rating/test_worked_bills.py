"""The worked bills of the calculation contract, as named scenarios."""

from meterhub.billing.scenario.answers import answer
from tests.billing.scenarios import (
    NO_VAT,
    base_fees,
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
    wastewater,
    water,
)

OLD = {"valid_from": "2024-01-01", "valid_to": "2024-09-01"}


def totals(one: dict) -> tuple[str, str, str]:
    return one["net"], one["vat"], one["gross"]


def test_b1_a_quarter_on_reads() -> None:
    scenario = quote(point_used("1000.000", "1042.000"))
    assert [line["net"] for line in lines(scenario)] == ["60.48", "83.16", "20.71", "23.67"]
    assert totals(document(scenario)) == ("188.02", "47.95", "235.97")


def test_b2_a_price_and_vat_change_inside_the_period() -> None:
    scenario = quote(
        point(meter(read("2024-06-20", "500"), read("2024-10-10", "612"))),
        period=("2024-07-01", "2024-10-01"),
        tariff=[
            water("1.40", **OLD),
            wastewater("1.90", **OLD),
            price("BASE_WATER", "80.00", "fixed", **OLD),
            price("BASE_WASTEWATER", "92.00", "fixed", **OLD),
            water(),
            wastewater(),
            *base_fees(),
        ],
    )
    assert [line["net"] for line in lines(scenario)] == [
        *("86.80", "43.20", "117.80", "59.40"),
        *("13.55", "6.89", "15.58", "7.87"),
    ]
    only = document(scenario)
    assert [(group["base"], group["vat"]) for group in only["vat_groups"]] == [
        ("233.73", "56.10"),
        ("117.36", "29.93"),
    ]
    assert totals(only) == ("351.09", "86.03", "437.12")


def test_b3_a_meter_exchange() -> None:
    scenario = quote(
        point(
            meter(read("2025-01-01", "795.200"), read("2025-02-11", "812.450", "removal")),
            meter(read("2025-02-11", "0.120", "installation"), read("2025-04-01", "23.905"), name="B7"),
        )
    )
    assert rows(scenario, "WATER") == [
        ("2025-01-01", "2025-02-11", "17.250", "24.84"),
        ("2025-02-11", "2025-04-01", "23.785", "34.25"),
    ]
    assert totals(document(scenario)) == ("184.72", "47.10", "231.82")


def test_b4_a_rollover() -> None:
    scenario = quote(point_used("99987.600", "31.200", annual_estimate="170"))
    assert [line["net"] for line in lines(scenario)] == ["62.78", "86.33", "20.71", "23.67"]
    assert totals(document(scenario)) == ("193.49", "49.34", "242.83")


def earlier(
    number: str, period: tuple[str, str], cubic_metres: str, prices: tuple, nets: tuple, rate: str
) -> list:
    return [
        {
            "document": number,
            "code": code,
            "point": "MP1",
            "period": list(period),
            "quantity": cubic_metres,
            "unit": "MTQ",
            "unit_price": unit_price,
            "price_base_quantity": "1",
            "net": net,
            "vat_category": "S",
            "vat_rate": rate,
            "quality": "estimated",
        }
        for code, unit_price, net in zip(("WATER", "WASTEWATER"), prices, nets, strict=True)
    ]


def true_up() -> dict:
    old, new = ("1.40", "1.90"), ("1.44", "1.98")
    return quote(
        point(
            meter(read("2024-04-01", "300", "utility"), read("2025-01-01", "348", "customer")),
            annual_estimate="180",
        ),
        period=("2024-10-01", "2025-01-01"),
        tariff=[water("1.40", **OLD), wastewater("1.90", **OLD), water(), wastewater()],
        earlier=[
            *earlier("E1", ("2024-04-01", "2024-07-01"), "44.877", old, ("62.83", "85.27"), "24"),
            *earlier("E2", ("2024-07-01", "2024-09-01"), "30.575", old, ("42.81", "58.09"), "24"),
            *earlier("E2", ("2024-09-01", "2024-10-01"), "14.795", new, ("21.30", "29.29"), "25.5"),
            *earlier("E3", ("2024-10-01", "2025-01-01"), "45.369", new, ("65.33", "89.83"), "25.5"),
        ],
    )


def test_b5_a_true_up_ends_as_a_credit_note() -> None:
    only = document(true_up())
    charged = [line for line in only["lines"] if line["refers_to"] is None]
    assert [(line["quantity"], line["net"]) for line in charged] == [
        *(("15.884", "22.24"), ("10.821", "15.15"), ("5.237", "7.54"), ("16.058", "23.12")),
        *(("15.884", "30.18"), ("10.821", "20.56"), ("5.237", "10.37"), ("16.058", "31.79")),
    ]
    assert [(group["base"], group["vat"]) for group in only["vat_groups"]] == [
        ("-160.87", "-38.61"),
        ("-132.93", "-33.90"),
    ]
    assert totals(only) == ("-293.80", "-72.51", "-366.31")
    assert only["type"] == "credit_note"
    assert {line["refers_to"] for line in only["lines"]} == {None, "E1", "E2", "E3"}


def test_b6_a_shared_meter_split_40_35_25() -> None:
    payers = [{"id": f"P{n}", "weight": weight} for n, weight in enumerate(("40", "35", "25"), start=1)]
    made = documents(quote(point_used("0", "100.000", role="shared"), payers=payers))
    assert [[line["net"] for line in one["lines"]] for one in made] == [
        ["57.60", "79.20", "8.28", "9.47"],
        ["50.40", "69.30", "7.25", "8.28"],
        ["36.00", "49.50", "5.18", "5.92"],
    ]
    assert [totals(one) for one in made] == [
        ("154.55", "39.41", "193.96"),
        ("135.23", "34.48", "169.71"),
        ("96.60", "24.63", "121.23"),
    ]


def test_b7_wastewater_of_a_leak_is_credited_above_normal_use() -> None:
    scenario = quote(point_used("1000", "1310"), leak_credit={"component": "WASTEWATER", "normal_annual": "140"})
    (credit,) = lines(scenario, "WASTEWATER_LEAK_CREDIT")
    assert (credit["quantity"], credit["net"]) == ("-275.479", "-545.45")
    assert totals(document(scenario)) == ("559.13", "142.58", "701.71")


def test_b8_a_norwegian_settlement_by_months() -> None:
    prices = ("25.68", "27.47")
    nets = ("1531.04", "1637.76")
    scenario = quote(
        point(meter(read("2025-01-01", "2210", "utility"), read("2026-01-01", "2376", "customer"))),
        period=("2025-01-01", "2026-01-01"),
        country="NO",
        vat=NO_VAT,
        tariff=[water("25.68"), wastewater("27.47")],
        earlier=[
            *earlier("AK1", ("2025-01-01", "2025-07-01"), "59.620", prices, nets, "25"),
            *earlier("AK2", ("2025-07-01", "2026-01-01"), "59.620", prices, nets, "15"),
        ],
        rules={"volume_apportion": "months"},
    )
    only = document(scenario)
    assert [line["net"] for line in only["lines"]][:4] == ["2131.44", "2131.44", "2280.01", "2280.01"]
    assert [(group["rate"], group["base"], group["vat"]) for group in only["vat_groups"]] == [
        ("15", "1242.65", "186.40"),
        ("25", "1242.65", "310.66"),
    ]
    assert totals(only) == ("2485.30", "497.06", "2982.36")


def test_b8_by_days_the_halves_are_not_equal() -> None:
    scenario = quote(
        point(meter(read("2025-01-01", "0"), read("2026-01-01", "166"))),
        period=("2025-01-01", "2026-01-01"),
        country="NO",
        tariff=[water("25.68")],
    )
    assert [line["quantity"] for line in lines(scenario)] == ["82.318", "83.682"]


def test_b9_late_interest_over_four_half_years() -> None:
    made = answer(
        {
            "kind": "interest",
            "country": "FI",
            "currency": "EUR",
            "rates": {"2023H2": "4.0", "2024H1": "4.5", "2024H2": "4.5", "2025H1": "3.5"},
            "margin": "7",
            "receivables": [
                {
                    "invoice": "I1",
                    "principal": "412.37",
                    "due": "2023-11-20",
                    "payments": [{"date": "2025-03-14", "amount": "412.37"}],
                }
            ],
        }
    )
    assert [(row["days"], row["amount"]) for row in made["receivables"][0]["rows"]] == [
        (41, "5.095312"),
        (182, "23.646313"),
        (184, "23.906162"),
        (73, "8.659770"),
    ]
    assert made["total"] == "61.31"


def test_b10_a_year_boundary_with_a_leap_day() -> None:
    old = {"valid_from": "2023-01-01", "valid_to": "2024-01-01"}
    scenario = quote(
        point(meter(read("2023-11-15", "200"), read("2024-03-05", "247"))),
        period=("2023-12-01", "2024-03-01"),
        tariff=[
            water("1.30", **old),
            wastewater("1.80", **old),
            price("BASE_WATER", "76.00", "fixed", **old),
            water("1.40", **OLD),
            wastewater("1.90", **OLD),
            price("BASE_WATER", "80.00", "fixed", **OLD),
        ],
    )
    assert rows(scenario, "WATER") == [
        ("2023-12-01", "2024-01-01", "13.126", "17.06"),
        ("2024-01-01", "2024-03-01", "25.405", "35.57"),
    ]
    assert rows(scenario, "BASE_WATER") == [
        ("2023-12-01", "2024-01-01", "31", "6.45"),
        ("2024-01-01", "2024-03-01", "60", "13.11"),
    ]
    assert totals(document(scenario)) == ("144.09", "34.58", "178.67")
