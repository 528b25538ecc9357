import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from meterhub.access.principal import SYSTEM
from meterhub.assets.keys import add_key
from meterhub.assets.master_rotation import Rotation, rotate
from meterhub.assets.sealing import master_id
from meterhub.cli import app
from meterhub.ingest.batch import Heard
from meterhub.ingest.retry import retry
from meterhub.ingest.service import Sender, accept_batch
from meterhub.settings import get_settings
from tests.assets.key_formats import containers
from tests.ingest.test_service import MODE_5, MODE_5_KEY, SETTINGS, Hub

OLD, NEW = "11" * 32, "22" * 32


@pytest.fixture
def hub(engine):
    return Hub(engine)


@pytest.fixture
def run(monkeypatch, database_url):
    """Run the command line on this test's database."""

    def run(*arguments, stdin=None, master=OLD, **more):
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("METERHUB_MASTER_KEY", master)
        for name, value in more.items():
            monkeypatch.setenv(f"METERHUB_{name.upper()}", value)
        get_settings.cache_clear()
        return CliRunner().invoke(app, ["keys", *map(str, arguments)], input=stdin)

    yield run
    get_settings.cache_clear()


def heard(hub, *days_ago):
    now = datetime.now(UTC)
    return hub.send(*[(MODE_5, now - timedelta(days=days)) for days in days_ago], now=now)


def test_a_key_is_checked_before_it_is_stored(hub, run):
    hub.register("ELS", "12345678")
    heard(hub, 1, 2, 20)
    fits = run("check", "--meter", "ELS:12345678", "--key", "--json", stdin=MODE_5_KEY + "\n")
    assert fits.exit_code == 0, fits.output
    told = json.loads(fits.stdout)
    assert (told["fit"], told["telegrams"], told["opened"]) == ("fits", 2, 2)
    wrong = run("check", "--meter", "ELS:12345678", "--key", stdin="FF" * 16)
    assert (wrong.exit_code, "does-not-fit: 1" in wrong.stdout) == (1, True)
    none = run("check", "--meter", "els:12345678", "--days", "30", "--json")
    assert (none.exit_code, json.loads(none.stdout)["fit"], json.loads(none.stdout)["telegrams"]) == (
        1,
        "no-key",
        3,
    )
    assert all(MODE_5_KEY not in each.output for each in (fits, wrong, none))


def test_all_keys_are_checked_and_only_trouble_is_shown(hub, run):
    hub.register("ELS", "12345678", "FF" * 16)
    hub.register("KAM", "00000001", "EE" * 16)
    heard(hub, 1)
    done = run("check", "--all")
    assert done.exit_code == 1
    assert "ELS:12345678" in done.stdout
    assert "KAM:00000001" not in done.stdout
    assert "not-heard: 1" in done.stdout
    whose = run("check", "--all", "--key", stdin=MODE_5_KEY)
    assert (whose.exit_code, "ELS:12345678" in whose.stdout) == (0, True)
    assert run("check", "--all", "--key", stdin="AB" * 16).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "stdin", "problem"),
    [
        ([], None, "say either --meter MANUFACTURER:SERIAL or --all"),
        (["--all", "--meter", "KAM:1"], None, "say either"),
        (["--meter", "KAM"], None, "'KAM' is not MANUFACTURER:SERIAL"),
        (["--meter", "KAM:00000001"], None, "there is no meter KAM 00000001"),
        (["--all", "--key"], "", "key: nothing was given"),
        (["--all", "--key"], "12", "a key has 32 hex digits"),
    ],
)
def test_a_check_that_cannot_begin_says_why(hub, run, arguments, stdin, problem):
    done = run("check", *arguments, stdin=stdin)
    assert done.exit_code == 2
    assert problem in done.stderr


def test_a_container_is_previewed_and_imported_with_its_password(hub, run, tmp_path):
    hub.register("ELS", "12345678")
    hub.register("KAM", "00000001", "EE" * 16)
    hub.register("KAM", "00000002", "DD" * 16)
    heard(hub, 1)
    meters = [("00000001", "CC" * 16), ("00000002", "DD" * 16), ("00000009", "AA" * 16), ("00000003", "")]
    file = tmp_path / "delivery.zip.kem"
    file.write_bytes(containers.zipped(containers.encrypted(containers.kem(meters), "secret"), "x.kem"))
    (tmp_path / "password").write_text("secret\n")
    told = ("--password-file", tmp_path / "password", "--json")
    refused = run("import", file, *told)
    assert (refused.exit_code, "meter 3 (00000009): there is no meter KAM 00000009" in refused.stderr) == (2, True)
    expected = {"new": 0, "changed": 1, "unchanged": 1, "unknown": ["KAM 00000009"]}
    expected |= {"without_key": ["meter 4 (00000003)"]}
    preview = run("import", file, "--skip-unknown", "--dry-run", *told)
    assert json.loads(preview.stdout) == expected | {"dry_run": True}
    assert hub.rows("SELECT count(*) FROM meter_key") == [(2,)]
    done = run("import", file, "--skip-unknown", *told)
    assert json.loads(done.stdout) == expected | {"dry_run": False}
    assert hub.rows("SELECT count(*) FROM meter_key") == [(3,)]
    asked = run("import", file, "--skip-unknown", stdin="secret\n")
    assert "0 keys are new, 0 replace others, 2 were in use already" in asked.stdout
    wrong = run("import", file, stdin="Secret\n")
    assert (wrong.exit_code, "the password does not open the file" in wrong.stderr) == (2, True)


def test_a_serial_of_two_makers_needs_the_maker(hub, run, tmp_path):
    hub.register("ELS", "12345678")
    hub.register("DME", "12345678")
    file = tmp_path / "list.csv"
    file.write_text(f"Serial;AES key\n12345678;{MODE_5_KEY}\n")
    assert "line 2: DME and ELS both have a meter 12345678" in run("import", file).stderr
    assert run("import", file, "--manufacturer", "els").exit_code == 0
    history = json.loads(run("status", "--meter", "ELS:12345678", "--json").stdout)
    assert [key["by"] for key in history["keys"]] == ["system"]
    assert run("status", "--meter", "DME:12345678").stdout == "no key is kept\n"


def test_the_master_key_is_changed_while_telegrams_come_in(hub, run, tmp_path):
    hub.register("ELS", "12345678", MODE_5_KEY)
    heard(hub, 5)
    (tmp_path / "new").write_text(NEW + "\n")
    done = run("rotate", "--new-master-key-file", tmp_path / "new", "--json")
    assert done.exit_code == 0, done.output
    assert "running hubs must know both" in done.stderr
    told = json.loads(done.stdout)
    assert (told["resealed"], told["verified"], told["failed"]) == (1, 1, {})
    assert told["master_key"] == master_id(bytes.fromhex(NEW)).hex()
    assert "under master key " + told["master_key"] in run("status", master=NEW).stdout
    assert run("status").exit_code == 2
    assert run("check", "--all", master=OLD, previous_master_key=NEW).exit_code == 0
    assert run("rotate", "--new-master-key-file", tmp_path / "none").exit_code == 2
    assert NEW not in done.output


def test_keys_that_do_not_open_end_a_rotation_with_an_error(hub, run):
    hub.register("ELS", "12345678", MODE_5_KEY)
    done = run("rotate", master=NEW)
    assert done.exit_code == 1
    assert "ELS:12345678" in done.stderr


def test_changing_keys_never_loses_a_telegram(hub):
    """Any order of keys and telegrams: once the right key has been entered, each telegram is a read."""
    meter = hub.register("ELS", "12345678")
    heard(hub, 9)
    for number, key in enumerate(["AA" * 16, MODE_5_KEY, "BB" * 16, MODE_5_KEY, "CC" * 16]):
        heard(hub, 8 - number)
        with hub.engine.begin() as connection:
            add_key(connection, SYSTEM, SETTINGS, meter, key)
        list(retry(hub.engine, SETTINGS, meter_id=meter))
        heard(hub, 8.5 - number)
    assert len(hub.reads()) == 11
    assert hub.held() == []


def test_telegrams_that_come_while_keys_and_master_key_change_all_become_reads(hub):
    """A hub that knows both master keys takes batches; keys come and go and are sealed anew meanwhile."""
    both = SETTINGS.model_copy(update={"previous_master_key": SecretStr(NEW)})
    meter = hub.register("ELS", "12345678")
    now = datetime.now(UTC)
    batches, size = 12, 5

    def send(batch):
        start = now - timedelta(days=1) + timedelta(hours=batch)
        heard = [Heard(n, bytes.fromhex(MODE_5), start + timedelta(minutes=5 * n), -70, "T1") for n in range(size)]
        sender = Sender(1 + batch % 2)
        return accept_batch(hub.engine, both, hub.memory, sender, heard, [], now=now)

    def change_keys():
        for key in ("AA" * 16, MODE_5_KEY, "BB" * 16, "CC" * 16):
            with hub.engine.begin() as connection:
                add_key(connection, SYSTEM, both, meter, key)
            list(retry(hub.engine, both, meter_id=meter))

    def change_master_key():
        for new in (NEW, OLD, NEW):
            list(rotate(hub.engine, SYSTEM, both.require_master_keys(), bytes.fromhex(new), Rotation()))

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(change_keys), pool.submit(change_master_key)]
        results = [each.result() for each in [pool.submit(send, batch) for batch in range(batches)]]
        for each in work:
            each.result()
    assert sum(each.accepted + each.quarantined for each in results) == batches * size
    list(retry(hub.engine, both))  # what the queue would have done
    assert len(hub.reads()) == batches * size
    assert hub.held() == []
