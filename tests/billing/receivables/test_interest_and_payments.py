"""Late interest, fees, and how a payment is posted over open items."""

from typing import Any

import pytest

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.rating.serialise import line_from_json
from meterhub.billing.rating.verify import disagreements
from meterhub.billing.scenario.answers import answer

RATES = {"2024H1": "4.5", "2024H2": "4.5", "2025H1": "3.5"}


def interest(*receivables: dict, **more: Any) -> dict:
    made = {
        "kind": "interest",
        "country": "FI",
        "currency": "EUR",
        "rates": RATES,
        "margin": "7",
        "receivables": list(receivables),
        **more,
    }
    answered = answer(made)
    for one in answered["documents"]:
        assert [disagreements(line_from_json(line)) for line in one["lines"]] == [[] for _ in one["lines"]]
    return answered


def receivable(principal: str = "365.00", due: str = "2024-03-01", *paid: tuple[str, str], **more: Any) -> dict:
    payments = [{"date": on, "amount": amount} for on, amount in paid]
    return {"invoice": "I1", "principal": principal, "due": due, "payments": payments, **more}


def rows(made: dict) -> list[tuple]:
    return [(row["half_year"], row["days"], row["balance"]) for row in made["receivables"][0]["rows"]]


def test_days_run_from_the_day_after_due_to_the_payment_day() -> None:
    made = interest(receivable("365.00", "2024-03-01", ("2024-03-11", "365.00")))
    assert rows(made) == [("2024H1", 10, "365.00")]
    assert made["total"] == "1.15"
    (line,) = made["documents"][0]["lines"]
    assert line["period"] == ["2024-03-02", "2024-03-12"]
    assert (line["quantity"], line["unit"], line["vat_category"], line["vat_rate"]) == ("1", "C62", "O", "0")
    assert (line["code"], line["refers_to"], line["unit_price"], line["net"]) == ("INTEREST", "I1", "1.15", "1.15")


def test_a_payment_day_accrues_on_the_old_balance() -> None:
    made = interest(receivable("100.00", "2024-03-01", ("2024-03-11", "40.00"), ("2024-03-21", "60.00")))
    assert rows(made) == [("2024H1", 10, "100.00"), ("2024H1", 10, "60.00")]


def test_payments_on_one_day_and_payments_of_nothing_make_no_rows() -> None:
    made = interest(
        receivable(
            "100.00",
            "2024-03-01",
            ("2024-03-05", "0"),
            ("2024-03-11", "40"),
            ("2024-03-11", "50"),
            until="2024-03-21",
        )
    )
    assert rows(made) == [("2024H1", 10, "100.00"), ("2024H1", 10, "10.00")]


def test_payments_in_time_reduce_the_principal() -> None:
    made = interest(
        receivable("100.00", "2024-03-01", ("2024-02-01", "40.00"), ("2024-03-01", "20.00"), until="2024-03-02")
    )
    assert rows(made) == [("2024H1", 1, "40.00")]


def test_payments_after_until_do_not_count() -> None:
    made = interest(receivable("100.00", "2024-03-01", ("2024-03-31", "100.00"), until="2024-03-11"))
    assert rows(made) == [("2024H1", 10, "100.00")]


def test_nothing_is_due_when_paid_in_time_or_fully() -> None:
    for one in (
        receivable("100.00", "2024-03-01", ("2024-03-01", "100.00")),
        receivable("100.00", "2024-03-01", ("2024-02-01", "150.00"), until="2024-04-01"),
        receivable("0.00", "2024-03-01", until="2026-12-31"),
        receivable("100.00", "2024-03-01", until="2024-02-01"),
    ):
        made = interest(one)
        assert (made["receivables"][0]["rows"], made["receivables"][0]["interest"]) == ([], "0.00")
        assert (made["total"], made["documents"]) == ("0.00", [])


def test_the_days_counted_end_with_the_balance() -> None:
    made = interest(receivable("100.00", "2024-03-01", ("2024-03-11", "100.00"), until="2026-12-31"))
    assert made["documents"][0]["lines"][0]["period"] == ["2024-03-02", "2024-03-12"]


def test_half_years_cut_and_interest_is_rounded_once() -> None:
    made = interest(
        receivable("100.00", "2024-06-29", until="2024-07-02"),
        rates={"2024H1": "0.0", "2024H2": "1.0"},
        margin="0",
    )
    assert [
        (row["half_year"], row["days"], row["rate"], row["amount"]) for row in made["receivables"][0]["rows"]
    ] == [
        ("2024H1", 1, "0.0", "0.000000"),
        ("2024H2", 2, "1.0", "0.005479"),
    ]
    assert made["total"] == "0.01"


def test_leap_years_divide_by_365_too() -> None:
    made = interest(
        receivable("36500.00", "2023-12-31", until="2024-12-31"), rates={"2024H1": "1", "2024H2": "1"}, margin="0"
    )
    assert made["total"] == "366.00"


def test_an_invoice_without_a_due_date_is_due_30_days_after_sending() -> None:
    one = receivable("100.00", until="2024-03-12")
    del one["due"]
    assert rows(interest({**one, "sent": "2024-02-10"})) == [("2024H1", 1, "100.00")]


def test_rates_of_half_years_without_days_are_not_needed() -> None:
    assert rows(interest(receivable("1", "2024-05-01", ("2024-06-30", "1")), rates={"2024H1": "1"}))


def test_fees_are_lines_without_a_period_in_the_same_document() -> None:
    made = interest(
        receivable("365.00", "2024-03-01", until="2024-03-11"),
        fees=[{"code": "REMINDER", "amount": "5.00"}],
        payer="P9",
    )
    (one,) = made["documents"]
    assert (one["payer"], one["gross"], one["vat"]) == ("P9", "6.15", "0.00")
    assert [(line["code"], line["period"], line["refers_to"]) for line in one["lines"]][1] == (
        "REMINDER",
        None,
        None,
    )
    assert made["total"] == "1.15"


@pytest.mark.parametrize(
    "change",
    [
        {"due": None},
        {"sent": "2024-01-01"},
        {"payments": []},
        {"x": "1"},
        {"principal": "-1"},
        {"invoice": ...},
        {"payments": [{"date": "2024-01-01", "amount": "-1"}]},
    ],
)
def test_contradictory_receivables_are_bad_scenario(change: dict) -> None:
    one = {**receivable("100.00", "2024-03-01", ("2024-03-11", "1")), **change}
    one = {name: value for name, value in one.items() if value is not ...}
    with pytest.raises(RatingError) as caught:
        interest(one)
    assert caught.value.reason == "bad_scenario"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rates": {"2024": "1"}}, "bad_scenario"),
        ({"rates": {"2024H3": "1"}}, "bad_scenario"),
        ({"rates": {"2024H1": 4.5}}, "bad_decimal"),
        ({"margin": 7}, "bad_decimal"),
        ({"currency": "NOK"}, "bad_scenario"),
        ({"fees": [{"code": "X", "amount": "-1"}]}, "negative_price"),
        ({"x": 1}, "bad_scenario"),
    ],
)
def test_what_else_is_wrong_with_an_interest_scenario(change: dict, reason: str) -> None:
    with pytest.raises(RatingError) as caught:
        interest(receivable(until="2024-03-05"), **change)
    assert caught.value.reason == reason


OPEN = [
    {"invoice": "B", "due": "2025-02-01", "fee": "5.00", "interest": "2.00", "principal": "30.00"},
    {"invoice": "A", "due": "2025-01-01", "fee": "1.00", "interest": "0.00", "principal": "10.00"},
    {"invoice": "C", "due": "2025-02-01", "fee": "0.00", "interest": "0.00", "principal": "20.00"},
]


def allocation(amount: str, country: str = "FI", designated: list | None = None, **more: Any) -> dict:
    payment = {"date": "2025-06-01", "amount": amount, "designated": designated or []}
    return answer({"kind": "allocation", "country": country, "open": OPEN, "payment": payment, **more})


def posted(made: dict) -> list[tuple[str, str, str]]:
    return [(one["invoice"], one["part"], one["amount"]) for one in made["allocations"]]


def test_the_oldest_due_comes_first_and_ties_as_listed() -> None:
    made = allocation("50.00")
    assert posted(made) == [
        ("A", "principal", "10.00"),
        ("A", "fee", "1.00"),
        ("B", "interest", "2.00"),
        ("B", "principal", "30.00"),
        ("B", "fee", "5.00"),
        ("C", "principal", "2.00"),
    ]
    assert made["left"] == "0.00"
    assert made["open_after"] == [{"invoice": "C", "fee": "0.00", "interest": "0.00", "principal": "18.00"}]


def test_norway_pays_fees_first_and_the_order_can_be_chosen() -> None:
    assert posted(allocation("18.50", "NO"))[2:] == [
        ("B", "fee", "5.00"),
        ("B", "interest", "2.00"),
        ("B", "principal", "0.50"),
    ]
    chosen = allocation("0.50", order=["principal", "fee", "interest"])
    assert posted(chosen) == [("A", "principal", "0.50")]


def test_what_the_debtor_designates_wins_in_the_order_given() -> None:
    made = allocation("60.00", designated=["C", "B"])
    assert [invoice for invoice, _, _ in posted(made)] == ["C", "B", "B", "B", "A"]
    assert made["open_after"] == [{"invoice": "A", "fee": "1.00", "interest": "0.00", "principal": "7.00"}]


def test_what_is_left_is_said() -> None:
    made = allocation("100.00")
    assert (made["left"], made["open_after"]) == ("32.00", [])


def test_open_items_stay_in_the_order_listed() -> None:
    assert [item["invoice"] for item in allocation("0.00")["open_after"]] == ["B", "A", "C"]


@pytest.mark.parametrize(
    "change",
    [
        {"designated": ["X"]},
        {"designated": ["A", "A"]},
        {"order": ["fee"]},
        {"order": ["fee", "fee", "interest"]},
        {"order": ["fee", "interest", "x"]},
        {"amount": "-1"},
        {"open": [OPEN[0], OPEN[0]]},
        {"x": 1},
    ],
)
def test_contradictory_allocations_are_bad_scenario(change: dict) -> None:
    with pytest.raises(RatingError) as caught:
        allocation(**{"amount": "1.00", **change})
    assert caught.value.reason == "bad_scenario"
