from datetime import UTC, datetime, timedelta

from tests.ingest.test_service import MODE_5, MODE_5_KEY

PATH = "/api/v1/meters/ELS/12345678/key/check"
METER = {"manufacturer": "ELS", "serial": "12345678"}


def prepared(hub):
    assert hub.client("billing").post("/api/v1/meters", json=METER).status_code == 201
    now = datetime.now(UTC)
    heard = [{"frame": MODE_5, "received_at": (now - timedelta(days=days)).isoformat()} for days in (1, 3, 20)]
    sent = hub.gateway("attic").post("/api/v1/telegrams", json={"gateway": "attic", "telegrams": heard})
    assert sent.json()["quarantined"] == 3
    return hub.client("admin")


def test_a_clerk_sees_at_entry_whether_a_key_fits(hub):
    admin = prepared(hub)
    assert admin.post(PATH, json={"key": MODE_5_KEY}).json() == {
        "fit": "fits",
        "telegrams": 2,
        "opened": 2,
        "opened_by_older": 0,
        "not_opened": 0,
        "plain": 0,
        "unreadable": 0,
    }
    assert admin.post(PATH, json={"key": MODE_5_KEY, "days": 30}).json()["opened"] == 3
    wrong = admin.post(PATH, json={"key": "FF" * 16}).json()
    assert (wrong["fit"], wrong["not_opened"]) == ("does-not-fit", 2)
    assert admin.post(PATH, json={}).json()["fit"] == "no-key"
    assert hub.rows("SELECT count(*) AS kept FROM meter_key") == [{"kept": 0}]


def test_keys_in_custody_are_checked_and_an_older_one_that_fits_is_told(hub):
    admin = prepared(hub)
    for key in (MODE_5_KEY, "FF" * 16):
        assert admin.put("/api/v1/meters/ELS/12345678/key", json={"key": key}).status_code == 204
    found = admin.post(PATH, json={}).json()
    assert (found["fit"], found["opened"], found["opened_by_older"]) == ("older-fits", 0, 2)


def test_a_check_never_answers_with_a_key(hub):
    admin = prepared(hub)
    for body in ({"key": MODE_5_KEY + "0"}, {"key": "zz"}, {"key": MODE_5_KEY, "days": 0}, {"key": [MODE_5_KEY]}):
        answer = admin.post(PATH, json=body)
        assert answer.status_code == 422
        assert MODE_5_KEY not in answer.text
    assert admin.post("/api/v1/meters/KAM/00000009/key/check", json={}).status_code == 404
    assert MODE_5_KEY not in str(hub.audit("check-meter-key"))
