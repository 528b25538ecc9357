import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from meterhub.assets import keys
from meterhub.cli import app
from meterhub.settings import get_settings

MASTER = bytes(range(32))
ONE, TWO = "00112233445566778899AABBCCDDEEFF", "FFEEDDCCBBAA99887766554433221100"


@pytest.fixture
def run(monkeypatch, database_url):
    """Run the command line on this test's database."""

    def run(*arguments, master=MASTER):
        monkeypatch.setenv("DATABASE_URL", database_url)
        monkeypatch.setenv("METERHUB_MASTER_KEY", master.hex())
        get_settings.cache_clear()
        return CliRunner().invoke(app, list(map(str, arguments)))

    yield run
    get_settings.cache_clear()


@pytest.fixture
def meters(engine):
    """Two registered meters, 00000001 and 00000002."""
    with engine.begin() as connection:
        statement = "INSERT INTO meter (manufacturer, serial) VALUES ('KAM', '00000001'), ('KAM', '00000002')"
        return connection.execute(text(statement + " RETURNING id")).scalars().all()


def kept(engine, meter_id):
    with engine.connect() as connection:
        return [key.hex().upper() for key in keys.keys_of(connection, [MASTER], [meter_id]).get(meter_id, ())]


@pytest.mark.parametrize(
    "content",
    [
        f"manufacturer,serial,key\nKAM,00000001,{ONE}\nKAM,00000002,{TWO}\n",
        f"\ufeffSerial;Manufacturer;Note;Key\r\n00000001;kam;a,;{ONE.lower()}\r\n 00000002 ;KAM;;{TWO}\r\n;;;\r\n",
    ],
)
def test_a_key_file_is_imported_once(run, engine, meters, tmp_path, content):
    file = tmp_path / "keys.csv"
    file.write_text(content, encoding="utf-8", newline="")
    assert run("keys", "import", file).output == "2 keys are new, 0 replace others, 0 were in use already\n"
    assert json.loads(run("keys", "import", file, "--json").output) == {
        "new": 0,
        "changed": 0,
        "unchanged": 2,
        "unknown": [],
        "without_key": [],
        "dry_run": False,
    }
    assert [kept(engine, meter_id) for meter_id in meters] == [[ONE], [TWO]]
    with engine.connect() as connection:
        events = connection.execute(text("SELECT action, detail FROM audit_event")).all()
    assert list(map(tuple, events)) == [("import-meter-keys", {"new": 2, "changed": 0})]


def test_a_newer_key_in_a_file_comes_first_and_the_older_stays(run, engine, meters, tmp_path):
    for key in (ONE, TWO):
        (tmp_path / "keys.csv").write_text(f"manufacturer,serial,key\nKAM,00000001,{key}\n")
        run("keys", "import", tmp_path / "keys.csv")
    assert kept(engine, meters[0]) == [TWO, ONE]


def test_a_file_with_faults_is_refused_line_by_line_and_nothing_is_stored(run, engine, meters, tmp_path):
    file = tmp_path / "keys.csv"
    rows = [
        "manufacturer,serial,key",
        f"KAM,00000001,{ONE}",
        f"KAM,00000002,{TWO[:-1]}",
        f"KAM,00000003,{TWO}",
        f"KAM,00000001,{TWO}",
        "KAM,00000002",
        f"KAM,00000002,{TWO[:16]} {TWO[16:]}",
    ]
    file.write_text("\n".join(rows))
    done = run("keys", "import", file)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[1:] == [
        "  line 3: a key has 32 hex digits (16 for the older kind); this one has 31 characters",
        "  line 4: there is no meter KAM 00000003",
        "  line 5: meter KAM 00000001 is also in line 2",
        "  line 6: has 2 columns, the line of names has 3",
        "  line 7: the key has blanks in it: write its hex digits together",
    ]
    assert "5 faults, so nothing was imported" in done.stderr
    assert TWO[:16] not in done.output
    assert kept(engine, meters[0]) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no line names the columns manufacturer, serial, key"),
        ("manufacturer,serial\nKAM,00000001\n", "no line names the columns manufacturer, serial, key"),
        ("serial,key\n", "there are no keys in the file"),
    ],
)
def test_a_file_without_columns_or_keys_is_refused(run, meters, tmp_path, content, problem):
    (tmp_path / "keys.csv").write_text(content)
    done = run("keys", "import", tmp_path / "keys.csv")
    assert done.exit_code == 2
    assert problem in done.stderr


def test_a_file_that_cannot_be_read_is_told(run, meters, tmp_path):
    assert "no.csv cannot be read" in run("keys", "import", tmp_path / "no.csv").stderr
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    done = run("keys", "import", tmp_path / "binary")
    assert (done.exit_code, "no line names the columns" in done.stderr) == (2, True)


def test_the_stock_of_keys_is_counted_and_tried(run, engine, meters, tmp_path):
    empty = run("keys", "status", "--json")
    assert json.loads(empty.output) == {
        "meters": 2,
        "meters_with_key": 0,
        "keys": 0,
        "opened": 0,
        "by_master": {},
    }
    (tmp_path / "keys.csv").write_text(f"manufacturer,serial,key\nKAM,00000001,{ONE}\n")
    run("keys", "import", tmp_path / "keys.csv")
    assert run("keys", "status").output.startswith("1 of 2 meters have a key; 1 keys are kept\n")
    wrong = run("keys", "status", master=bytes(32))
    assert wrong.exit_code == 2
    assert "the master key is not the one" in wrong.stderr


def test_registers_are_imported_from_a_file(run, engine, tmp_path):
    file = tmp_path / "registers.json"
    document = {"meters": [{"manufacturer": "KAM", "serial": "00000007", "key": ONE}]}
    file.write_text(json.dumps(document))
    done = run("import", file)
    assert done.exit_code == 0, done.output
    assert "meters: 1 new, 0 known already" in done.output
    again = run("import", file, "--json")
    assert json.loads(again.output)["keys"] == {"added": 0, "unchanged": 1}
    document["meters"][0]["digits"] = 12
    file.write_text(json.dumps(document))
    wrong = run("import", file)
    assert wrong.exit_code == 2
    assert "meters.0.digits" in wrong.stderr
    assert ONE not in wrong.output
    file.write_text("{")
    assert run("import", file).exit_code == 2
