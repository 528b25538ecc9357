from io import BytesIO

import pytest
from fastapi import FastAPI
from pypdf import PdfReader

from meterhub.app import create_app
from meterhub.billing.runs import execution
from tests.api.hub import Hub
from tests.billing.service.town import b1_house, settings

RUN = {
    "billing_group": "quarterly",
    "period": ["2025-01-01", "2025-04-01"],
    "tariff": "example-town",
    "issued_on": "2025-04-10",
}


@pytest.fixture
def app(engine) -> FastAPI:
    return create_app(engine, settings())


@pytest.fixture
def hub(engine, app) -> Hub:
    return Hub(engine, app)


@pytest.fixture
def clerk(hub):
    return hub.client("billing")


def test_a_clerk_starts_a_run_follows_it_and_reads_its_invoices(town, clerk, hub):
    house = b1_house(town)
    town.house()
    started = clerk.post("/api/v1/billing/runs", json=RUN)
    assert (started.status_code, started.json()["state"]) == (202, "queued")
    run_id = started.json()["id"]
    execution.carry_out(town.engine, settings(), run_id)
    drafted = clerk.get(f"/api/v1/billing/runs/{run_id}").json()
    assert (drafted["state"], drafted["totals"]["gross"]) == ("calculated", "235.97")
    own = clerk.post(f"/api/v1/billing/runs/{run_id}/approve")
    assert (own.status_code, "somebody else has to approve" in own.json()["detail"]) == (409, True)
    assert clerk.post(f"/api/v1/billing/runs/{run_id}/issue").status_code == 409
    chief = hub.client("billing", "read-only")
    assert chief.post(f"/api/v1/billing/runs/{run_id}/approve").json()["state"] == "approved"
    assert clerk.post(f"/api/v1/billing/runs/{run_id}/issue").json()["state"] == "issuing"
    execution.carry_out(town.engine, settings(), run_id)
    run = clerk.get(f"/api/v1/billing/runs/{run_id}").json()
    assert (run["state"], run["accounts_done"], run["period"]) == ("issued", 2, RUN["period"])
    assert (run["totals"]["gross"], run["totals"]["invoices"]) == ("235.97", 1)
    assert [(one["component"], one["quantity"], one["net"]) for one in run["totals"]["components"]] == [
        ("BASE_WASTEWATER", "90", "23.67"),
        ("BASE_WATER", "90", "20.71"),
        ("WASTEWATER", "42.000", "83.16"),
        ("WATER", "42.000", "60.48"),
    ]
    assert [(one["rate"], one["base"], one["vat"]) for one in run["totals"]["vat_rates"]] == [
        ("25.5", "188.02", "47.95")
    ]
    assert [hold["code"] for hold in run["holds"]] == ["no_opening_read"]
    for query in ({"run": run_id}, {"customer": house.customer_no}, {"contract": house.contract_no}):
        listed = clerk.get("/api/v1/invoices", params=query).json()
        assert [one["number"] for one in listed["items"]] == ["2025-000001"]
    assert clerk.get("/api/v1/invoices", params={"contract": "nobody"}).json()["items"] == []
    invoice = clerk.get("/api/v1/invoices/2025-000001").json()
    assert invoice["vat_groups"] == [{"category": "S", "rate": "25.5", "base": "188.02", "vat": "47.95"}]
    assert invoice["lines"][0]["trace"]["rule"] == "volume"
    paper = clerk.get("/api/v1/invoices/2025-000001/pdf")
    assert paper.headers["content-type"] == "application/pdf"
    assert "235,97" in PdfReader(BytesIO(paper.content)).pages[0].extract_text()
    assert [event["subject"] for event in hub.audit("read-invoice")] == ["invoice:2025-000001"]
    assert [event["subject"] for event in hub.audit("start-billing-run")] == [f"run:{run_id}"]


def test_a_second_run_of_the_same_days_is_a_conflict_that_names_the_first(town, clerk):
    run_id = clerk.post("/api/v1/billing/runs", json=RUN).json()["id"]
    again = clerk.post("/api/v1/billing/runs", json=RUN)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert f"billing run {run_id} " in again.json()["detail"]


def test_a_preview_tells_the_totals_and_a_resumed_run_takes_its_holds_again(town, clerk):
    b1_house(town)
    town.house()
    shown = clerk.post("/api/v1/billing/runs/preview", json=RUN).json()
    assert (shown["accounts"], shown["totals"]["gross"], len(shown["holds"])) == (2, "235.97", 1)
    assert clerk.get("/api/v1/billing/runs").json()["items"] == []
    run_id = town.bill()
    resumed = clerk.post(f"/api/v1/billing/runs/{run_id}/resume")
    assert (resumed.status_code, resumed.json()) == (202, {"id": run_id, "state": "queued"})
    assert clerk.get(f"/api/v1/billing/runs/{run_id}").json()["accounts_done"] == 1


def test_tariffs_are_added_by_clerks_and_contradictions_are_conflicts(town, clerk):
    listed = clerk.get("/api/v1/tariffs").json()
    assert [(one["code"], len(one["versions"])) for one in listed] == [("example-town", 8)]
    assert listed[0]["versions"][0]["net_price"] == "1.40"
    assert clerk.post("/api/v1/tariffs", json=listed[0]).json() == {
        "code": "example-town", "added": 0, "closed": 0, "unchanged": 10,
    }  # fmt: skip
    listed[0]["versions"][1]["net_price"] = "9.99"
    refused = clerk.post("/api/v1/tariffs", json=listed[0])
    assert (refused.status_code, refused.json()["code"]) == (409, "tariff-overlap")
    listed[0]["versions"][1]["net_price"] = "1.1234567"
    refused = clerk.post("/api/v1/tariffs", json=listed[0])
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "versions.1.net_price")


def test_lists_page_by_cursor_without_doubles(town, clerk):
    for _ in range(5):
        b1_house(town)
    run_id = town.bill()
    seen, cursor = [], None
    while True:
        page = clerk.get(
            "/api/v1/invoices", params={"limit": 2, "run": run_id} | ({"cursor": cursor} if cursor else {})
        )
        seen += [one["number"] for one in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"2025-{n:06d}" for n in range(5, 0, -1)]
    assert clerk.get("/api/v1/invoices", params={"cursor": "x"}).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("GET", "/api/v1/invoices", ("operations",)),
        ("POST", "/api/v1/billing/runs", ("read-only",)),
        ("POST", "/api/v1/billing/runs/preview", ("read-only",)),
        ("POST", "/api/v1/tariffs", ("read-only",)),
        ("GET", "/api/v1/tariffs", ("operations",)),
        ("GET", "/api/v1/invoices/2025-000001/pdf", ("admin",)),
    ],
)
def test_who_lacks_the_permission_is_refused(hub, method, path, roles):
    body = RUN if "runs" in path else {}
    assert hub.client(*roles).request(method, path, json=body).status_code == 403
    assert hub.client().request(method, path, json=body).status_code == 401


def test_what_is_not_there_is_not_found(clerk):
    for path in ("/api/v1/invoices/2025-000001", "/api/v1/billing/runs/7"):
        assert clerk.get(path).status_code == 404
    assert clerk.post("/api/v1/billing/runs/7/resume").status_code == 404
    assert clerk.post("/api/v1/billing/runs", json=RUN | {"tariff": "nowhere"}).status_code == 404
