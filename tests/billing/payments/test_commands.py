import csv
import json
from datetime import date
from io import StringIO

import pytest
from typer.testing import CliRunner

from meterhub.cli import app
from meterhub.settings import get_settings
from tests.billing.ledger.book import add_customer
from tests.billing.payments.accounts import owes
from tests.billing.payments.bank import ktl, paid


@pytest.fixture
def run(engine, database_url, monkeypatch):
    """Runs the command on a database where Maija owes 100.00 by the reference 1232."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    with engine.begin() as connection:
        owes(connection, add_customer(connection, "Maija Mallinen"), "100.00", "1232", due=date(2025, 4, 1))

    def invoke(*arguments):
        get_settings.cache_clear()
        return CliRunner().invoke(app, ["bill", *map(str, arguments)])

    yield invoke
    get_settings.cache_clear()


def test_a_file_is_previewed_imported_and_the_second_time_recognised(run, tmp_path):
    file = tmp_path / "payments.ktl"
    file.write_bytes(ktl(paid("100.00", "1232"), paid("5.00", "")))
    preview = run("payments", "import", file, "--preview", "--json")
    assert preview.exit_code == 0, preview.output
    assert json.loads(preview.stdout)["matched"] == "100.00"
    first = json.loads(run("payments", "import", file, "--json").stdout)
    assert (first["already"], first["total"], first["waiting"]) == (False, "105.00", "5.00")
    assert json.loads(run("payments", "import", file, "--json").stdout)["already"]
    assert "imported before" in run("payments", "import", file).stdout


def test_a_broken_file_ends_the_command_with_line_and_next_step(run, tmp_path):
    file = tmp_path / "payments.ktl"
    file.write_bytes(ktl(paid("100.00", "1232"))[:-92])
    result = run("payments", "import", file)
    assert result.exit_code == 2
    assert "after line 2" in result.stderr
    assert "send the whole file" in result.stderr
    assert run("payments", "import", tmp_path / "none").exit_code == 2


def test_bookkeeping_is_exported_once_and_again_only_when_asked(run, tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    assert (
        "export 1: 2 rows, debit 100.00, credit 100.00"
        in run("accounting", "export", first, "--until", "2025-12-31").stdout
    )
    assert [row["account"] for row in csv.DictReader(StringIO(first.read_text()), delimiter=";")] == [
        "1700",
        "2999",
    ]
    assert run("accounting", "export", second, "--until", "2025-12-31").exit_code == 2
    assert run("accounting", "export", second, "--again", "1").exit_code == 0
    assert second.read_bytes() == first.read_bytes()
    assert run("accounting", "export", first, "--again", "1").exit_code != 0
    assert run("accounting", "export", tmp_path / "c.csv").exit_code != 0
