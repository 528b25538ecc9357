from datetime import date

import pytest

from meterhub.app import create_app
from meterhub.settings import Settings
from tests.api.hub import MASTER_KEY, Hub
from tests.billing.ledger.book import add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import ktl, paid

API = "/api/v1"


@pytest.fixture
def hub(engine) -> Hub:
    """A hub where Maija (M) owes 100.00 by the reference 1232 and 50.00 by 12344."""
    with engine.begin() as connection:
        maija = add_customer(connection, "Maija Mallinen", "M")
        owes(connection, maija, "100.00", "1232", due=date(2025, 4, 1))
        owes(connection, maija, "50.00", "12344", due=date(2025, 5, 1))
    return Hub(engine, create_app(engine, Settings(master_key=MASTER_KEY.hex())))


def send(client, data, path="/payments/files"):
    return client.post(f"{API}{path}", files={"file": ("p.txt", data)})


def test_a_month_of_payments_over_rest(hub):
    clerk = hub.client("billing")
    data = ktl(paid("100.00", "1232"), paid("30.00", "", payer="SOMEBODY"))
    assert send(clerk, data, "/payments/files/preview").json()["matched"] == "100.00"
    assert clerk.get(f"{API}/payments/files").json()["items"] == []
    report = send(clerk, data).json()
    assert (report["total"], report["waiting_count"]) == ("130.00", 1)
    [waiting] = clerk.get(f"{API}/payments/unmatched").json()["items"]
    detail = clerk.get(f"{API}/payments/{waiting['id']}").json()
    assert (detail["posted"], detail["queued"]) == ("0.00", True)
    body = {"shares": [{"customer_no": "M"}]}
    [preview] = clerk.post(f"{API}/payments/{waiting['id']}/match?preview=true", json=body).json()
    assert (preview["balance_before"], preview["balance_after"]) == ("50.00", "20.00")
    assert clerk.get(f"{API}/accounts/M").json()["balance"] == "50.00"
    clerk.post(f"{API}/payments/{waiting['id']}/match", json=body)
    account = clerk.get(f"{API}/accounts/M").json()
    assert (account["balance"], [item["open_amount"] for item in account["open_items"]]) == ("20.00", ["20.00"])
    assert clerk.post(f"{API}/payments/{waiting['id']}/undo", json={"reason": "wrong"}).status_code == 204
    assert clerk.get(f"{API}/accounts/M").json()["balance"] == "50.00"
    assert clerk.post(f"{API}/payments/{waiting['id']}/set-aside", json={"reason": "not ours"}).status_code == 204
    assert clerk.get(f"{API}/payments/unmatched").json()["items"] == []
    [aside] = clerk.get(f"{API}/payments/unmatched?aside=true").json()["items"]
    assert aside["set_aside_reason"] == "not ours"
    [file] = clerk.get(f"{API}/payments/files").json()["items"]
    assert (file["total"], file["posted"], file["aside"]) == ("130.00", "100.00", "30.00")
    listed = clerk.get(f"{API}/payments/files/{file['id']}/payments?limit=1").json()
    assert (len(listed["items"]), listed["next_cursor"] is not None) == (1, True)


def test_a_broken_file_is_answered_with_code_place_and_next_step(hub):
    answer = send(hub.client("billing"), ktl(paid("1.00", "1232"))[:-92])
    assert answer.status_code == 422
    assert answer.json()["code"] == "bad-payment-file"
    assert "after line 2" in answer.text


def test_a_refund_takes_three_people_over_rest(hub):
    anna, berit, carl = (hub.client("billing") for _ in range(3))
    send(anna, ktl(paid("250.00", "1232")))
    body = {"customer_no": "M", "iban": "FI3715903000000776", "reason": "moved out"}
    refund = anna.post(f"{API}/refunds", json=body).json()
    approve = f"{API}/refunds/{refund['id']}/approve"
    assert anna.post(approve).status_code == 403
    assert berit.post(approve).json()["state"] == "proposed"
    assert berit.post(approve).status_code == 409
    assert carl.post(approve).json()["state"] == "approved"
    file = anna.post(f"{API}/refund-files", json={"execute_on": "2025-06-02"}).json()
    content = anna.get(f"{API}/refund-files/{file['id']}/content")
    assert b'<InstdAmt Ccy="EUR">100.00</InstdAmt>' in content.content
    assert anna.post(f"{API}/refund-files", json={"execute_on": "2025-06-02"}).status_code == 409
    assert anna.post(f"{API}/refunds/{refund['id']}/returned").json()["state"] == "returned"
    assert anna.get(f"{API}/accounts/M").json()["balance"] == "-100.00"


def test_plans_stops_write_offs_and_exports_over_rest(hub):
    anna, berit = hub.client("billing"), hub.client("billing")
    items = anna.get(f"{API}/accounts/M").json()["open_items"]
    plan = {
        "entries": [items[0]["entry_id"]],
        "instalments": [{"due_on": "2099-01-01", "amount": "60.00"}, {"due_on": "2099-02-01", "amount": "40.00"}],
    }
    number = anna.post(f"{API}/accounts/M/payment-plans", json=plan).json()["id"]
    assert anna.get(f"{API}/accounts/M/payment-plans").json()[0]["behind"] == "0.00"
    assert anna.post(f"{API}/payment-plans/{number}/end").status_code == 204
    stop = {"reason": "dispute", "entry_id": items[1]["entry_id"], "valid_from": "2025-01-01"}
    number = anna.post(f"{API}/accounts/M/stops", json=stop).json()["id"]
    assert anna.post(f"{API}/stops/{number}/end").status_code == 204
    assert anna.get(f"{API}/accounts/M/stops").json()[0]["ended_by"]
    write_off = anna.post(f"{API}/write-offs", json={"entry_id": items[1]["entry_id"], "reason": "gone"}).json()
    assert write_off["state"] == "proposed"
    assert anna.post(f"{API}/write-offs/{write_off['id']}/approve").status_code == 403
    assert berit.post(f"{API}/write-offs/{write_off['id']}/approve").json()["state"] == "posted"
    opening = b"customer_no;number;amount;due_on\nM;OLD-X;12.00;2025-01-31"
    assert send(anna, opening, "/opening-balances?preview=true").json()["debts"] == "12.00"
    assert send(anna, opening, "/opening-balances").json()["already"] is False
    number = anna.post(f"{API}/accounting/exports", json={"until": "2099-01-01"}).json()["id"]
    [export] = anna.get(f"{API}/accounting/exports").json()["items"]
    content = anna.get(f"{API}/accounting/exports/{number}/content").text
    assert (export["id"], export["rows"]) == (number, len(content.splitlines()) - 1)


def test_a_look_at_an_account_is_logged_with_its_purpose(hub):
    hub.client("read-only").get(f"{API}/accounts/M")
    assert {row["action"] for row in hub.rows("SELECT action FROM audit_event")} == {"read-account"}


def test_readers_see_the_queue_and_cannot_post(hub):
    clerk = hub.client("billing")
    send(clerk, ktl(paid("50.00", "", payer="NOBODY")))
    [waiting] = clerk.get(f"{API}/payments/unmatched").json()["items"]
    reader = hub.client("read-only")
    assert reader.get(f"{API}/payments/{waiting['id']}").json()["suggestions"]
    match = {"shares": [{"customer_no": "M"}]}
    assert reader.post(f"{API}/payments/{waiting['id']}/match", json=match).status_code == 403
    assert hub.client("operations").get(f"{API}/payments/unmatched").status_code == 403
