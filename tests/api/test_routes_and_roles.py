"""Who may call what: the whole application against one table, by calling every route as everybody."""

from enum import StrEnum
from http import HTTPStatus
from string import Formatter

import pytest
from fastapi.routing import iter_route_contexts

from meterhub.access.principal import SYSTEM
from meterhub.access.service import create_user


class Caller(StrEnum):
    NOBODY = "nobody"
    GATEWAY = "gateway"
    ADMIN = "admin"
    BILLING = "billing"
    OPERATIONS = "operations"
    READ_ONLY = "read-only"


GATEWAY, ADMIN, BILLING, OPERATIONS, READ_ONLY = list(Caller)[1:]
EVERYONE = set(Caller)
TOKEN_HOLDERS = EVERYONE - {Caller.NOBODY}
PEOPLE = TOKEN_HOLDERS - {GATEWAY}
CUSTOMER_READERS = {BILLING, READ_ONLY}
POINT_READERS = {BILLING, OPERATIONS, READ_ONLY}

MAY_CALL = {
    "GET /health": EVERYONE,
    "GET /metrics": {ADMIN, OPERATIONS},
    "GET /api/v1/doctor": {ADMIN, OPERATIONS},
    # sessions, accounts, gateways, audit log
    "POST /api/v1/login": EVERYONE,
    "POST /api/v1/logout": TOKEN_HOLDERS,
    "GET /api/v1/me": TOKEN_HOLDERS,
    "GET /api/v1/openapi.json": TOKEN_HOLDERS,
    "GET /api/v1/users": {ADMIN},
    "POST /api/v1/users": {ADMIN},
    "PATCH /api/v1/users/{username}": {ADMIN},
    "POST /api/v1/gateways": {ADMIN},
    "POST /api/v1/gateways/{name}/token": {ADMIN},
    "DELETE /api/v1/gateways/{name}/token": {ADMIN},
    "GET /api/v1/audit": {ADMIN},
    # customers and their contracts
    "GET /api/v1/customers": CUSTOMER_READERS,
    "POST /api/v1/customers": {BILLING},
    "GET /api/v1/customers/{customer_no}": CUSTOMER_READERS,
    "PUT /api/v1/customers/{customer_no}": {BILLING},
    "GET /api/v1/contracts": CUSTOMER_READERS,
    "POST /api/v1/contracts": {BILLING},
    "GET /api/v1/contracts/{contract_no}": CUSTOMER_READERS,
    "POST /api/v1/contracts/{contract_no}/end": {BILLING},
    # how contracts are billed
    "GET /api/v1/billing-groups": CUSTOMER_READERS,
    "PUT /api/v1/billing-groups": {BILLING},
    "PUT /api/v1/contracts/{contract_no}/billing": {BILLING},
    "GET /api/v1/contracts/{contract_no}/payers": CUSTOMER_READERS,
    "PUT /api/v1/contracts/{contract_no}/payers": {BILLING},
    "GET /api/v1/contracts/{contract_no}/annual-volumes": CUSTOMER_READERS,
    "POST /api/v1/contracts/{contract_no}/annual-volumes": {BILLING},
    "GET /api/v1/sites": POINT_READERS,
    "POST /api/v1/sites": {BILLING},
    # properties, metering points, meters
    "GET /api/v1/properties": POINT_READERS,
    "POST /api/v1/properties": {BILLING},
    "GET /api/v1/properties/{property_code:path}": POINT_READERS,
    "PUT /api/v1/properties/{property_code:path}": {BILLING},
    "GET /api/v1/metering-points": POINT_READERS,
    "POST /api/v1/metering-points": {BILLING},
    "GET /api/v1/metering-points/{point_code}": POINT_READERS,
    "POST /api/v1/installations": {BILLING},
    "POST /api/v1/metering-points/{point_code}/removal": {BILLING},
    "POST /api/v1/metering-points/{point_code}/exchange": {BILLING},
    "GET /api/v1/meters": POINT_READERS,
    "POST /api/v1/meters": {BILLING},
    "GET /api/v1/meters/{manufacturer}/{serial}": POINT_READERS,
    "PUT /api/v1/meters/{manufacturer}/{serial}": {BILLING},
    "PUT /api/v1/meters/{manufacturer}/{serial}/key": {ADMIN},
    "GET /api/v1/meters/{manufacturer}/{serial}/key": {ADMIN},
    "POST /api/v1/meters/{manufacturer}/{serial}/key/check": {ADMIN},
    "GET /api/v1/keys/status": {ADMIN, OPERATIONS},
    "POST /api/v1/import/registers": {BILLING},
    # money in and out
    "POST /api/v1/payments/files": {BILLING},
    "POST /api/v1/payments/files/preview": {BILLING},
    "GET /api/v1/payments/files": CUSTOMER_READERS,
    "GET /api/v1/payments/files/{file_id}/payments": CUSTOMER_READERS,
    "GET /api/v1/payments/unmatched": CUSTOMER_READERS,
    "POST /api/v1/payments": {BILLING},
    "GET /api/v1/payments/{payment_id}": CUSTOMER_READERS,
    "POST /api/v1/payments/{payment_id}/match": {BILLING},
    "POST /api/v1/payments/{payment_id}/undo": {BILLING},
    "POST /api/v1/payments/{payment_id}/set-aside": {BILLING},
    "POST /api/v1/payments/{payment_id}/take-up": {BILLING},
    "POST /api/v1/refunds": {BILLING},
    "GET /api/v1/refunds": CUSTOMER_READERS,
    "POST /api/v1/refunds/{refund_id}/approve": {BILLING},
    "POST /api/v1/refunds/{refund_id}/reject": {BILLING},
    "POST /api/v1/refunds/{refund_id}/returned": {BILLING},
    "POST /api/v1/refund-files": {BILLING},
    "GET /api/v1/refund-files/{file_id}/content": {BILLING},
    "POST /api/v1/write-offs": {BILLING},
    "GET /api/v1/write-offs": CUSTOMER_READERS,
    "POST /api/v1/write-offs/{write_off_id}/approve": {BILLING},
    "POST /api/v1/write-offs/{write_off_id}/reject": {BILLING},
    "POST /api/v1/write-offs/{write_off_id}/undo": {BILLING},
    "POST /api/v1/opening-balances": {BILLING},
    "POST /api/v1/accounting/exports": {BILLING},
    "GET /api/v1/accounting/exports": CUSTOMER_READERS,
    "GET /api/v1/accounting/exports/{export_id}/content": CUSTOMER_READERS,
    "GET /api/v1/accounts/{customer_no}": CUSTOMER_READERS,
    "GET /api/v1/accounts/{customer_no}/payment-plans": CUSTOMER_READERS,
    "POST /api/v1/accounts/{customer_no}/payment-plans": {BILLING},
    "POST /api/v1/payment-plans/{plan_id}/end": {BILLING},
    "GET /api/v1/accounts/{customer_no}/stops": CUSTOMER_READERS,
    "POST /api/v1/accounts/{customer_no}/stops": {BILLING},
    "POST /api/v1/stops/{stop_id}/end": {BILLING},
    # telegrams
    "POST /api/v1/telegrams": {GATEWAY},
    "GET /api/v1/gateways": {ADMIN, OPERATIONS, READ_ONLY},
    # gateways as a fleet; the enrolment code stands in the place of a token
    "POST /api/v1/gateway/enrolment": EVERYONE,
    "POST /api/v1/gateway/report": {GATEWAY},
    "POST /api/v1/gateway/token": {GATEWAY},
    "GET /api/v1/gateway/meters": {GATEWAY},
    "POST /api/v1/gateways/{name}/enrolment-code": {ADMIN},
    "POST /api/v1/gateways/{name}/rotation": {ADMIN},
    "PUT /api/v1/gateways/{name}/settings": {ADMIN},
    "GET /api/v1/fleet": {ADMIN, OPERATIONS, READ_ONLY},
    "GET /api/v1/fleet/{name}/hours": {ADMIN, OPERATIONS, READ_ONLY},
    "GET /api/v1/fleet/alarms": {ADMIN, OPERATIONS, READ_ONLY},
    "POST /api/v1/fleet/alarms/{alarm_id}/acknowledge": {OPERATIONS},
    "GET /api/v1/coverage/gateways": {ADMIN, OPERATIONS, READ_ONLY},
    "GET /api/v1/coverage/gaps": POINT_READERS,
    "GET /api/v1/coverage/fragile": POINT_READERS,
    "GET /api/v1/coverage/streets": POINT_READERS,
    "GET /api/v1/coverage/meters/{manufacturer}/{serial}": POINT_READERS,
    "GET /api/v1/read-success": {ADMIN, OPERATIONS, READ_ONLY},
    "GET /api/v1/quarantine/reasons": {ADMIN, OPERATIONS},
    "GET /api/v1/quarantine": {ADMIN, OPERATIONS},
    "POST /api/v1/quarantine/retry": {ADMIN, OPERATIONS},
    "GET /api/v1/jobs": PEOPLE,
    # quality of reads
    "GET /api/v1/findings": POINT_READERS,
    "GET /api/v1/findings/{finding_id}": POINT_READERS,
    "POST /api/v1/findings/{finding_id}/accept": {BILLING, OPERATIONS},
    "POST /api/v1/findings/{finding_id}/dismiss": {BILLING, OPERATIONS},
    "POST /api/v1/reads/{read_id}/edit/preview": {BILLING, OPERATIONS},
    "POST /api/v1/reads/{read_id}/edit": {BILLING, OPERATIONS},
    "POST /api/v1/read-edits/{edit_id}/undo": {BILLING, OPERATIONS},
    "POST /api/v1/metering-points/{point_code}/hour-edits": {BILLING, OPERATIONS},
    "POST /api/v1/hour-edits/{edit_id}/undo": {BILLING, OPERATIONS},
    "GET /api/v1/metering-points/{point_code}/edits": POINT_READERS,
    # consumption
    "GET /api/v1/metering-points/{point_code}/consumption": POINT_READERS,
    "GET /api/v1/metering-points/{point_code}/gaps": POINT_READERS,
    "GET /api/v1/gaps": POINT_READERS,
    "POST /api/v1/metering-points/{point_code}/reads/preview": {BILLING},
    "GET /api/v1/metering-points/{point_code}/reads": POINT_READERS,
    "POST /api/v1/metering-points/{point_code}/reads": {BILLING},
    "GET /api/v1/exports/{what}": {BILLING, OPERATIONS},
    "GET /api/v1/live/reads": POINT_READERS,
    "GET /api/v1/reads/{read_id}/explanation": POINT_READERS,
    # prices and invoices
    "GET /api/v1/tariffs": CUSTOMER_READERS,
    "POST /api/v1/tariffs": {BILLING},
    "POST /api/v1/tariffs/check": {BILLING},
    "POST /api/v1/billing/what-ifs": {BILLING},
    "GET /api/v1/billing/products": CUSTOMER_READERS,
    "POST /api/v1/billing/dunning/reminders/preview": {BILLING},
    "POST /api/v1/billing/dunning/reminders": {BILLING},
    "POST /api/v1/billing/dunning/interest/preview": {BILLING},
    "POST /api/v1/billing/dunning/interest": {BILLING},
    "POST /api/v1/billing/dunning/collection/preview": {BILLING},
    "POST /api/v1/billing/dunning/collection": {BILLING},
    "POST /api/v1/billing/dunning/collection/{invoice}/take-back": {BILLING},
    "GET /api/v1/billing/dunning/batches": CUSTOMER_READERS,
    "GET /api/v1/billing/dunning/batches/{batch_id}/collection.csv": {BILLING},
    "GET /api/v1/billing/dunning/events": CUSTOMER_READERS,
    "GET /api/v1/billing/dunning/events/{event_id}/letter.pdf": CUSTOMER_READERS,
    "GET /api/v1/billing/dunning/disconnections": CUSTOMER_READERS,
    "POST /api/v1/billing/dunning/disconnections/{contract_no}/warning": {BILLING},
    "POST /api/v1/billing/dunning/disconnections/{contract_no}/hardship": {BILLING},
    "POST /api/v1/billing/dunning/disconnections/{contract_no}/order": {BILLING},
    "POST /api/v1/billing/dunning/disconnections/{contract_no}/closed": {BILLING},
    "POST /api/v1/billing/dunning/disconnections/{contract_no}/reconnection": {BILLING},
    "POST /api/v1/billing/dunning/disconnections/{contract_no}/withdrawal": {BILLING},
    "POST /api/v1/billing/dunning/interest-rates": {BILLING},
    "POST /api/v1/billing/dunning/fees": {BILLING},
    "GET /api/v1/billing/self-readings/campaigns": CUSTOMER_READERS,
    "POST /api/v1/billing/self-readings/campaigns": {BILLING},
    "GET /api/v1/billing/self-readings/campaigns/{campaign_id}/requests": CUSTOMER_READERS,
    "GET /api/v1/billing/self-readings/campaigns/{campaign_id}/letters.csv": {BILLING},
    "POST /api/v1/billing/self-readings/campaigns/{campaign_id}/remind": {BILLING},
    "POST /api/v1/billing/self-readings/reports": {BILLING},
    "GET /api/v1/billing/other-bills": CUSTOMER_READERS,
    "POST /api/v1/billing/other-bills": {BILLING},
    "GET /api/v1/billing/other-bills/{bill_id}": CUSTOMER_READERS,
    "PUT /api/v1/billing/other-bills/{bill_id}": {BILLING},
    "POST /api/v1/billing/other-bills/{bill_id}/issue": {BILLING},
    "POST /api/v1/billing/other-bills/{bill_id}/discard": {BILLING},
    "GET /api/v1/billing/what-ifs": CUSTOMER_READERS,
    "GET /api/v1/billing/what-ifs/{what_if_id}": CUSTOMER_READERS,
    "GET /api/v1/billing/runs": CUSTOMER_READERS,
    "POST /api/v1/billing/runs": {BILLING},
    "POST /api/v1/billing/runs/preview": {BILLING},
    "GET /api/v1/billing/runs/{run_id}": CUSTOMER_READERS,
    "POST /api/v1/billing/runs/{run_id}/resume": {BILLING},
    "GET /api/v1/billing/runs/{run_id}/report": CUSTOMER_READERS,
    "GET /api/v1/billing/runs/{run_id}/report.csv": CUSTOMER_READERS,
    "POST /api/v1/billing/runs/{run_id}/approve": {BILLING},
    "POST /api/v1/billing/runs/{run_id}/issue": {BILLING},
    "POST /api/v1/billing/runs/{run_id}/cancel": {BILLING},
    "POST /api/v1/billing/runs/{run_id}/holds/{contract_no}/release": {BILLING},
    "POST /api/v1/billing/runs/{run_id}/holds/{contract_no}/skip": {BILLING},
    "GET /api/v1/billing/gaps": CUSTOMER_READERS,
    "GET /api/v1/contracts/{contract_no}/adjustments": CUSTOMER_READERS,
    "POST /api/v1/contracts/{contract_no}/adjustments": {BILLING},
    "DELETE /api/v1/billing/adjustments/{adjustment_id}": {BILLING},
    "GET /api/v1/invoices": CUSTOMER_READERS,
    "GET /api/v1/invoices/{number}": CUSTOMER_READERS,
    "GET /api/v1/invoices/{number}/pdf": CUSTOMER_READERS,
    "GET /api/v1/invoices/{number}/finvoice": CUSTOMER_READERS,
    "GET /api/v1/invoices/{number}/ubl": CUSTOMER_READERS,
    "GET /api/v1/invoices/{number}/credits": CUSTOMER_READERS,
    "POST /api/v1/invoices/{number}/credits": {BILLING},
    "POST /api/v1/invoices/{number}/credits/preview": {BILLING},
    "GET /api/v1/deliveries": CUSTOMER_READERS,
    "POST /api/v1/deliveries/{delivery_id}/resend": {BILLING},
    # alerts
    "GET /api/v1/alerts": POINT_READERS,
    "GET /api/v1/alerts/{alert_id}": POINT_READERS,
    "POST /api/v1/alerts/{alert_id}/acknowledge": {OPERATIONS},
    "POST /api/v1/alerts/{alert_id}/close": {OPERATIONS},
    # pages
    "GET /login": EVERYONE,
    "POST /login": EVERYONE,
    "POST /logout": TOKEN_HOLDERS,
    "MOUNT /static": EVERYONE,
    "GET /": PEOPLE,
    "GET /points": POINT_READERS,
    "GET /points/{point_code}": POINT_READERS,
    "GET /prices": CUSTOMER_READERS,
    "GET /prices/{code}": CUSTOMER_READERS,
    "POST /prices/{code}": {BILLING},
    "POST /prices": {BILLING},
    "GET /prices/tried/{what_if_id}": CUSTOMER_READERS,
    "GET /other-bills": CUSTOMER_READERS,
    "POST /other-bills": {BILLING},
    "GET /other-bills/{bill_id}": CUSTOMER_READERS,
    "POST /other-bills/{bill_id}/issue": {BILLING},
    "POST /other-bills/{bill_id}/discard": {BILLING},
    "GET /dunning": CUSTOMER_READERS,
    "POST /dunning/batches/{kind}": {BILLING},
    "POST /dunning/water": {BILLING},
    "POST /dunning/take-back": {BILLING},
    "GET /dunning/letters/{event_id}": CUSTOMER_READERS,
    "GET /dunning/batches/{batch_id}/collection.csv": {BILLING},
    "GET /self-readings": CUSTOMER_READERS,
    "POST /self-readings": {BILLING},
    "GET /self-readings/{campaign_id}": CUSTOMER_READERS,
    "POST /self-readings/{campaign_id}/remind": {BILLING},
    "GET /self-readings/{campaign_id}/letters.csv": {BILLING},
    "GET /read": EVERYONE,
    "GET /read/{code}": EVERYONE,
    "POST /read/{code}": EVERYONE,
    "GET /invoices": CUSTOMER_READERS,
    "GET /invoices/{number}": CUSTOMER_READERS,
    "GET /invoices/{number}/pdf": CUSTOMER_READERS,
    "GET /runs": CUSTOMER_READERS,
    "GET /runs/new": {BILLING},
    "POST /runs/new": {BILLING},
    "GET /runs/{run_id}": CUSTOMER_READERS,
    "POST /runs/{run_id}/approve": {BILLING},
    "POST /runs/{run_id}/issue": {BILLING},
    "POST /runs/{run_id}/resume": {BILLING},
    "POST /runs/{run_id}/cancel": {BILLING},
    "POST /runs/{run_id}/holds/{contract_no}": {BILLING},
    "GET /payments": CUSTOMER_READERS,
    "POST /payments/files": {BILLING},
    "GET /payments/{payment_id}": CUSTOMER_READERS,
    "POST /payments/{payment_id}/match": {BILLING},
    "POST /payments/{payment_id}/undo": {BILLING},
    "POST /payments/{payment_id}/set-aside": {BILLING},
    "POST /payments/{payment_id}/take-up": {BILLING},
    "GET /payments/{payment_id}/split": {BILLING},
    "POST /payments/{payment_id}/split": {BILLING},
    "GET /opening-balances": {BILLING},
    "POST /opening-balances": {BILLING},
    "GET /accounting": CUSTOMER_READERS,
    "POST /accounting": {BILLING},
    "GET /accounting/{export_id}": CUSTOMER_READERS,
    "GET /accounting/{export_id}/content": CUSTOMER_READERS,
    "GET /accounts/{customer_no}/refund": {BILLING},
    "POST /accounts/{customer_no}/refund": {BILLING},
    "GET /accounts/{customer_no}/write-off": {BILLING},
    "POST /accounts/{customer_no}/write-off": {BILLING},
    "POST /accounts/{customer_no}/write-offs/{write_off_id}/undo": {BILLING},
    "GET /accounts/{customer_no}/plan": {BILLING},
    "POST /accounts/{customer_no}/plan": {BILLING},
    "POST /accounts/{customer_no}/plans/{plan_id}/end": {BILLING},
    "POST /accounts/{customer_no}/stops": {BILLING},
    "POST /accounts/{customer_no}/stops/{stop_id}/end": {BILLING},
    "GET /accounts": CUSTOMER_READERS,
    "GET /accounts/{customer_no}": CUSTOMER_READERS,
    "GET /refunds": CUSTOMER_READERS,
    "POST /refunds/{refund_id}/approve": {BILLING},
    "POST /refunds/{refund_id}/reject": {BILLING},
    "POST /refunds/file": {BILLING},
    "GET /refunds/files/{file_id}": {BILLING},
    "POST /write-offs/{write_off_id}/approve": {BILLING},
    "POST /write-offs/{write_off_id}/reject": {BILLING},
    "GET /invoices/{number}/finvoice": CUSTOMER_READERS,
    "GET /invoices/{number}/ubl": CUSTOMER_READERS,
    "GET /invoices/{number}/credit": {BILLING},
    "POST /invoices/{number}/credit": {BILLING},
    "POST /invoices/{number}/deliveries/{delivery_id}/resend": {BILLING},
    "GET /alerts": POINT_READERS,
    "GET /alerts/{alert_id}": POINT_READERS,
    "POST /alerts/{alert_id}/acknowledge": {OPERATIONS},
    "POST /alerts/{alert_id}/close": {OPERATIONS},
    "GET /quarantine": {ADMIN, OPERATIONS},
    "GET /fleet": {ADMIN, OPERATIONS, READ_ONLY},
    "GET /fleet/{name}": {ADMIN, OPERATIONS, READ_ONLY},
    "POST /fleet/codes": {ADMIN},
    "POST /fleet/{name}/settings": {ADMIN},
    "POST /fleet/{name}/rotation": {ADMIN},
    "POST /fleet/{name}/revocation": {ADMIN},
    "POST /fleet/alarms/{alarm_id}/acknowledge": {OPERATIONS},
    "GET /coverage": POINT_READERS,
    "GET /operations": {ADMIN, OPERATIONS},
    "POST /quarantine/retry": {ADMIN, OPERATIONS},
    "GET /keys": {ADMIN, OPERATIONS},
    "GET /keys/{manufacturer}/{serial}": {ADMIN, OPERATIONS},
    "POST /keys/{manufacturer}/{serial}": {ADMIN},
    "GET /meters/{manufacturer}/{serial}": POINT_READERS,
    "GET /live": POINT_READERS,
    "GET /reads/{read_id}": POINT_READERS,
    "GET /findings": POINT_READERS,
    "GET /findings/{finding_id}": POINT_READERS,
    "POST /findings/{finding_id}/accept": {BILLING, OPERATIONS},
    "POST /findings/{finding_id}/dismiss": {BILLING, OPERATIONS},
    "GET /reads/{read_id}/edit": {BILLING, OPERATIONS},
    "POST /reads/{read_id}/edit": {BILLING, OPERATIONS},
    "GET /points/{point_code}/edits": POINT_READERS,
    "POST /points/{point_code}/edits/{kind}/{edit_id}/undo": {BILLING, OPERATIONS},
    "POST /points/{point_code}/edits/hours": {BILLING, OPERATIONS},
    "GET /live/reads": POINT_READERS,
}

# Valid in form; that nothing is stored under them shows as 404 to those who may ask.
PATH_VALUES = {
    "adjustment_id": "1",
    "alarm_id": "1",
    "alert_id": "1",
    "batch_id": "1",
    "bill_id": "1",
    "campaign_id": "1",
    "code": "AAAA-AAAA-AAAA-AAAA",
    "contract_no": "A-1",
    "customer_no": "C-1",
    "delivery_id": "1",
    "edit_id": "1",
    "event_id": "1",
    "export_id": "1",
    "file_id": "1",
    "finding_id": "1",
    "invoice": "2026-000001",
    "kind": "read",
    "manufacturer": "KAM",
    "name": "attic",
    "number": "2026-000001",
    "payment_id": "1",
    "plan_id": "1",
    "point_code": "P-1",
    "property_code": "245-1-10-7",
    "read_id": "1",
    "refund_id": "1",
    "run_id": "1",
    "serial": "00000001",
    "stop_id": "1",
    "username": "maija",
    "what": "hours",
    "what_if_id": "1",
    "write_off_id": "1",
}

# Here a bearer token says who calls; elsewhere a cookie does.
API = ("/api/", "/metrics")

# Streams that would go on for long.
QUERIES = {"/api/v1/live/reads": "?seconds=0", "/live/reads": "?seconds=0"}

REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
LOGIN = {"username": "maija", "password": "correct horse battery staple"}


def routes(app):
    """Every route of the application as `METHOD /path/{parameter}`."""
    for route in iter_route_contexts(app.routes):
        methods = (route.methods or {"MOUNT"}) - {"HEAD", "OPTIONS"}
        for method in sorted(methods):
            yield f"{method} {route.path}"


def address(template):
    """A path to call: the template with a value for each parameter."""
    names = [name.partition(":")[0] for _, name, _, _ in Formatter().parse(template) if name]
    missing = [name for name in names if name not in PATH_VALUES]
    assert not missing, f"PATH_VALUES lacks a value for {missing} of {template}"
    return template.replace(":path}", "}").format(**PATH_VALUES) + QUERIES.get(template, "")


def new_token(hub, caller):
    """A token of a new caller of this kind."""
    if caller is Caller.NOBODY:
        return None
    return hub.gateway_token() if caller is GATEWAY else hub.token(caller)


def call(hub, token, route):
    """Call a route as it is meant to be called: the API with a bearer token, pages with a cookie and forms."""
    method, template = route.split()
    if method == "MOUNT":
        return hub.browser(token).get(f"{template}/none.css")
    writes = method != "GET" and method != "DELETE"
    if template.startswith(API):
        return hub.with_token(token).request(method, address(template), json={} if writes else None)
    return hub.browser(token).request(method, address(template), data=LOGIN if writes else None)


def is_refused(response):
    """Tell whether a response keeps its caller out; logging out goes to the login page too, with a cookie."""
    to_login = response.status_code == HTTPStatus.SEE_OTHER and response.headers["location"].startswith("/login")
    return response.status_code in REFUSED or (to_login and "set-cookie" not in response.headers)


@pytest.fixture
def peopled(hub):
    """A hub with an account to log in to."""
    with hub.engine.begin() as connection:
        create_user(connection, SYSTEM, display_name="Maija", roles=["read-only"], **LOGIN)
    return hub


def test_every_route_stands_in_the_table_and_every_row_is_a_route(hub):
    found = list(routes(hub.app))
    assert sorted(found) == sorted(set(found))
    assert sorted(set(found) - set(MAY_CALL)) == [], "routes that the table does not name"
    assert sorted(set(MAY_CALL) - set(found)) == [], "rows of the table without a route"


@pytest.mark.parametrize("caller", Caller)
def test_each_caller_gets_through_where_the_table_says_so_and_nowhere_else(peopled, caller):
    wrong = {}
    for route, allowed in MAY_CALL.items():
        response = call(peopled, new_token(peopled, caller), route)
        assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR, f"{route}: {response.text}"
        if is_refused(response) != (caller not in allowed):
            wrong[route] = response.status_code
        elif is_refused(response) and route.split()[1].startswith(API):
            expected = HTTPStatus.UNAUTHORIZED if caller is Caller.NOBODY else HTTPStatus.FORBIDDEN
            assert response.status_code == expected, route
            assert response.headers["content-type"] == "application/problem+json"
    assert wrong == {}


def test_nobody_may_log_in_and_see_that_the_hub_is_up_and_nothing_else():
    assert {route for route, allowed in MAY_CALL.items() if Caller.NOBODY in allowed} == {
        "GET /health",
        "POST /api/v1/login",
        "POST /api/v1/gateway/enrolment",
        "GET /login",
        "POST /login",
        "MOUNT /static",
        "GET /read",
        "GET /read/{code}",
        "POST /read/{code}",
    }


def test_a_gateway_sends_telegrams_and_learns_what_it_talks_to():
    assert {route for route, allowed in MAY_CALL.items() if GATEWAY in allowed and allowed != EVERYONE} == {
        "POST /api/v1/telegrams",
        "POST /api/v1/gateway/report",
        "POST /api/v1/gateway/token",
        "GET /api/v1/gateway/meters",
        "GET /api/v1/me",
        "GET /api/v1/openapi.json",
        "POST /api/v1/logout",
        "POST /logout",
    }


def test_the_api_takes_no_cookie_and_pages_take_no_bearer_token(peopled):
    token = peopled.token("admin", "billing", "operations", "read-only")
    for route, allowed in MAY_CALL.items():
        method, template = route.split()
        if Caller.NOBODY in allowed:
            continue
        wrong_way = peopled.browser(token) if template.startswith(API) else peopled.with_token(token)
        assert is_refused(wrong_way.request(method, address(template))), route


def test_a_form_that_another_site_sends_is_refused_whoever_is_logged_in(peopled):
    token = peopled.token("admin", "billing", "operations", "read-only")
    forms = [route for route in MAY_CALL if route.startswith("POST ") and "/api/" not in route]
    for route in forms:
        browser = peopled.browser(token)
        browser.headers["Origin"] = "https://elsewhere.example"
        response = browser.post(address(route.split()[1]), data=LOGIN)
        assert response.status_code == HTTPStatus.FORBIDDEN, route
    assert len(forms) > 20
