"""Laws that hold for any bill: sums over cuts, true-ups, credits, splits, VAT groups, and no crash."""

import copy
import json
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from meterhub.billing.rating.splitting import split_cents
from meterhub.billing.scenario.answers import answer, answer_text
from meterhub.kit.money import round2
from tests.billing.scenarios import (
    NO_VAT,
    base_fees,
    documents,
    lines,
    meter,
    point,
    price,
    quote,
    read,
    stored,
    tariff_t,
    wastewater,
    water,
    without_trace,
)

FIRST = date(2023, 11, 1)
DAYS = st.integers(min_value=0, max_value=800).map(lambda days: FIRST + timedelta(days=days))
CENT = Decimal("0.01")
FLAT_VAT = [{"code": "std", "category": "S", "rate": "25.5", "valid_from": "2000-01-01"}]
RULES = st.sampled_from([{"volume_apportion": "days"}, {"volume_apportion": "months"}])
PRICES = st.decimals(min_value=0, max_value=100, places=4).map(str)


def iso(day: date) -> str:
    return day.isoformat()


def m3(litres: int) -> str:
    return str(Decimal(litres).scaleb(-3))


@st.composite
def periods_with_reads(draw: Any, *, closing: bool = True) -> tuple[list[date], list[dict]]:
    """Some days in order, and reads of a rising register before, between and (where wanted) after them."""
    days = sorted(draw(st.sets(DAYS, min_size=3, max_size=6)))
    read_days = sorted(draw(st.sets(DAYS, min_size=1, max_size=6)) | {FIRST - timedelta(days=7)})
    if closing:
        read_days.append(FIRST + timedelta(days=810))
    level, reads = draw(st.integers(min_value=0, max_value=10**6)), []
    for day in read_days:
        reads.append(read(iso(day), m3(level)))
        level += draw(st.integers(min_value=0, max_value=10**6))
    return days, reads


def cut_tariff(days: list[date], unit_price: str) -> list[dict]:
    """One price from the start, in versions that begin on each day."""
    bounds = ["2000-01-01", *map(iso, days), None]
    return [water(unit_price, valid_from=start, valid_to=end) for start, end in pairwise(bounds)]


def total(rows: list[dict], name: str = "net") -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


@given(periods_with_reads(), RULES)
def test_segment_volumes_sum_to_the_register_difference_for_any_cuts(given_: tuple, rules: dict) -> None:
    days, reads = given_
    period = (iso(days[0]), iso(days[-1]))
    common = {"period": period, "rules": rules, "vat": FLAT_VAT}
    cut = lines(quote(point(meter(*reads)), tariff=cut_tariff(days, "1"), **common))
    whole = lines(quote(point(meter(*reads)), tariff=[water("1", valid_from="2000-01-01")], **common))
    assert [line["period"] for line in cut] == [[iso(a), iso(b)] for a, b in pairwise(days)]
    assert total(cut, "quantity") == total(whole, "quantity")


@given(periods_with_reads(), RULES, PRICES, PRICES)
def test_two_adjacent_periods_are_their_union_within_a_cent_a_line(
    given_: tuple, rules: dict, use: str, fee: str
) -> None:
    days, reads = given_
    first, middle, last = days[0], days[1], days[-1]
    tariff = [water(use, valid_from="2000-01-01"), price("FEE", fee, "fixed", valid_from="2000-01-01")]

    def nets(start: date, end: date) -> dict[str, Decimal]:
        made = lines(
            quote(point(meter(*reads)), period=(iso(start), iso(end)), tariff=tariff, rules=rules, vat=FLAT_VAT)
        )
        return {code: total([line for line in made if line["code"] == code]) for code in ("WATER", "FEE")}

    union, left, right = nets(first, last), nets(first, middle), nets(middle, last)
    # A fee is a line a calendar year; the cut adds one line, and so at most one cent.
    for code in union:
        assert abs(left[code] + right[code] - union[code]) <= CENT


@given(periods_with_reads(closing=False), st.integers(min_value=0, max_value=500_000), PRICES, RULES)
def test_estimates_and_a_true_up_are_one_bill_on_actual_reads(
    given_: tuple, used: int, unit_price: str, rules: dict
) -> None:
    days, reads = given_
    start, end = days[0], days[-1]
    known = [one for one in reads if one["on"] <= iso(start)]
    assume(known)
    tariff = [water(unit_price, valid_from="2000-01-01")]
    earlier, billed = [], []
    for number, (a, b) in enumerate(pairwise(days)):
        made = documents(
            quote(
                point(meter(*known), annual_estimate="120"),
                period=(iso(a), iso(b)),
                tariff=tariff,
                rules=rules,
                vat=FLAT_VAT,
            )
        )
        billed += made
        earlier += [stored(line, f"E{number}") for one in made for line in one["lines"]]
    closing = read(iso(end), m3(int(Decimal(known[-1]["m3"]) * 1000) + used))
    actual = point(meter(*known, closing))
    last = (iso(days[-2]), iso(end))
    (settled,) = documents(quote(actual, period=last, tariff=tariff, rules=rules, vat=FLAT_VAT, earlier=earlier))
    (direct,) = documents(
        quote(
            actual, period=(iso(start), iso(end)), tariff=cut_tariff(days, unit_price), rules=rules, vat=FLAT_VAT
        )
    )
    assert total(billed) + Decimal(settled["net"]) == Decimal(direct["net"])
    difference = total(billed, "vat") + Decimal(settled["vat"]) - Decimal(direct["vat"])
    assert abs(difference) <= CENT * (len(billed) + 1)


@st.composite
def rich_quotes(draw: Any) -> dict:
    """Bills with several points, payers or a move, price and VAT changes, fees, items."""
    days, reads = draw(periods_with_reads())
    norwegian = draw(st.booleans())
    change = iso(draw(DAYS))
    payers = [
        {"id": f"P{n}", "weight": str(weight)}
        for n, weight in enumerate(draw(st.lists(st.integers(min_value=1, max_value=99), min_size=1, max_size=4)))
    ]
    tariff = [
        water(draw(PRICES), valid_from="2000-01-01", valid_to=change),
        water(draw(PRICES), valid_from=change),
        wastewater(draw(PRICES), valid_from="2000-01-01"),
        price("FEE", draw(PRICES), "fixed", valid_from="2000-01-01"),
        price("MIN", draw(PRICES), "minimum", valid_from="2000-01-01"),
    ]
    items = [
        {
            "code": "X",
            "quantity": draw(st.decimals(-9, 9, places=2).map(str)),
            "net_price": draw(PRICES),
            "vat_code": code,
        }
        for code in draw(st.lists(st.sampled_from(["std", "none"]), max_size=2))
    ]
    vat = [
        *(NO_VAT if norwegian else FLAT_VAT),
        {"code": "none", "category": "O", "rate": "0", "valid_from": "2000-01-01"},
    ]
    made = quote(
        point(meter(*reads), role="shared"),
        period=(iso(days[0]), iso(days[-1])),
        country="NO" if norwegian else "FI",
        tariff=tariff,
        vat=vat,
        items=items,
        rules=draw(RULES),
        leak_credit={"component": "WASTEWATER", "normal_annual": "50", "percent": "80"},
    )
    if draw(st.booleans()):
        made["move"] = {"date": iso(days[1]), "out": "OLD", "in": "NEW"}
    else:
        made["payers"] = payers
    return made


@given(rich_quotes())
def test_vat_groups_equal_the_formula_and_totals_add_up(scenario: dict) -> None:
    for one in documents(scenario):
        groups = {(group["category"], Decimal(group["rate"])): group for group in one["vat_groups"]}
        assert len(groups) == len(one["vat_groups"])
        for (category, rate), group in groups.items():
            same = [
                line
                for line in one["lines"]
                if (line["vat_category"], Decimal(line["vat_rate"])) == (category, rate)
            ]
            assert Decimal(group["base"]) == total(same)
            assert Decimal(group["vat"]) == round2(total(same) * rate / 100)
        assert Decimal(one["net"]) == total(one["lines"])
        assert Decimal(one["gross"]) == Decimal(one["net"]) + total(one["vat_groups"], "vat")
        assert (one["type"] == "credit_note") == (Decimal(one["gross"]) < 0)
        assert len({line["vat_category"] == "O" for line in one["lines"]}) == 1


@given(rich_quotes())
def test_a_credit_and_its_invoice_are_zero_exactly(scenario: dict) -> None:
    for one in documents(scenario):
        original = {
            "number": "I1",
            "payer": one["payer"],
            "lines": [without_trace(line) for line in one["lines"]],
            "vat_groups": one["vat_groups"],
        }
        (credit,) = documents({"kind": "correction", "original": original})
        for name in ("net", "vat", "gross"):
            assert Decimal(credit[name]) + Decimal(one[name]) == 0


@given(rich_quotes())
def test_the_parts_of_a_split_bill_sum_to_the_whole(scenario: dict) -> None:
    alone = {name: value for name, value in scenario.items() if name != "payers"}
    assert total(documents(scenario)) == total(documents(alone))


@given(
    st.integers(min_value=-10_000, max_value=10_000),
    st.lists(st.decimals("0.01", 99, places=2), min_size=1, max_size=6),
    st.randoms(),
)
def test_permuting_weights_moves_only_tie_cents(amount: int, weights: list[Decimal], random: Any) -> None:
    order = list(range(len(weights)))
    random.shuffle(order)
    parts = split_cents(amount, weights)
    permuted = split_cents(amount, [weights[position] for position in order])
    assert sum(parts) == sum(permuted) == amount
    assert split_cents(-amount, weights) == [-part for part in parts]
    whole = sum(weights)
    for place, position in enumerate(order):
        moved = abs(permuted[place] - parts[position])
        assert moved <= 1
        if moved:
            # Only where another payer has the very same remainder.
            remainders = [abs(amount) * weight % whole for weight in weights]
            assert remainders.count(remainders[position]) > 1
        assert abs(parts[position] - amount * weights[position] / whole) < 1


@given(
    st.lists(st.integers(min_value=-900, max_value=3000), min_size=2, max_size=8),
    st.integers(min_value=1, max_value=9),
)
def test_water_is_never_billed_twice_whatever_flows_back(steps: list[int], every: int) -> None:
    level, reads, highest = 50_000, [], 50_000
    start = date(2025, 1, 1)
    for number, step in enumerate([0, *steps]):
        level = max(0, level + step)
        highest = max(highest, level)
        reads.append(read(iso(start + timedelta(days=10 * number)), m3(level)))
    days = [start + timedelta(days=10 * number) for number in range(len(reads))]
    cuts = sorted({days[0], *days[::every], days[-1]})
    made = lines(
        quote(
            point(meter(*reads)),
            period=(iso(days[0]), iso(days[-1])),
            tariff=cut_tariff(cuts, "1"),
            vat=FLAT_VAT,
        )
    )
    assert all(Decimal(line["quantity"]) >= 0 for line in made)
    seen = max(int(Decimal(reads[days.index(cut)]["m3"]) * 1000) for cut in cuts)
    assert total(made, "quantity") * 1000 == seen - 50_000
    assert total(made, "quantity") * 1000 <= highest - 50_000


def paths(value: Any, at: tuple = ()) -> list[tuple]:
    inner: list[tuple] = [at] if at else []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in entries:
        inner += paths(one, (*at, key))
    return inner


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["0", "-1", "999999999999", "0.000000000000001", "0001-01-01", "9999-12-31", "2024-02-29"]),
    st.sampled_from([[], {}, ["9999-12-30", "9999-12-31"], ["0001-01-01", "2025-01-01"], [{}]]),
)
BASES = [
    quote(
        point(meter(read("2025-01-01", "1"), read("2025-04-01", "9"), qmax_m3h="2"), annual_estimate="9"),
        tariff=[*tariff_t(), price("MIN", "9", "minimum")],
        items=[{"code": "X", "quantity": "1", "net_price": "1", "vat_code": "std", "date": "2025-01-01"}],
        leak_credit={"component": "WATER", "normal_annual": "1", "cap_m3": "2"},
        move={"date": "2025-02-01", "out": "A", "in": "B"},
        earlier=[stored(lines(quote(point(annual_estimate="9"), regime="akonto", tariff=[water()]))[0], "E1")],
    ),
    quote(point(annual_estimate="100"), regime="akonto", country="NO", tariff=[water(), *base_fees()]),
    {
        "kind": "interest",
        "country": "FI",
        "currency": "EUR",
        "rates": {"2024H1": "4.5", "2024H2": "4.5"},
        "receivables": [{"invoice": "I", "principal": "9", "due": "2024-01-01", "until": "2024-09-01"}],
    },
    {
        "kind": "due_date",
        "items": [{"country": "FI", "customer": "consumer", "issued_on": "2025-01-01", "term_days": 14}],
    },
    {
        "kind": "reference",
        "items": [
            {"type": "viite", "base": "123"},
            {"type": "rf", "reference": "1232"},
            {"type": "kid", "base": "1", "method": "mod10"},
            {
                "type": "barcode",
                "iban": "FI2112345600000785",
                "amount": "1.00",
                "reference": "1232",
                "due": "2025-01-01",
            },
            {"type": "verify", "format": "iban", "value": "FI2112345600000785"},
        ],
    },
]


@given(st.data())
def test_any_change_of_a_scenario_gets_an_answer_and_never_a_crash(data: Any) -> None:
    scenario = copy.deepcopy(data.draw(st.sampled_from(BASES)))
    for _ in range(data.draw(st.integers(min_value=1, max_value=2))):
        *parents, last = data.draw(st.sampled_from(paths(scenario)))
        target = scenario
        for part in parents:
            target = target[part]
        target[last] = copy.deepcopy(data.draw(JUNK))
    made = answer_text(json.dumps(scenario))
    assert json.loads(json.dumps(made)) == made
    if "error" in made:
        assert made["error"]["message"]


def test_the_bases_of_the_change_test_are_good() -> None:
    for base in BASES:
        assert answer(base)
