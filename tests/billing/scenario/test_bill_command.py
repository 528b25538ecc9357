"""`meterhub bill quote`: JSON lines in, answers in order out, and the rendering for people."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meterhub.commands.bill import app
from tests.billing.scenarios import point_used, quote
from tests.conftest import SHARED

COMMAND = [sys.executable, "-c", "from meterhub.cli import main; main()", "bill", "quote"]
GOOD = json.dumps(quote(point_used("0", "42")))


def answers(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_standard_input_is_answered_line_by_line_in_order() -> None:
    result = CliRunner().invoke(app, ["quote", "-"], input=f"{GOOD}\nnonsense\n\n{GOOD}\n")
    assert result.exit_code == 0
    first, second, third = answers(result.stdout)
    assert first == third
    assert first["documents"][0]["gross"] == "235.97"
    assert second["error"]["code"] == "bad_json"


def test_without_arguments_standard_input_is_read() -> None:
    assert len(answers(CliRunner().invoke(app, ["quote"], input=GOOD).stdout)) == 1


def test_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(GOOD)
    two.write_bytes(b"\xff\n" + GOOD.encode())
    result = CliRunner().invoke(app, ["quote", str(one), str(two)])
    assert ["error" in answer for answer in answers(result.stdout)] == [False, True, False]


def test_a_file_that_is_not_there_is_named() -> None:
    result = CliRunner().invoke(app, ["quote", "missing.jsonl"])
    assert result.exit_code == 2
    assert "missing.jsonl" in result.output


def test_people_get_lines_with_their_explanations() -> None:
    due = json.dumps({"kind": "due_date", "items": []})
    result = CliRunner().invoke(
        app, ["quote", "--explain", "-"], input=f"{GOOD}\nnonsense\n{due}\n", env={"COLUMNS": "160"}
    )
    assert result.exit_code == 0
    assert "42.000 MTQ x 1.44 = 60.48" in result.stdout
    assert "235.97" in result.stdout
    assert "bad_json" in result.stdout
    assert '"items"' in result.stdout


def test_names_with_brackets_are_shown_as_they_are() -> None:
    scenario = json.dumps(quote(point_used("0", "1", id="[red]MP[/]"), payers=[{"id": "[b]", "weight": "1"}]))
    shown = CliRunner().invoke(app, ["quote", "--explain"], input=scenario, env={"COLUMNS": "200"}).stdout
    assert "[red]MP[/]" in shown
    assert "invoice to [b]" in shown


@pytest.mark.skipif(not (SHARED / "data/billing/cases.jsonl").exists(), reason="needs ../shared/data/billing")
def test_all_published_cases_are_right() -> None:
    score = [sys.executable, str(SHARED / "tools/score_billing.py"), str(SHARED / "data/billing/cases.jsonl")]
    done = subprocess.run([*score, "--", *COMMAND, "-"], capture_output=True, text=True, timeout=120, check=True)
    assert "= 100.0%" in done.stdout, done.stdout
