"""Who gets which line: owners, splitting by weight, and documents outside the scope of VAT."""

from tests.billing.scenarios import documents, lines, point_used, price, quote, stored, water

THIRDS = [{"id": name, "weight": "1"} for name in ("A", "B", "C")]


def nets(scenario: dict) -> dict[str, list[str]]:
    return {one["payer"]: [line["net"] for line in one["lines"]] for one in documents(scenario)}


def test_cents_go_by_largest_remainder_and_ties_to_the_earlier_payer() -> None:
    item = {"code": "X", "quantity": "1", "net_price": "0.02", "vat_code": "std"}
    assert nets(quote(tariff=[], items=[item], payers=THIRDS)) == {"A": ["0.01"], "B": ["0.01"], "C": ["0.00"]}
    uneven = [{"id": "A", "weight": "1"}, {"id": "B", "weight": "2"}]
    assert nets(quote(tariff=[], items=[item], payers=uneven)) == {"A": ["0.01"], "B": ["0.01"]}
    assert nets(quote(tariff=[], items=[{**item, "net_price": "0.01"}], payers=uneven)) == {
        "A": ["0.00"],
        "B": ["0.01"],
    }


def test_a_credit_splits_as_its_charge_does() -> None:
    item = {"code": "X", "quantity": "-1", "net_price": "10.00", "vat_code": "std"}
    assert nets(quote(tariff=[], items=[item], payers=THIRDS)) == {"A": ["-3.34"], "B": ["-3.33"], "C": ["-3.33"]}


def test_quantities_split_by_weight_to_a_thousandth() -> None:
    made = lines(quote(point_used("0", "100", role="shared"), tariff=[water()], payers=THIRDS))
    assert [line["quantity"] for line in made] == ["33.333"] * 3


def test_weights_need_not_be_whole() -> None:
    payers = [{"id": "A", "weight": "0.3"}, {"id": "B", "weight": "0.1"}]
    made = lines(quote(point_used("0", "100", role="shared"), tariff=[water("1.00")], payers=payers))
    assert [(line["quantity"], line["net"]) for line in made] == [("75.000", "75.00"), ("25.000", "25.00")]


def test_a_single_payer_gets_lines_as_they_are() -> None:
    scenario = quote(point_used("0", "100", role="shared"), tariff=[water()], payers=[{"id": "A", "weight": "7"}])
    assert nets(scenario) == {"A": ["144.00"]}


def test_own_points_go_to_their_payer_and_the_rest_is_split() -> None:
    scenario = quote(
        point_used("0", "10", id="A1", payer="A"),
        point_used("0", "20", id="B1", payer="B"),
        point_used("0", "30", id="S", role="shared"),
        tariff=[water("1.00"), price("FEE", "365.00", "fixed"), price("OWN", "73.00", "fixed", payer="B")],
        items=[{"code": "X", "quantity": "1", "net_price": "9.00", "vat_code": "std", "payer": "A"}],
        payers=[{"id": "A", "weight": "2"}, {"id": "B", "weight": "1"}],
    )
    assert nets(scenario) == {"A": ["10.00", "20.00", "60.00", "9.00"], "B": ["20.00", "10.00", "30.00", "18.00"]}


def test_returned_lines_go_to_their_payer_or_are_split() -> None:
    line = stored(lines(quote(point_used("0", "10"), tariff=[water("1.00")]))[0], "E1")
    payers = [{"id": "A", "weight": "1"}, {"id": "B", "weight": "1"}]
    split = quote(tariff=[], earlier=[line], payers=payers)
    assert nets(split) == {"A": ["-5.00"], "B": ["-5.00"]}
    assert [one["quantity"] for one in lines(split)] == ["-5.000", "-5.000"]
    assert nets(quote(tariff=[], earlier=[{**line, "payer": "B"}], payers=payers)) == {"B": ["-10.00"]}


def test_lines_outside_the_scope_of_vat_get_a_document_of_their_own() -> None:
    items = [
        {"code": "KVV", "quantity": "1", "net_price": "100.00", "vat_code": "none"},
        {"code": "SHARE", "quantity": "1", "net_price": "50.00", "vat_code": "exempt"},
        {"code": "WORK", "quantity": "1", "net_price": "10.00", "vat_code": "std"},
    ]
    made = documents(quote(tariff=[], items=items))
    assert [([line["code"] for line in one["lines"]], one["gross"]) for one in made] == [
        (["SHARE", "WORK"], "62.55"),
        (["KVV"], "100.00"),
    ]
    assert {one["payer"] for one in made} == {"customer"}


def test_vat_is_computed_per_document_and_group() -> None:
    items = [{"code": f"X{n}", "quantity": "1", "net_price": "0.02", "vat_code": "std"} for n in range(3)]
    (one,) = documents(quote(tariff=[], items=items))
    # Each line alone would round to 0.01, three cents in all.
    assert one["vat_groups"] == [{"category": "S", "rate": "25.5", "base": "0.06", "vat": "0.02"}]


def test_rates_written_differently_are_one_group() -> None:
    line = stored(lines(quote(point_used("0", "10"), tariff=[water("1.00")]))[0], "E1", vat_rate="25.50")
    (one,) = documents(quote(point_used("0", "30"), tariff=[water("1.00")], earlier=[line]))
    assert [group["base"] for group in one["vat_groups"]] == ["20.00"]
