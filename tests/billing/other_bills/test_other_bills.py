"""Bills from a price list of products: priced on the day of delivery, issued once."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterhub.access.principal import SYSTEM
from meterhub.billing import prices, products
from meterhub.billing.audit import check_documents
from meterhub.billing.ledger import balances
from meterhub.billing.other_bills import service
from meterhub.billing.other_bills.schemas import IssueRequest, OtherBillIn
from meterhub.billing.schemas import TariffDocument
from meterhub.errors import BadInput, Conflict, NotFound
from meterhub.kit.money import line_net, share
from tests.billing.service.town import Town
from tests.billing.service.town import settings as hub_settings

ISSUE = IssueRequest(issued_on=date(2026, 5, 10))


def product(component, net_price, vat_code="standard", **more):
    parameters = more.pop("parameters", {})
    return {
        "component": component, "kind": "one_off", "net_price": net_price, "vat_code": vat_code,
        "valid_from": "2025-01-01", "parameters": parameters,
    } | more  # fmt: skip


# Kerava's connection of a house of 150 m², net of 24 % as published: 1512 is 10.08 · 150 gross.
PRODUCTS = [
    product(
        "CONNECTION", "8.129032", parameters={"unit": "MTK", "needs_permit": True, "names": {"fi": "Liittymä"}}
    ),
    product("VISIT", "57.00", valid_to="2026-06-01"),
    product("VISIT", "60.00", valid_from="2026-06-01"),
    product("SUPERVISION", "83.33", "exempt"),
]


@pytest.fixture
def town(engine) -> Town:
    made = Town(engine)
    document = {
        "code": "works", "name": "Works", "country": "FI", "currency": "EUR", "versions": PRODUCTS,
        "vat": [{"code": "exempt", "category": "E", "rate": "0", "valid_from": "2013-01-01"}],
    }  # fmt: skip
    with engine.begin() as connection:
        prices.import_tariff(connection, TariffDocument.model_validate(document), "clerk")
    return made


def bill(town, *items, house=None, **changes):
    house = house or town.house()
    return OtherBillIn.model_validate(
        {
            "purpose": "connection", "customer_no": house.customer_no, "tariff": "works",
            "delivered_on": "2026-05-04", "permit_no": "RAK-17",
            "items": [{"component": code, "quantity": quantity} for code, quantity in items],
        }
        | changes
    )  # fmt: skip


def write(town, *items, **changes):
    with town.engine.begin() as connection:
        return service.write(connection, hub_settings(), SYSTEM, bill(town, *items, **changes))


def read(town, bill_id):
    with town.engine.connect() as connection:
        return service.find(connection, hub_settings(), bill_id)


def issue(town, bill_id, request=ISSUE):
    with town.engine.begin() as connection:
        return service.issue_bill(connection, hub_settings(), SYSTEM, bill_id, request)


def test_a_connection_comes_to_the_published_price(town):
    priced = read(town, write(town, ("CONNECTION", "150"))).priced
    assert [(line.name, line.net) for line in priced.lines] == [("Liittymä", Decimal("1219.35"))]
    assert (priced.vat, priced.gross) == (Decimal("310.93"), Decimal("1530.28"))


def test_what_is_taxed_and_what_is_not_stand_on_one_bill_in_groups_of_their_own(town):
    issued = issue(town, write(town, ("VISIT", "1"), ("SUPERVISION", "1")))
    groups = town.rows(
        "SELECT category, rate, base, vat FROM invoice_vat WHERE invoice_id = :id ORDER BY category",
        id=issued.invoice_id,
    )
    assert groups == [
        ("E", Decimal(0), Decimal("83.33"), Decimal("0.00")),
        ("S", Decimal("25.5"), Decimal("57.00"), Decimal("14.54")),
    ]


def test_the_price_is_that_of_the_day_of_delivery(town):
    assert read(town, write(town, ("VISIT", "2"))).priced.net == Decimal("114.00")
    assert read(town, write(town, ("VISIT", "2"), delivered_on="2026-06-01")).priced.net == Decimal("120.00")


def test_an_issued_bill_is_in_the_ledger_and_computes_again_from_its_snapshot(town):
    bill_id = write(town, ("VISIT", "1.5"), ("SUPERVISION", "2"))
    issued = issue(town, bill_id)
    (kind, customer_id, due_on, snapshot) = town.rows(
        "SELECT kind, customer_id, due_on, snapshot FROM invoice WHERE id = :id", id=issued.invoice_id
    )[0]
    assert (kind, due_on) == ("other", date(2026, 5, 25))
    assert products.document_of(snapshot).gross == issued.gross
    with town.engine.connect() as connection:
        assert balances.balance(connection, customer_id) == issued.gross
        assert [fault for step in check_documents(connection) for fault in step.faults] == []


def test_a_draft_is_issued_once_and_not_changed_afterwards(town):
    bill_id = write(town, ("VISIT", "1"))
    issue(town, bill_id)
    with pytest.raises(Conflict, match="issued already"):
        issue(town, bill_id)
    with town.engine.begin() as connection, pytest.raises(Conflict, match="issued already"):
        service.write(connection, hub_settings(), SYSTEM, bill(town, ("VISIT", "2")), bill_id)
    assert town.scalar("SELECT count(*) FROM invoice") == 1


def test_a_draft_can_be_written_anew_and_put_away(town):
    bill_id = write(town, ("VISIT", "1"), ("SUPERVISION", "1"))
    with town.engine.begin() as connection:
        service.write(connection, hub_settings(), SYSTEM, bill(town, ("VISIT", "3")), bill_id)
        service.discard(connection, SYSTEM, bill_id)
    assert read(town, bill_id).priced.net == Decimal("171.00")
    with pytest.raises(Conflict, match="discarded already"):
        issue(town, bill_id)


@pytest.mark.parametrize(
    ("items", "changes", "error", "complaint"),
    [
        ([("PUMP", "1")], {}, BadInput, "no product PUMP on 2026-05-04"),
        ([("VISIT", "0")], {}, BadInput, "zero"),
        ([("CONNECTION", "150")], {"permit_no": None}, BadInput, "give permit_no"),
        ([("VISIT", "1")], {"customer_no": "nobody"}, NotFound, "no customer 'nobody'"),
        ([("VISIT", "1")], {"tariff": "nowhere"}, NotFound, "no tariff 'nowhere'"),
        ([("VISIT", "1")], {"property_code": "1-1"}, NotFound, "no property '1-1'"),
    ],
)
def test_what_cannot_be_billed_is_named_and_leaves_no_draft(town, items, changes, error, complaint):
    with pytest.raises(error, match=complaint):
        write(town, *items, **changes)
    assert town.scalar("SELECT count(*) FROM other_bill") == 0


def test_a_bill_is_neither_issued_before_delivery_nor_due_too_early(town):
    bill_id = write(town, ("VISIT", "1"))
    with pytest.raises(BadInput, match="before the delivery"):
        issue(town, bill_id, IssueRequest(issued_on=date(2026, 5, 3)))
    with pytest.raises(BadInput, match="consumers have until 2026-05-25"):
        issue(town, bill_id, IssueRequest(issued_on=date(2026, 5, 10), due_on=date(2026, 5, 15)))


def test_what_is_given_back_is_a_credit_note(town):
    issued = issue(town, write(town, ("VISIT", "-1")))
    assert (issued.type, issued.gross) == ("credit_note", Decimal("-71.54"))


QUANTITIES = st.decimals(min_value="0.001", max_value=9999, places=3)


@given(st.lists(st.tuples(QUANTITIES, st.decimals(min_value=0, max_value=999, places=6)), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_items_come_to_the_sum_of_their_rounded_lines(items):
    document = products.document_of(
        {
            "on": "2026-05-04", "country": "FI", "currency": "EUR",
            "vat": [{"code": "s", "category": "S", "rate": "25.5"}],
            "items": [
                {"code": f"P{n}", "quantity": str(quantity), "net_price": str(price),
                 "vat_code": "s", "unit": "C62"}
                for n, (quantity, price) in enumerate(items)
            ],
        }
    )  # fmt: skip
    net = sum((line_net(quantity, price, Decimal(1)) for quantity, price in items), Decimal(0))
    assert document.net == net
    assert document.gross == net + share(net, Decimal("25.5"))
