"""Issued documents for paper and e-invoices, made from worked bills without a database."""

from dataclasses import replace
from datetime import date
from typing import Any

from meterhub.billing.documents.model import IssuedDocument, Letter, LetterFee, LetterItem, LetterKind
from meterhub.billing.documents.parties import buyer_of, seller_of
from meterhub.billing.documents.reading import document_of
from meterhub.billing.documents.words import LANGUAGES
from meterhub.billing.receivables.identifiers import make_kid_mod10, make_viite
from meterhub.billing.schemas import InvoiceDetail
from tests.billing import scenarios
from tests.billing.scenarios import Scenario

SELLERS = {
    "FI": {
        "name": "Mallilan Vesi Oy",
        "business_id": "0201256-6",
        "street": "Vesikuja 1",
        "postal_code": "00100",
        "city": "Mallila",
        "email": "laskutus@example.org",
        "phone": "+358 9 000 0000",
        "iban": "FI2112345600000785",
        "bic": "NDEAFIHH",
    },
    "NO": {
        "name": "Eksempel kommune",
        "business_id": "987609877",
        "street": "Vannveien 1",
        "postal_code": "1383",
        "city": "Asker",
        "email": "faktura@example.org",
        "phone": "+47 66 00 00 00",
        "iban": "NO9386011117947",
        "bic": "DNBANOKK",
    },
}
CUSTOMERS = {
    "FI": {
        "customer_no": "C00017",
        "kind": "housing_company",
        "name": "Asunto Oy Mallilan Lähde",
        "street": "Mallikatu 5",
        "postal_code": "04200",
        "city": "Kerava",
        "language": "fi",
        "business_id": "2084069-9",
        "einvoice_address": "003720840699",
        "einvoice_operator": "BASWARE",
    },
    "NO": {
        "customer_no": "C00018",
        "kind": "company",
        "name": "Bakeriet AS",
        "street": "Storgata 5 B",
        "postal_code": "1383",
        "city": "Asker",
        "language": "nb",
        "business_id": "979399901",
        "einvoice_address": "0192:979399901",
        "einvoice_operator": "",
    },
}
# What a household's invoice shows beside its lines.
HOUSEHOLD: Scenario = {
    "property": {"property_code": "245-1-17", "street": "Mallikatu 5", "postal_code": "04200", "city": "Kerava"},
    "point": {"point_code": "MP-00017", "services": ["water", "wastewater"]},
    "installations": [
        {
            "manufacturer": "KAM",
            "serial": "12345678",
            "digits": 5,
            "reads": [
                {"on": "2025-01-01", "volume_ml": 1_000_000_000, "basis": "read"},
                {"on": "2025-04-01", "volume_ml": 1_042_000_000, "basis": "read"},
            ],
        }
    ],
    "tariff": {"name": "Prices of 2025"},
    "chart": {
        "unit": "week",
        "start": "2025-01-01",
        "volumes_ml": [3_000_000, 2_500_000, 4_000_000] * 4 + [2_500_000],
    },
}
NO_PRICES = [
    scenarios.price("WATER", "25.68", valid_from="2024-01-01"),
    scenarios.price("WASTEWATER", "27.47", valid_from="2024-01-01"),
]


def issued(
    made: Scenario, country: str = "FI", snapshot: Scenario | None = None, **changes: Any
) -> IssuedDocument:
    """A document of an answer as if it had been issued."""
    values = {
        "number": "2025-000417",
        "type": made["type"],
        "kind": "consumption",
        "run_id": 1,
        "contract_no": "K00017",
        "customer_no": CUSTOMERS[country]["customer_no"],
        "customer_name": CUSTOMERS[country]["name"],
        "credits": None,
        "period": scenarios.Q1,
        "issued_on": "2025-04-10",
        "due_on": "2025-04-24",
        "reference": make_viite("2025000417") if country == "FI" else make_kid_mod10("2025000417"),
        "currency": "EUR" if country == "FI" else "NOK",
        "net": made["net"],
        "vat": made["vat"],
        "gross": made["gross"],
        "lines": [
            {**line, "component": line["code"], "position": n, "trace": line.get("trace") or {}}
            for n, line in enumerate(made["lines"], 1)
        ],
        "vat_groups": made["vat_groups"],
        "snapshot": {
            "country": country,
            "seller": SELLERS[country],
            "customer": CUSTOMERS[country],
            **(snapshot or {}),
        },
    }
    return document_of(InvoiceDetail.model_validate(values | changes))


def b1(**changes: Any) -> IssuedDocument:
    """Worked bill B1: a quarter on reads, gross 235.97."""
    return issued(scenarios.document(scenarios.quote(scenarios.point_used("1000.000", "1042.000"))), **changes)


def b2(**changes: Any) -> IssuedDocument:
    """Worked bill B2: a price and VAT change within the quarter, two VAT groups, gross 437.12."""
    tariff = []
    for code, old, new, kind in (
        ("WATER", "1.40", "1.44", "volumetric"),
        ("WASTEWATER", "1.90", "1.98", "volumetric"),
        ("BASE_WATER", "80.00", "84.00", "fixed"),
        ("BASE_WASTEWATER", "92.00", "96.00", "fixed"),
    ):
        tariff.append(scenarios.price(code, old, kind, valid_from="2020-01-01", valid_to="2024-09-01"))
        tariff.append(scenarios.price(code, new, kind))
    period = ("2024-07-01", "2024-10-01")
    reads = scenarios.meter(scenarios.read("2024-06-20", "500.000"), scenarios.read("2024-10-10", "612.000"))
    made = scenarios.document(scenarios.quote(scenarios.point(reads), period=period, tariff=tariff))
    return issued(made, **{"period": period, **changes})


def b5(**changes: Any) -> IssuedDocument:
    """A true-up to a credit: more was estimated than was used."""
    period = ("2024-10-01", "2025-01-01")
    tariff = [scenarios.water(), scenarios.wastewater()]
    estimated = scenarios.document(
        scenarios.quote(
            scenarios.point(scenarios.meter(scenarios.read("2024-10-01", "300.000")), annual_estimate="180"),
            period=period,
            tariff=tariff,
        )
    )
    reads = scenarios.meter(scenarios.read("2024-10-01", "300.000"), scenarios.read("2025-01-01", "316.058"))
    made = scenarios.document(
        scenarios.quote(
            scenarios.point(reads),
            period=period,
            tariff=tariff,
            earlier=[scenarios.stored(line, "2024-000099") for line in estimated["lines"]],
        )
    )
    return issued(made, **{"number": "C2025-000002", "period": period, **changes})


def b6() -> list[IssuedDocument]:
    """Worked bill B6: three payers of one meter."""
    made = scenarios.documents(
        scenarios.quote(
            scenarios.point_used("0.000", "100.000", role="shared"),
            payers=[{"id": name, "weight": weight} for name, weight in (("P1", "40"), ("P2", "35"), ("P3", "25"))],
        )
    )
    return [issued(one) for one in made]


def b8(**changes: Any) -> IssuedDocument:
    """A Norwegian year over the VAT change, months method."""
    period = ("2025-01-01", "2026-01-01")
    made = scenarios.document(
        scenarios.quote(
            scenarios.point_used("0.000", "166.000", period),
            country="NO",
            period=period,
            tariff=NO_PRICES,
        )
    )
    return issued(made, "NO", **{"period": period, "issued_on": "2026-01-20", "due_on": "2026-02-10", **changes})


def interest(country: str = "FI") -> IssuedDocument:
    """An interest invoice: outside the scope of VAT."""
    line = {
        "code": "INTEREST",
        "point": None,
        "period": ["2023-11-21", "2025-03-15"],
        "quantity": "1",
        "unit": "C62",
        "unit_price": "61.31",
        "price_base_quantity": "1",
        "net": "61.31",
        "vat_category": "O",
        "vat_rate": "0",
        "quality": None,
        "refers_to": "2023-000311",
    }
    made = {
        "type": "invoice",
        "lines": [line],
        "vat_groups": [{"category": "O", "rate": "0", "base": "61.31", "vat": "0.00"}],
        "net": "61.31",
        "vat": "0.00",
        "gross": "61.31",
    }
    return issued(made, country, kind="interest", period=None, contract_no=None)


def credit_of(document: IssuedDocument) -> IssuedDocument:
    """A credit note that returns a whole document."""
    return replace(
        document,
        number="C2025-000003",
        type="credit_note",
        credits=document.number,
        lines=tuple(
            replace(line, quantity=-line.quantity, net=-line.net, refers_to=document.number)
            for line in document.lines
        ),
        vat_groups=tuple(replace(group, base=-group.base, vat=-group.vat) for group in document.vat_groups),
        net=-document.net,
        vat=-document.vat,
        gross=-document.gross,
    )


def letter(kind: LetterKind = LetterKind.REMINDER, country: str = "FI", language: str = "fi") -> Letter:
    """A letter about two unpaid invoices."""
    document = b1()
    items = (
        LetterItem("2025-000417", date(2025, 4, 10), date(2025, 4, 24), document.gross, document.gross),
        LetterItem("2025-000118", date(2025, 1, 10), date(2025, 1, 24), document.gross, document.net),
    )
    return Letter(
        kind=kind,
        number="R2025-000009",
        issued_on=date(2025, 5, 10),
        due_on=date(2025, 5, 26),
        reference=document.reference if country == "FI" else make_kid_mod10("2025000417"),
        currency="EUR" if country == "FI" else "NOK",
        country=country,
        language=LANGUAGES[language],
        seller=seller_of(SELLERS[country], country),
        buyer=buyer_of(CUSTOMERS[country], country),
        items=items,
        fees=(LetterFee("REMINDER_FEE", type(document.net)("5.00")),),
        acts_on=date(2025, 6, 30) if kind is not LetterKind.REMINDER else None,
        premises="245-1-17, Mallikatu 5, 04200 Kerava",
    )
