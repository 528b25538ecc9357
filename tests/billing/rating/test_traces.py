"""Traces: they lead back to reads and prices, are stored and read back, and give the line again."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

from meterhub.billing.rating import quoting
from meterhub.billing.rating.components.fixed import Parameters
from meterhub.billing.rating.explaining import explain
from meterhub.billing.rating.model import (
    Country,
    Installation,
    Line,
    Point,
    Quote,
    Read,
    ReadSource,
    Service,
    TariffVersion,
    VatVersion,
)
from meterhub.billing.rating.serialise import line_as_json, line_from_json, trace_as_json, trace_from_json
from meterhub.billing.rating.tariffs import PriceList
from meterhub.billing.rating.traces import Method, SplitTrace, VolumeTrace
from meterhub.billing.rating.verify import disagreements
from meterhub.kit.periods import DateRange
from tests.billing.scenarios import (
    documents,
    meter,
    point,
    point_used,
    price,
    quote,
    read,
    stored,
    tariff_t,
    water,
)

PRICES = PriceList.of(
    [
        TariffVersion(
            "WATER", "volumetric", Decimal("1.44"), "std", date(2024, 1, 1), service=Service.WATER, ref=7
        ),
        TariffVersion("FEE", "fixed", Decimal("84.00"), "std", date(2024, 1, 1), parameters=Parameters(), ref=8),
    ],
    [VatVersion("std", "S", Decimal("25.5"), date(2024, 1, 1), ref="vat-9")],
)


def rated(*reads: Read) -> tuple[Line, ...]:
    asked = Quote(
        country=Country.FI,
        currency="EUR",
        period=DateRange(date(2025, 1, 1), date(2025, 4, 1)),
        prices=PRICES,
        points=(Point("MP1", (Installation("A1", reads),)),),
    )
    (one,) = quoting.quote(asked).documents
    return one.lines


def test_refs_of_reads_prices_and_vat_come_out() -> None:
    volume, fee = rated(
        Read(date(2024, 12, 31), 10_000_000, ReadSource.AMR, ref=101),
        Read(date(2025, 1, 2), 12_000_000, ReadSource.AMR, ref=102),
        Read(date(2025, 4, 1), 20_000_000, ReadSource.CUSTOMER, ref=103),
    )
    assert isinstance(volume.trace, VolumeTrace)
    (used,) = volume.trace.meters
    assert used.opening.method is Method.INTERPOLATED
    assert [one.ref for one in used.opening.evidence] == [101, 102]
    assert [one.ref for one in used.closing.evidence] == [103]
    assert (volume.trace.tariff_ref, volume.trace.vat_ref) == (7, "vat-9")
    assert trace_as_json(fee.trace)["tariff_ref"] == 8 if fee.trace else False


def test_reads_finer_than_a_litre_are_billed_in_litres() -> None:
    volume, _ = rated(
        Read(date(2025, 1, 1), 10_000_499, ReadSource.AMR), Read(date(2025, 4, 1), 20_000_500, ReadSource.AMR)
    )
    assert volume.quantity == Decimal("10.001")
    assert disagreements(volume) == []


def everything() -> list[Line]:
    """Lines of every kind, from one bill and from its parts."""
    returned = stored(documents(quote(point_used("0", "10")))[0]["lines"][0], "E1")
    scenario = quote(
        point(
            meter(read("2024-12-01", "0"), read("2025-02-01", "60", "removal")),
            meter(read("2025-02-01", "5", "installation"), read("2025-03-01", "10"), name="B1"),
            role="shared",
            annual_estimate="100",
        ),
        point(meter(read("2025-01-15", "0", "installation"), read("2025-05-01", "3")), id="D", role="deduct"),
        tariff=[*tariff_t(), price("RENT", "2.00", "fixed", per="month"), price("MIN", "900.00", "minimum")],
        earlier=[returned],
        items=[{"code": "X", "quantity": "2", "net_price": "5", "vat_code": "std"}],
        leak_credit={"component": "WASTEWATER", "normal_annual": "10", "percent": "50", "cap_m3": "30"},
        payers=[{"id": "A", "weight": "2"}, {"id": "B", "weight": "1"}],
    )
    annual = quote(point(annual_estimate="100"), regime="akonto", tariff=[water()])
    late = {
        "kind": "interest",
        "country": "FI",
        "currency": "EUR",
        "rates": {"2025H1": "10"},
        "receivables": [{"invoice": "I", "principal": "100", "due": "2025-01-01", "until": "2025-02-01"}],
        "fees": [{"code": "FEE", "amount": "5"}],
    }
    made = [*documents(scenario), *documents(annual), *documents(late)]
    return [line_from_json(line) for one in made for line in one["lines"]]


def test_every_kind_of_trace_survives_storage() -> None:
    rules = set()
    for line in everything():
        text = json.dumps(line_as_json(line))
        assert line_from_json(json.loads(text)) == line
        assert line.trace is not None
        assert trace_from_json(json.loads(json.dumps(trace_as_json(line.trace)))) == line.trace
        whole = line.trace.whole if isinstance(line.trace, SplitTrace) else line.trace
        rules.add(trace_as_json(whole)["rule"])
    assert rules == {"volume", "fixed", "leak", "minimum", "item", "mirror", "interest", "fee"}


def test_every_line_is_told_in_words_that_end_with_its_net() -> None:
    for line in everything():
        steps = explain(line)
        assert steps
        if "returned" not in steps[0]:
            assert steps[-1].endswith(f"= {line.net}")


def test_a_line_that_was_tampered_with_disagrees() -> None:
    for line in everything():
        assert disagreements(line) == []
        if line.trace is not None and trace_as_json(line.trace)["rule"] != "mirror":
            assert disagreements(replace(line, net=line.net + Decimal("0.01")))


def test_a_read_that_was_tampered_with_disagrees() -> None:
    volume, _ = rated(
        Read(date(2024, 12, 31), 10_000_000, ReadSource.AMR), Read(date(2025, 4, 1), 20_000_000, ReadSource.AMR)
    )
    changed = json.loads(json.dumps(line_as_json(volume)))
    changed["trace"]["meters"][0]["closing"]["evidence"][0]["unwrapped_ml"] += 5_000
    (complaint,) = disagreements(line_from_json(changed))
    assert "2025-04-01" in complaint


def test_a_line_without_a_trace_cannot_be_computed_again() -> None:
    volume, _ = rated(Read(date(2025, 1, 1), 0, ReadSource.AMR), Read(date(2025, 4, 1), 1, ReadSource.AMR))
    assert disagreements(replace(volume, trace=None)) == ["the line has no trace"]
    assert explain(replace(volume, trace=None)) == []


def test_explanations_name_reads_and_where_they_come_from() -> None:
    volume, _ = rated(
        Read(date(2024, 12, 31), 10_000_000, ReadSource.AMR, ref=101),
        Read(date(2025, 4, 1), 20_000_000, ReadSource.UTILITY, ref=102),
    )
    first, second = explain(volume)
    assert first == (
        "MP1, A1: 10.110 on 2025-01-01 (between amr 10.000 on 2024-12-31 #101 "
        "and utility 20.000 on 2025-04-01 #102) "
        "to 20.000 on 2025-04-01 (utility #102): 9.890 m³"
    )
    assert second == "9.890 MTQ x 1.44 = 14.24"
