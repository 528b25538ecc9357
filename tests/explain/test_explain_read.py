import json
import os
import subprocess
import sys

import pytest
from sqlalchemy import text

from meterhub import explain
from meterhub.app import create_app
from meterhub.errors import NotFound
from meterhub.explain import Verdict
from meterhub.readings.jobs import roll_up
from tests.api.hub import Hub
from tests.billing.service.town import settings
from tests.explain.test_explain_invoice import KEY, SERIAL, billed  # noqa: F401 - a fixture


@pytest.fixture
def town(billed):  # noqa: F811 - the fixture
    list(roll_up(billed.engine))
    return billed


TWIN = """
    INSERT INTO raw_frame (fingerprint, received_at, gateway_id, frame)
    SELECT fingerprint, received_at, gateway_id, frame FROM raw_frame ORDER BY id LIMIT 1
"""


def explained(town, read_id=1):
    with town.engine.connect() as connection:
        return explain.read(connection, settings(), read_id)


def change(town, statement):
    with town.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))


def test_a_read_is_told_from_the_air_to_the_bill(town):
    found = explained(town)
    told = found.as_json()
    assert found.agrees
    assert {step.verdict for step in found.steps} == {Verdict.AGREES}
    assert told["volume_m3"] == "999.998"
    assert told["invoices"] == [town.number]
    assert told["meter"]["serial"] == SERIAL
    assert told["frame"]["gateway"] == "roof"
    assert told["frame"]["security"]["result"] == "decrypted"
    assert told["frame"]["security"]["key"].startswith("opened by key 1 of ")
    assert told["frame"]["readings"]["total_m3"] == "999.998"
    pieces = [piece["hex"] for piece in told["frame"]["bytes"]]
    assert sum(len(piece) for piece in pieces) >= len(told["frame"]["hex"])
    assert any(piece["decrypted"] for piece in told["frame"]["bytes"])
    assert {hour["quality"] for hour in told["hours"]} <= {"measured", "interpolated", "estimated"}
    assert told["hours"]


def test_the_key_is_named_and_never_told(town):
    assert KEY.lower() not in json.dumps(explained(town).as_json()).lower()


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE register_read SET volume_ml = volume_ml + 1 WHERE id = 1", "decoded again"),
        ("UPDATE raw_frame SET fingerprint = 7 WHERE id = (SELECT min(id) FROM raw_frame)", "only one"),
        (
            TWIN,
            "only one",
        ),
    ],
)
def test_what_does_not_agree_is_found(town, statement, check):
    change(town, statement)
    found = explained(town)
    assert not found.agrees
    (step,) = [step for step in found.steps if step.verdict is Verdict.DIFFERS]
    assert check in step.title
    assert step.note


def test_evidence_that_has_left_or_cannot_be_opened_speaks_against_nothing(town):
    with town.engine.connect() as connection:
        closed = explain.read(connection, settings().model_copy(update={"master_key": None}), 1)
    assert closed.agrees
    assert Verdict.UNKNOWN in {step.verdict for step in closed.steps}
    change(town, "DELETE FROM raw_frame")
    gone = explained(town)
    assert gone.agrees
    assert gone.as_json()["frame"] is None
    assert gone.invoices == [town.number]


def test_a_register_between_higher_ones_is_pointed_at(town):
    change(town, "UPDATE register_read SET volume_ml = volume_ml + 1000000000000 WHERE id = 2")
    note = next(step.note for step in explained(town, 3).steps if "between" in step.title)
    assert note.startswith("read 2 before it shows 1001000")


def test_a_read_that_is_not_there_is_not_found(town):
    with pytest.raises(NotFound, match="4711"):
        explained(town, 4711)


def test_command_api_and_page_tell_the_same_and_each_look_is_on_record(town):
    hub = Hub(town.engine, create_app(town.engine, settings()))
    told = hub.client("read-only").get("/api/v1/reads/1/explanation").json()
    assert told["invoices"] == [town.number]
    assert hub.client("operations").get("/api/v1/reads/1/explanation").json()["invoices"] == []
    page = hub.browser(hub.token("read-only")).get("/reads/1")
    assert page.status_code == 200
    assert town.number in page.text
    assert town.number not in hub.browser(hub.token("operations")).get("/reads/1").text
    env = {
        **os.environ,
        "DATABASE_URL": town.engine.url.render_as_string(hide_password=False),
        "METERHUB_MASTER_KEY": settings().require_master_key().hex(),
        "METERHUB_ZONE": settings().zone,
    }

    def run(*arguments):
        command = [sys.executable, "-m", "meterhub", "explain", "read", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    assert json.loads(run("1", "--json").stdout) == told
    shown = run("1")
    assert shown.returncode == 0, shown.stderr
    assert "application layer" in shown.stdout
    assert town.number in shown.stdout
    assert run("4711").returncode == 2
    assert len(hub.audit("explain-read")) == 6
