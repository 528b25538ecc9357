"""How contracts are billed, over HTTP and by import."""

import pytest

PROPERTY = {"property_code": "245-1-1-1", "street": "Vesikuja 2", "postal_code": "04200", "city": "Mallila"}
CUSTOMER = {"name": "Maija Mallinen", "street": "Vesikuja 2", "postal_code": "04200", "city": "Mallila"}


@pytest.fixture
def clerk(hub):
    clerk = hub.client("billing")
    for number in ("C-1", "C-2", "C-3"):
        made(clerk.post("/api/v1/customers", json=CUSTOMER | {"customer_no": number}))
    made(clerk.post("/api/v1/properties", json=PROPERTY))
    made(clerk.post("/api/v1/metering-points", json={"point_code": "P-1", "property_code": "245-1-1-1"}))
    contract = {"contract_no": "A-1", "customer_no": "C-1", "point_code": "P-1", "start_on": "2026-01-01"}
    made(clerk.post("/api/v1/contracts", json=contract))
    return clerk


def made(response, status=201):
    assert response.status_code == status, response.text
    return response.json()


def test_a_billing_group_of_any_name_is_added_and_a_contract_moves_into_it(clerk):
    group = {"code": "half-yearly", "name": "Cabins", "months": 6, "regime": "estimate"}
    made(clerk.put("/api/v1/billing-groups", json=group), 200)
    assert group in clerk.get("/api/v1/billing-groups").json()
    asked = {"billing_group": "half-yearly", "regime": "stipulated"}
    made(clerk.put("/api/v1/contracts/A-1/billing", json=asked), 200)
    shown = clerk.get("/api/v1/contracts/A-1").json()
    assert (shown["billing_group"], shown["regime"]) == ("half-yearly", "stipulated")


def test_a_group_that_is_not_there_is_named_with_those_that_are(clerk):
    problem = made(clerk.put("/api/v1/contracts/A-1/billing", json={"billing_group": "daily"}), 422)
    assert "there are monthly, quarterly" in problem["detail"]


def test_payers_from_a_day_on_end_those_before_and_replace_those_after(clerk):
    def pay(from_on, *payers):
        body = {"from_on": from_on, "payers": [{"customer_no": no, "weight": weight} for no, weight in payers]}
        return made(clerk.put("/api/v1/contracts/A-1/payers", json=body), 200)

    pay("2026-02-01", ("C-1", "1"), ("C-2", "2"))
    pay("2027-01-01", ("C-3", "1"))
    shown = pay("2026-06-01", ("C-2", "60"), ("C-3", "40"))
    assert [(one["customer_no"], one["from_on"], one["until_on"]) for one in shown] == [
        ("C-1", "2026-02-01", "2026-06-01"),
        ("C-2", "2026-02-01", "2026-06-01"),
        ("C-2", "2026-06-01", None),
        ("C-3", "2026-06-01", None),
    ]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"from_on": "2026-02-01", "payers": [{"customer_no": "C-9"}]}, "no customer 'C-9'"),
        ({"from_on": "2025-02-01", "payers": []}, "not in force on 2025-02-01"),
        ({"from_on": "2026-02-01", "payers": [{"customer_no": "C-1", "weight": "0"}]}, "greater than 0"),
        ({"from_on": "2026-02-01", "payers": [{"customer_no": "C-1"}] * 2}, "named twice"),
    ],
)
def test_payers_that_cannot_be_are_refused_with_what_is_wrong(clerk, body, word):
    response = clerk.put("/api/v1/contracts/A-1/payers", json=body)
    assert response.status_code == 422
    assert word in response.text


def test_an_annual_volume_is_a_number_or_a_basis_times_a_factor(clerk):
    path = "/api/v1/contracts/A-1/annual-volumes"
    made(clerk.post(path, json={"valid_from": "2026-01-01", "annual_m3": "180", "source": "initial"}))
    shown = made(clerk.post(path, json={"valid_from": "2026-02-01", "basis": "120", "factor": "1.2"}))
    assert [(one["annual_m3"], one["basis"], one["factor"]) for one in shown] == [
        (None, "120", "1.2"),
        ("180", None, None),
    ]
    for wrong in ({"annual_m3": "1", "basis": "1", "factor": "1"}, {"basis": "1"}, {}):
        assert clerk.post(path, json={"valid_from": "2026-01-01"} | wrong).status_code == 422


def test_what_fees_go_by_is_kept_by_property_and_day(clerk):
    site = {
        "property_code": "245-1-1-1",
        "valid_from": "2026-01-01",
        "floor_area_m2": "150",
        "plot_area_m2": None,
        "dwellings": 2,
        "building_type": "detached",
        "marks": ["combined-sewer"],
    }
    made(clerk.post("/api/v1/sites", json=site))
    assert clerk.get("/api/v1/sites", params={"property_code": "245-1-1-1"}).json() == [site]
    assert clerk.post("/api/v1/sites", json=site | {"property_code": "none"}).status_code == 404


def test_a_deduct_meter_has_a_point_that_is_billed_itself(clerk):
    garden = {"point_code": "P-2", "property_code": "245-1-1-1", "deducts_from": "P-1"}
    assert made(clerk.post("/api/v1/metering-points", json=garden))["deducts_from"] == "P-1"
    second = {"point_code": "P-3", "property_code": "245-1-1-1", "deducts_from": "P-2"}
    assert clerk.post("/api/v1/metering-points", json=second).status_code == 422


@pytest.mark.parametrize(
    "values",
    [
        {"delivery_channel": "email"},
        {"delivery_channel": "finvoice", "einvoice_address": "003712345671"},
        {"delivery_channel": "ehf"},
        {"billing_street": "Muukatu 1"},
    ],
)
def test_a_customer_to_whom_bills_cannot_be_delivered_is_refused(clerk, values):
    assert clerk.post("/api/v1/customers", json=CUSTOMER | {"customer_no": "C-9"} | values).status_code == 422


def test_accounts_are_imported_and_the_same_again_changes_nothing(clerk):
    document = {
        "billing_groups": [{"code": "cabins", "name": "Cabins", "months": 12, "regime": "stipulated"}],
        "metering_points": [
            {"point_code": "P-8", "property_code": "245-1-1-1"},
            {"point_code": "P-9", "property_code": "245-1-1-1", "deducts_from": "P-8"},
        ],
        "contracts": [
            {
                "contract_no": "A-8",
                "customer_no": "C-1",
                "point_code": "P-8",
                "start_on": "2026-01-01",
                "billing_group": "cabins",
                "regime": "akonto",
            }
        ],
        "payers": [{"contract_no": "A-8", "customer_no": "C-2", "weight": "2", "from_on": "2026-01-01"}],
        "annual_volumes": [{"contract_no": "A-8", "valid_from": "2026-01-01", "annual_m3": "90"}],
        "sites": [{"property_code": "245-1-1-1", "valid_from": "2026-01-01", "dwellings": 1}],
    }
    first = made(clerk.post("/api/v1/import/registers", json=document), 200)
    sections = ("billing_groups", "contracts", "payers", "annual_volumes", "sites")
    assert {section: first[section]["added"] for section in sections} == dict.fromkeys(sections, 1)
    again = made(clerk.post("/api/v1/import/registers", json=document), 200)
    assert all(counts["added"] == 0 for counts in again.values())
    assert clerk.get("/api/v1/contracts/A-8").json()["regime"] == "akonto"
    assert clerk.get("/api/v1/metering-points/P-9").json()["deducts_from"] == "P-8"


def test_an_import_of_accounts_names_what_does_not_fit(clerk):
    document = {
        "payers": [
            {"contract_no": "A-9", "customer_no": "C-2", "from_on": "2026-01-01"},
            {"contract_no": "A-1", "customer_no": "C-9", "from_on": "2026-01-01"},
            {"contract_no": "A-1", "customer_no": "C-2", "from_on": "2026-01-01", "until_on": "2026-01-01"},
        ],
        "annual_volumes": [{"contract_no": "A-9", "valid_from": "2026-01-01", "annual_m3": "90"}],
        "sites": [{"property_code": "none", "valid_from": "2026-01-01"}],
    }
    problem = made(clerk.post("/api/v1/import/registers", json=document), 422)
    assert [error["field"] for error in problem["errors"]] == [
        "payers.0.contract_no",
        "payers.1.customer_no",
        "payers.2.until_on",
        "annual_volumes.0.contract_no",
        "sites.0.property_code",
    ]
