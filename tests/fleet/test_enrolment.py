"""A gateway's way to a token, to the next one, and out."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from meterhub.fleet.enrolment import ROTATE_AFTER, TRIES_OF_ONE, code_hash, new_code
from tests.fleet.reports import a_report


@pytest.fixture
def admin(hub):
    return hub.client("admin")


def a_code(admin, name="tower"):
    response = admin.post(f"/api/v1/gateways/{name}/enrolment-code", json={"place": "Water tower"})
    assert response.status_code == 201, response.text
    return response.json()["code"]


def enrol(hub, code):
    return hub.client().post("/api/v1/gateway/enrolment", json={"code": code})


def works(hub, token, clock):
    report = hub.with_token(token).post("/api/v1/gateway/report", json=a_report(clock()))
    return report.status_code == 200


def test_a_code_becomes_a_token_that_sends_telegrams_as_that_gateway(hub, admin):
    answer = enrol(hub, a_code(admin))
    assert answer.status_code == 201
    assert answer.json()["gateway"] == "tower"
    sent = hub.with_token(answer.json()["token"]).post(
        "/api/v1/telegrams", json={"gateway": "tower", "telegrams": []}
    )
    assert sent.status_code == 200
    assert [event["subject"] for event in hub.audit("enrol-gateway")] == ["gateway:tower"]


def test_a_code_is_typed_with_small_letters_blanks_and_look_alikes(hub, admin):
    code = a_code(admin)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert enrol(hub, typed).status_code == 201


def test_a_code_works_once_and_its_hash_alone_is_stored(hub, admin):
    code = a_code(admin)
    stored = hub.rows("SELECT * FROM enrolment_code")
    assert code not in str(stored)
    assert bytes(stored[0]["code_hash"]) == code_hash(code)
    assert enrol(hub, code).status_code == 201
    assert enrol(hub, code).status_code == 403
    assert len(hub.audit("enrolment-failed")) == 1


def test_of_many_that_use_a_code_at_the_same_moment_one_gets_a_token(hub, admin):
    code = a_code(admin)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: enrol(hub, code).status_code, range(8)))
    assert answers.count(201) == 1
    assert hub.rows("SELECT count(*) AS n FROM access_token WHERE gateway_id IS NOT NULL") == [{"n": 1}]


def test_a_code_holds_for_an_hour_and_the_next_one_replaces_it(hub, admin, clock):
    first = a_code(admin)
    second = a_code(admin)
    assert enrol(hub, first).status_code == 403
    clock.go(hours=1)
    assert enrol(hub, second).status_code == 403


def test_guessing_codes_is_slowed_down_and_passes(hub, admin, clock):
    code = a_code(admin)
    answers = [enrol(hub, new_code()).status_code for _ in range(TRIES_OF_ONE + 1)]
    assert answers == [403] * TRIES_OF_ONE + [429]
    assert enrol(hub, code).status_code == 429
    clock.go(minutes=16)
    with hub.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE login_attempt SET at = at - interval '16 minutes'")
    assert enrol(hub, code).status_code == 201


def test_a_new_computer_takes_over_and_the_old_ones_token_ends(hub, admin, clock):
    old = enrol(hub, a_code(admin)).json()["token"]
    code = a_code(admin)
    assert works(hub, old, clock), "the old computer goes on until the new one is there"
    new = enrol(hub, code).json()["token"]
    assert works(hub, new, clock)
    assert not works(hub, old, clock)


def test_an_old_token_lives_until_the_new_one_is_used(hub, admin, clock):
    old = enrol(hub, a_code(admin)).json()["token"]
    new = hub.with_token(old).post("/api/v1/gateway/token").json()["token"]
    assert works(hub, old, clock)
    assert works(hub, new, clock)
    assert not works(hub, old, clock)
    assert len(hub.audit("replaced-gateway-token")) == 1


def test_a_lost_answer_to_a_rotation_locks_nobody_out_and_leaves_no_token_behind(hub, admin, clock):
    old = enrol(hub, a_code(admin)).json()["token"]
    lost = hub.with_token(old).post("/api/v1/gateway/token").json()["token"]
    new = hub.with_token(old).post("/api/v1/gateway/token").json()["token"]
    assert not works(hub, lost, clock)
    assert works(hub, old, clock)
    assert works(hub, new, clock)
    live = hub.rows("SELECT id FROM access_token WHERE gateway_id IS NOT NULL AND revoked_at IS NULL")
    assert len(live) == 1


def test_a_gateway_is_told_to_rotate_when_asked_for_and_when_its_token_is_old(hub, admin, clock):
    token = enrol(hub, a_code(admin)).json()["token"]

    def told():
        answer = hub.with_token(token).post("/api/v1/gateway/report", json=a_report(clock()))
        return answer.json()["rotate_token"]

    assert told() is False
    clock.go(minutes=1)
    assert admin.post("/api/v1/gateways/tower/rotation").status_code == 202
    assert told() is True
    token = hub.with_token(token).post("/api/v1/gateway/token").json()["token"]
    with hub.engine.begin() as connection:  # the database has its own clock
        connection.exec_driver_sql("UPDATE access_token SET created_at = created_at + interval '2 minutes'")
    assert told() is False
    clock.go(days=ROTATE_AFTER.days, minutes=5)
    assert told() is True


def test_a_revoked_gateway_is_locked_out_and_can_be_enrolled_again(hub, admin, clock):
    token = enrol(hub, a_code(admin)).json()["token"]
    assert admin.delete("/api/v1/gateways/tower/token").status_code == 204
    assert not works(hub, token, clock)
    assert hub.with_token(token).post("/api/v1/gateway/token").status_code == 401
    assert works(hub, enrol(hub, a_code(admin)).json()["token"], clock)


def test_only_administrators_give_out_codes_and_every_code_is_on_record(hub, admin):
    assert hub.client("operations").post("/api/v1/gateways/x/enrolment-code", json={}).status_code == 403
    a_code(admin)
    assert [event["subject"] for event in hub.audit("create-enrolment-code")] == ["gateway:tower"]
