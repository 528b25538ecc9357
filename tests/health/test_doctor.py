"""Each check tells sick from well, and what to do; the command, the API and the page say the same."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from meterhub import schema
from meterhub.access.principal import SYSTEM
from meterhub.access.service import create_user
from meterhub.assets.keys import add_key
from meterhub.health.checks import Level, checks
from meterhub.health.doctor import examine, worst
from meterhub.kit.queue import defer
from meterhub.readings.repository import NewRead, store_reads
from meterhub.settings import Retention, Settings, Utility
from meterhub.store.upkeep import maintain
from tests.api.hub import METER_KEY
from tests.billing.service.town import Town, b1_house

NOW = datetime.now(UTC)
MASTER = "11" * 32
OWN = Utility(name="Mallilan Vesi", business_id="1572860-0", iban="FI1410093000123458")
WELL = Settings(mode="production", master_key_file=None, master_key=MASTER, utility=OWN)


@pytest.fixture
def well(engine):
    """An installation of which only the master key in the environment is to be looked at."""
    maintain(engine, WELL, NOW)
    with engine.begin() as connection:
        create_user(
            connection, SYSTEM, username="ada", display_name="A", roles=["admin"], password="correct horse battery"
        )
        run(connection, "INSERT INTO gateway (name, last_seen_at) VALUES ('tower', :now)", now=NOW)
        run(connection, "INSERT INTO procrastinate_workers DEFAULT VALUES")
        run(connection, "INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '00000001')")
        add_key(connection, SYSTEM, WELL, 1, METER_KEY)
        run(connection, "DELETE FROM procrastinate_jobs")
    return engine


def run(connection, statement, **values):
    connection.execute(text(statement), values)


def do(engine, statement, **values):
    with engine.begin() as connection:
        run(connection, statement, **values)


def found(engine, settings=WELL, now=None):
    """What is not fine, as {subject: [(level, said)]}; everything that is not fine says what to do."""
    result = {}
    for one in examine(engine, settings, now or datetime.now(UTC), schema.head()):
        if one.finding.level is not Level.OK:
            assert len(one.finding.todo) > 10, one
            result.setdefault(one.subject, []).append((one.finding.level, one.finding.said))
    for quiet in ("disk",):  # the disk of whoever runs this
        result.pop(quiet, None)
    return result


def without(settings, **changes):
    return settings.model_copy(update=changes)


def test_a_well_installation_is_found_well_by_every_check(well):
    known = {"database": [(Level.FAIL, "fsync is off: what is acknowledged can be lost")]}  # as tests run it
    sick = found(well)
    sick["database"] = [one for one in sick["database"] if "fsync" in one[1]]
    assert sick.pop("settings") == [
        (Level.WARN, "the master key is in an environment variable, which other programs of this user can read")
    ]
    assert sick == known
    subjects = {one.subject for one in examine(well, WELL, NOW, schema.head())}
    assert subjects == set(checks())


def test_an_old_schema_is_broken(well):
    do(well, "UPDATE alembic_version SET version_num = '0003'")
    assert found(well)["migrations"][0][0] is Level.FAIL


def test_clocks_that_differ_are_told_of_database_and_gateways(well):
    do(
        well,
        "INSERT INTO gateway_state (gateway_id, reported_at, run, clock_ahead_s, heard, noise, spool_bytes, "
        "spool_limit_bytes, disk_free_bytes, thinned, dropped, lost, keeps, listed_only, trouble, dongles, "
        "channels) VALUES (1, :now, 'r', -300, 0, 0, 0, 0, 0, 0, 0, 0, 'all', false, 'no dongle', '[]', '[]')",
        now=NOW,
    )
    assert found(well)["clock"] == [(Level.WARN, "the clock of gateway tower is off by 300 s")]
    assert found(well)["gateways"] == [(Level.WARN, "tower reports: no dongle")]


def test_work_that_nobody_does_and_work_that_failed_are_told(well):
    do(well, "DELETE FROM procrastinate_workers")
    with well.begin() as connection:
        defer(connection, "readings.rollup", once="readings.rollup")
        run(connection, "UPDATE procrastinate_events SET at = now() - interval '20 minutes'")
        run(
            connection,
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, args) "
            "VALUES ('default', 'billing.run', 'failed', '{}')",
        )
    told = found(well)["queue"]
    assert [level for level, _ in told] == [Level.FAIL, Level.FAIL, Level.WARN]
    assert "waited for 20 minutes" in told[1][1]
    assert "billing.run" in told[2][1]


def test_a_store_that_is_not_kept_up_is_told(well):
    later = NOW + timedelta(days=100)
    told = found(well, now=later)["store"]
    assert (Level.FAIL, "next month has no partitions") in told
    assert any("final and not sealed" in said for _, said in told)
    short = without(WELL, retention=Retention(raw_frame_days=1))
    assert any("raw_frame holds data that is" in said for _, said in found(well, short, later)["store"])


def test_keys_that_do_not_open_and_master_keys_that_nothing_needs_are_told(well):
    other = without(WELL, master_key=Settings(master_key="22" * 32).master_key)
    assert found(well, other)["keys"][0][0] is Level.FAIL
    none = without(WELL, master_key=None)
    assert found(well, none)["keys"][0][0] is Level.FAIL
    spare = without(WELL, previous_master_key=Settings(previous_master_key="33" * 32).previous_master_key)
    assert found(well, spare)["keys"] == [
        (Level.WARN, "a previous master key is given that seals no key any more")
    ]
    turned = without(
        WELL,
        master_key=Settings(master_key="22" * 32).master_key,
        previous_master_key=Settings(previous_master_key=MASTER).previous_master_key,
    )
    assert found(well, turned)["keys"] == [(Level.WARN, "1 keys are still sealed under another master key")]


def test_a_quarantine_that_grows_and_meters_without_keys_are_told(well):
    do(
        well,
        "INSERT INTO quarantine (raw_frame_id, reason, manufacturer, serial, entered_at) "
        "SELECT n, 'key-wrong', 'KAM', '00000001', now() - interval '1 hour' FROM generate_series(1, 60) n",
    )
    told = found(well)
    assert "60 frames entered quarantine in a day as key-wrong, 0 the day before" in told["quarantine"][0][1]
    assert told["keys"] == [(Level.WARN, "telegrams of 1 meters wait with the reason key-wrong")]
    do(well, "UPDATE quarantine SET reason = 'unknown-meter'")
    assert "quarantine" not in found(well)


def test_silent_gateways_are_named(well):
    do(well, "UPDATE gateway SET last_seen_at = now() - interval '4 hours'")
    assert found(well)["gateways"] == [(Level.WARN, "1 of 1 gateways are silent: tower")]
    do(well, "DELETE FROM gateway")
    assert found(well)["gateways"] == [(Level.WARN, "no gateway is enrolled")]


def test_hours_that_are_late_and_a_zone_that_changed_are_told(well):
    with well.begin() as connection:
        store_reads(connection, [NewRead(1, NOW - timedelta(hours=3), 1)])
    assert found(well)["hours"][0][1] == "the hours of 1 meters are not derived yet"
    assert "Europe/Oslo" in found(well, without(WELL, zone="Europe/Oslo"))["hours"][1][1]


def test_what_is_left_from_a_trial_is_broken_in_production(well):
    trial = without(WELL, secure_cookies=False, utility=Utility())
    assert [level for level, _ in found(well, trial)["settings"]] == [Level.FAIL, Level.WARN, Level.FAIL]
    assert {level for level, _ in found(well, without(trial, mode="development"))["settings"]} == {Level.WARN}


def test_accounts_that_nobody_can_administer_are_told(well):
    do(well, "UPDATE app_user SET active = false")
    assert found(well)["access"] == [(Level.WARN, "no active account administers")]


def test_documents_that_do_not_add_up_or_are_not_in_the_ledger_are_named(well):
    town = Town(well)
    first, last = date(2025, 10, 1), date(2026, 1, 1)
    house = town.house(
        (datetime(2025, 9, 30, 21, tzinfo=UTC), "1000.000"), (datetime(2025, 12, 31, 22, tzinfo=UTC), "1042.000")
    )
    town.bill(period=(first, last), issued_on=date(2026, 1, 10))
    number = town.invoice(house).number
    assert "billing" not in found(well)
    do(well, "SET LOCAL session_replication_role = replica; UPDATE invoice_line SET net = net + 1")
    told = found(well)["billing"]
    assert {level for level, _ in told} == {Level.FAIL}
    assert number in told[0][1]
    do(well, "SET LOCAL session_replication_role = replica; DELETE FROM ledger_entry")
    assert any("is in the ledger" in said for _, said in found(well)["billing"])


def test_a_document_that_no_longer_computes_to_itself_is_found(well):
    town = Town(well)
    house = b1_house(town)
    town.bill()
    do(well, "DELETE FROM procrastinate_jobs")
    assert "billing" not in found(well)
    do(well, "ALTER TABLE invoice_line DISABLE TRIGGER USER")
    do(well, "UPDATE invoice_line SET unit = 'LTR' WHERE position = 1")
    told = found(well)["billing"]
    assert any("compute to themselves" in said and town.invoice(house).number in said for _, said in told)


def test_a_check_that_cannot_be_carried_out_is_a_finding_and_the_others_go_on(well):
    do(well, "DROP TABLE rollup_due")
    told = found(well)
    assert told["hours"][0][0] is Level.FAIL
    assert "rollup_due" in told["hours"][0][1]
    assert "store" not in told


def test_the_command_tells_all_and_its_exit_code_the_worst(well):
    env = {
        **os.environ,
        "DATABASE_URL": well.url.render_as_string(hide_password=False),
        "METERHUB_MASTER_KEY": MASTER,
    }

    def doctor(*options, **more):
        command = [sys.executable, "-m", "meterhub", "doctor", *options]
        return subprocess.run(command, env=env | more, capture_output=True, text=True)

    warned = doctor("--json")
    told = [json.loads(line) for line in warned.stdout.splitlines()]
    assert warned.returncode == 1, warned.stderr
    assert {one["subject"] for one in told} == set(checks())
    assert MASTER not in warned.stdout
    broken = doctor(METERHUB_MASTER_KEY="22" * 32)
    assert broken.returncode == 2
    assert "FAIL keys" in broken.stdout
    assert "→" in broken.stdout


def test_api_and_page_say_what_the_command_says(well, hub):
    told = hub.client("operations").get("/api/v1/doctor").json()
    assert told["level"] in set(Level)
    assert {one["subject"] for one in told["findings"]} == set(checks())
    page = hub.browser(hub.token("operations")).get("/operations")
    assert page.status_code == 200
    assert "Findings" in page.text


def test_nothing_found_is_well():
    assert worst([]) is Level.OK
