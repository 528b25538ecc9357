"""Builders of scenarios: short where a test is, complete where the format asks for it."""

from typing import Any

from meterhub.billing.rating.serialise import line_from_json
from meterhub.billing.rating.verify import disagreements
from meterhub.billing.scenario.answers import answer

Scenario = dict[str, Any]

Q1 = ("2025-01-01", "2025-04-01")
FI_VAT = [
    {"code": "std", "category": "S", "rate": "24", "valid_from": "2013-01-01", "valid_to": "2024-09-01"},
    {"code": "std", "category": "S", "rate": "25.5", "valid_from": "2024-09-01", "valid_to": None},
    {"code": "none", "category": "O", "rate": "0", "valid_from": "2000-01-01", "valid_to": None},
    {"code": "exempt", "category": "E", "rate": "0", "valid_from": "2000-01-01", "valid_to": None},
]
NO_VAT = [
    {"code": "std", "category": "S", "rate": "25", "valid_from": "2005-01-01", "valid_to": "2025-07-01"},
    {"code": "std", "category": "S", "rate": "15", "valid_from": "2025-07-01", "valid_to": None},
]


def read(on: str, m3: str, source: str = "amr", **more: Any) -> Scenario:
    return {"on": on, "m3": m3, "source": source, **more}


def meter(*reads: Scenario, name: str = "A1", **more: Any) -> Scenario:
    return {"meter": name, "reads": list(reads), **more}


def point(*installations: Scenario, id: str = "MP1", **more: Any) -> Scenario:  # noqa: A002  (the field's name)
    return {"id": id, "installations": list(installations), **more}


def point_used(start: str, end: str, period: tuple[str, str] = Q1, **more: Any) -> Scenario:
    """A point with one meter, read at both ends."""
    return point(meter(read(period[0], start), read(period[1], end)), **more)


def price(code: str, net_price: str | None, kind: str = "volumetric", **more: Any) -> Scenario:
    made = {"code": code, "kind": kind, "vat_code": "std", "valid_from": "2024-09-01", **more}
    if net_price is not None:
        made["net_price"] = net_price
    if kind == "volumetric":
        made.setdefault("service", code.lower())
    return made


def water(net_price: str = "1.44", **more: Any) -> Scenario:
    return price("WATER", net_price, **more)


def wastewater(net_price: str = "1.98", **more: Any) -> Scenario:
    return price("WASTEWATER", net_price, **more)


def base_fees() -> list[Scenario]:
    return [price("BASE_WATER", "84.00", "fixed"), price("BASE_WASTEWATER", "96.00", "fixed")]


def tariff_t() -> list[Scenario]:
    return [water(), wastewater(), *base_fees()]


def quote(*points: Scenario, period: tuple[str, str] = Q1, **more: Any) -> Scenario:
    country = more.pop("country", "FI")
    return {
        "kind": "quote",
        "country": country,
        "currency": "EUR" if country == "FI" else "NOK",
        "period": list(period),
        "points": list(points),
        "tariff": more.pop("tariff", tariff_t()),
        "vat": more.pop("vat", FI_VAT if country == "FI" else NO_VAT),
        **more,
    }


def documents(scenario: Scenario) -> list[Scenario]:
    """The documents of an answer; every line agrees with its trace."""
    made: list[Scenario] = answer(scenario)["documents"]
    for document in made:
        for line in document["lines"]:
            assert disagreements(line_from_json(line)) == []
    return made


def document(scenario: Scenario) -> Scenario:
    (only,) = documents(scenario)
    return only


def lines(scenario: Scenario, *codes: str) -> list[Scenario]:
    """The lines of all documents, of the given codes only."""
    return [line for one in documents(scenario) for line in one["lines"] if not codes or line["code"] in codes]


def row(line: Scenario) -> tuple[str, ...]:
    """What most tests look at: start and end, quantity, net."""
    start, end = line["period"] or ("", "")
    return (start, end, line["quantity"], line["net"])


def rows(scenario: Scenario, *codes: str) -> list[tuple[str, ...]]:
    return [row(line) for line in lines(scenario, *codes)]


def without_trace(line: Scenario) -> Scenario:
    return {name: value for name, value in line.items() if name != "trace"}


def stored(line: Scenario, number: str, **more: Any) -> Scenario:
    """A result line as a later bill returns it."""
    kept = {name: value for name, value in line.items() if name not in ("trace", "refers_to")}
    return {"document": number, **kept, **more}
