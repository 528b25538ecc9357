import csv
import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from meterhub.commands.leaks import app
from tests.alerts.homes import a_home
from tests.conftest import SHARED

HOUSEHOLD = SHARED / "data" / "household"
DAY_H = 24


def write_reads(path, homes, time_name="read_at", suffix="Z"):
    with path.open("w", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["meter_id", time_name, "register_l"])
        for name, home in homes.items():
            for at_s, volume_ml in home.reads():
                at = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat()
                writer.writerow([name, at + suffix, volume_ml / 1000])


def detect(*args):
    return CliRunner().invoke(app, ["detect", *map(str, args)])


def test_a_file_of_reads_gives_a_file_of_alerts_in_the_same_clock(tmp_path):
    homes = {"calm": a_home(), "leaky": a_home().with_flow(25 * DAY_H, 35 * DAY_H, 20)}
    write_reads(tmp_path / "utc.csv", homes)
    write_reads(tmp_path / "naive.csv", homes, "read_at_local", "")
    [alert] = csv.DictReader(detect("--reads", tmp_path / "utc.csv").stdout.splitlines())
    assert (alert["entity_id"], alert["kind"]) == ("leaky", "continuous-flow")
    out = tmp_path / "alerts.csv"
    assert detect("--reads", tmp_path / "naive.csv", "--out", out).exit_code == 0
    assert next(csv.DictReader(out.read_text().splitlines()))["raised_at"] + "Z" == alert["raised_at"]


def test_a_compressed_file_is_read_as_it_is(tmp_path):
    write_reads(tmp_path / "reads.csv", {"leaky": a_home().with_flow(25 * DAY_H, 35 * DAY_H, 20)})
    packed = tmp_path / "reads.csv.gz"
    packed.write_bytes(gzip.compress((tmp_path / "reads.csv").read_bytes()))
    assert detect("--reads", packed).stdout == detect("--reads", tmp_path / "reads.csv").stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("meter,read_at,register_l\n", "needs the columns"),
        ("meter_id,read_at,register_l\na,yesterday,5\n", "line 2"),
        ("meter_id,read_at,register_l\na,2026-01-01T00:00Z,many\n", "line 2"),
        (
            "meter_id,read_at,register_l\n" + "".join(f"{m},2026-01-01T00:00Z,1\n" for m in "aba"),
            "sort by meter_id",
        ),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_file_and_line(tmp_path, content, message):
    path = tmp_path / "reads.csv"
    path.write_text(content)
    result = detect("--reads", path)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "reads.csv" in result.stderr


@pytest.mark.slow
def test_real_homes_with_added_leaks_are_judged_within_the_budget(tmp_path):
    if not HOUSEHOLD.exists():
        pytest.skip("the labelled household reads are not beside this checkout")
    try:
        subprocess.run([*scorer(), "--help"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the scoring script needs an interpreter with numpy, named python3")
    alerts = tmp_path / "alerts.csv"
    assert detect("--reads", HOUSEHOLD / "reads_leaks.csv.gz", "--out", alerts).exit_code == 0
    files = ["--labels", HOUSEHOLD / "leaks.csv", "--alerts", alerts, "--entities", HOUSEHOLD / "entities.csv"]
    score = subprocess.run([*scorer(), *map(str, files)], check=True, capture_output=True, text=True)
    result = json.loads(score.stdout)["result"]
    assert result["recall"] >= 0.85
    assert result["precision"] >= 0.80
    assert result["false_per_entity_year"] <= 0.25
    assert result["ttd_hours"]["median"] <= 36
    assert result["by_kind"]["burst"]["recall"] >= 0.85


def scorer():
    return ["python3" if sys.platform != "win32" else "python", str(SHARED / "tools" / "score_leaks.py")]
