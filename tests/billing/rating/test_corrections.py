"""Credits of issued documents: stored amounts mirrored, partly or whole, and the replacement after them."""

from typing import Any

import pytest

from meterhub.billing.rating.errors import RatingError
from meterhub.billing.scenario.answers import answer
from tests.billing.scenarios import document, documents, point_used, quote, without_trace


def original(**more: Any) -> dict:
    one = document(quote(point_used("0", "42")))
    lines = [without_trace(line) for line in one["lines"]]
    return {"number": "I7", "payer": "customer", "lines": lines, "vat_groups": one["vat_groups"], **more}


def correction(**more: Any) -> dict:
    return {"kind": "correction", "original": original(), **more}


def test_a_full_credit_mirrors_lines_and_stored_vat() -> None:
    odd = [{"category": "S", "rate": "25.5", "base": "188.02", "vat": "47.94"}]
    made = answer({"kind": "correction", "original": original(vat_groups=odd)})
    (one,) = made["documents"]
    assert one["vat_groups"] == [{"category": "S", "rate": "25.5", "base": "-188.02", "vat": "-47.94"}]
    assert (one["type"], one["refers_to"], one["gross"], made["net_effect"]) == (
        "credit_note",
        "I7",
        "-235.96",
        "-235.96",
    )
    assert {line["refers_to"] for line in one["lines"]} == {"I7"}
    assert [line["quantity"] for line in one["lines"]] == ["-42.000", "-42.000", "-90", "-90"]


def test_a_credit_of_some_lines_computes_vat_anew() -> None:
    (one,) = documents(correction(lines=[3, 1]))
    assert [line["code"] for line in one["lines"]] == ["BASE_WATER", "WATER"]
    assert one["vat_groups"] == [{"category": "S", "rate": "25.5", "base": "-81.19", "vat": "-20.70"}]


def test_the_replacement_follows_the_credit() -> None:
    made = answer(correction(replacement=quote(point_used("0", "24"))))
    assert [one["type"] for one in made["documents"]] == ["credit_note", "invoice"]
    assert made["net_effect"] == "-77.26"


def test_a_credited_credit_note_is_an_invoice() -> None:
    (credit,) = documents(correction())
    lines = [without_trace(line) for line in credit["lines"]]
    again = {"number": "C1", "payer": "customer", "lines": lines, "vat_groups": credit["vat_groups"]}
    (one,) = documents({"kind": "correction", "original": again})
    assert (one["type"], one["refers_to"], one["gross"]) == ("invoice", "C1", "235.97")


def test_crediting_nothing_makes_no_document() -> None:
    assert answer(correction(lines=[])) == {"documents": [], "net_effect": "0.00"}


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [0]},
        {"lines": [5]},
        {"lines": [1, 1]},
        {"lines": ["1"]},
        {"lines": [True]},
        {"lines": 1},
        {"x": 1},
        {"original": {}},
        {"original": None},
        {"replacement": {"kind": "interest"}},
        {"replacement": {}},
    ],
)
def test_contradictory_corrections_are_bad_scenario(change: dict) -> None:
    with pytest.raises(RatingError) as caught:
        answer(correction(**change))
    assert caught.value.reason == "bad_scenario"


def test_an_error_of_the_replacement_is_the_answer() -> None:
    with pytest.raises(RatingError) as caught:
        answer(correction(replacement=quote(point_used("50", "24"))))
    assert caught.value.reason == "read_suspect"


def test_amounts_of_stored_lines_have_two_decimals() -> None:
    broken = original()
    broken["lines"][0]["net"] = "60.481"
    with pytest.raises(RatingError) as caught:
        answer({"kind": "correction", "original": broken})
    assert caught.value.reason == "bad_decimal"
