"""The gateway's side of enrolment, reports, orders and tokens, against a real hub over HTTP."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterhub.cli import app
from meterhub.fleet.enrolment import new_code
from meterhub.gateway.hub_client import HubClient
from meterhub.gateway.intake import Intake, Rules
from meterhub.gateway.reporter import EVERY_S, Reporter
from meterhub.gateway.spool import Spool
from meterhub.gateway.thinning import Keep
from tests.browser.server import serving


@pytest.fixture
def url(hub, clock):
    clock.now = datetime.now(UTC)
    with serving(hub.app) as address:
        yield address


@pytest.fixture
def enrolled(hub, url, tmp_path):
    """A token file that `meterhub gateway enrol` has written."""
    code = hub.client("admin").post("/api/v1/gateways/tower/enrolment-code", json={}).json()["code"]
    token_file = tmp_path / "token"
    done = CliRunner().invoke(
        app, ["gateway", "enrol", "--hub", url, "--code", code, "--token-file", str(token_file)]
    )
    assert done.exit_code == 0, done.output
    assert "Enrolled as tower" in done.output
    return token_file


EVERYTHING = Rules()


class Collector:
    def __init__(self, url: str, token_file: Path, own: Rules = EVERYTHING) -> None:
        self.spool = Spool(token_file.parent / "spool.sqlite")
        self.intake = Intake(self.spool, own)
        self.client = HubClient(url)
        self.reporter = Reporter(self.client, token_file, self.spool, self.intake, own, list)

    def close(self) -> None:
        self.client.close()
        self.spool.close()


@pytest.fixture
def collector(url, enrolled):
    result = Collector(url, enrolled)
    yield result
    result.close()


def test_the_token_is_for_its_owner_alone_and_reports_are_taken(hub, enrolled, collector):
    assert stat.S_IMODE(enrolled.stat().st_mode) == 0o600
    assert [path.name for path in enrolled.parent.glob(".token*")] == []
    assert collector.reporter.step() == EVERY_S
    assert hub.rows("SELECT keeps, trouble FROM gateway_state") == [{"keeps": "all", "trouble": ""}]


def test_a_wrong_code_leaves_no_file_and_says_what_to_do(url, tmp_path):
    arguments = ["gateway", "enrol", "--hub", url, "--code", new_code(), "--token-file", str(tmp_path / "token")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "ask for a new one" in done.output
    assert list(tmp_path.iterdir()) == []


def test_a_code_is_not_used_up_when_the_token_cannot_be_written(hub, url, tmp_path):
    code = hub.client("admin").post("/api/v1/gateways/attic/enrolment-code", json={}).json()["code"]
    arguments = [
        "gateway",
        "enrol",
        "--hub",
        url,
        "--code",
        code,
        "--token-file",
        str(tmp_path / "none" / "token"),
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 1
    assert hub.client().post("/api/v1/gateway/enrolment", json={"code": code}).status_code == 201


def test_orders_of_the_hub_hold_across_a_restart_and_over_the_gateways_own_settings(hub, url, enrolled, collector):
    admin = hub.client("admin")
    assert (
        hub.client("billing").post("/api/v1/meters", json={"manufacturer": "KAM", "serial": "12345678"}).is_success
    )
    admin.put("/api/v1/gateways/tower/settings", json={"keep": "hour", "listed_only": True})
    collector.reporter.step()
    wanted = Rules(Keep.HOUR, frozenset({("KAM", "12345678")}))
    assert collector.intake.rules == wanted
    collector.close()
    again = Collector("http://127.0.0.1:9", enrolled, Rules(Keep.QUARTER))
    assert again.intake.rules == wanted, "without network"
    again.close()
    third = Collector(url, enrolled, Rules(Keep.QUARTER))
    admin.put("/api/v1/gateways/tower/settings", json={"keep": None, "listed_only": None})
    third.reporter.step()
    assert third.intake.rules == Rules(Keep.QUARTER)
    third.close()
    collector.spool = Spool(enrolled.parent / "spool.sqlite")


def test_a_token_is_replaced_on_request_and_the_old_one_ends(hub, enrolled, collector):
    before = enrolled.read_text()
    with hub.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE access_token SET created_at = created_at - interval '1 hour'")
    hub.client("admin").post("/api/v1/gateways/tower/rotation")
    collector.reporter.step()
    after = enrolled.read_text()
    assert after != before
    assert stat.S_IMODE(enrolled.stat().st_mode) == 0o600
    collector.reporter.step()
    live = hub.rows("SELECT 1 FROM access_token WHERE gateway_id IS NOT NULL AND revoked_at IS NULL")
    assert len(live) == 1
    assert hub.with_token(before.strip()).get("/api/v1/me").status_code == 401


def test_a_token_that_cannot_be_replaced_stays_and_is_told_of(hub, enrolled, collector, monkeypatch):
    before = enrolled.read_text()
    with hub.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE access_token SET created_at = created_at - interval '100 days'")

    def refuse(*_args, **_kwargs):
        raise PermissionError("read-only file system")

    monkeypatch.setattr("meterhub.gateway.token_file.NamedTemporaryFile", refuse)
    collector.reporter.step()
    collector.reporter.step()
    assert enrolled.read_text() == before
    (state,) = hub.rows("SELECT trouble FROM gateway_state")
    assert "the token cannot be replaced" in state["trouble"]


def test_a_hub_that_is_away_or_refuses_is_told_of_once_and_asked_again(enrolled, url, caplog):
    away = Collector("http://127.0.0.1:9", enrolled)
    assert [away.reporter.step(), away.reporter.step()] == [EVERY_S, EVERY_S]
    assert caplog.text.count("cannot report to the hub") == 1
    away.close()
