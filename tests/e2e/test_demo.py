"""The command that newcomers run first, as they run it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_the_demo_outlives_it(tmp_path, number):
    with tempfile.TemporaryDirectory(prefix="mh-test-") as folder:  # a killed demo cannot tidy up
        Path(folder).chmod(0o755)
        demo = subprocess.Popen(
            [sys.executable, "-m", "meterhub", "demo", "--port", "0", "--out", str(tmp_path)],
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": folder},
        )
        deadline = time.monotonic() + 60
        while len(started := psutil.Process(demo.pid).children(recursive=True)) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        demo.send_signal(number)
        demo.wait(60)
        _, alive = psutil.wait_procs(started, timeout=30)
        assert alive == []


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_the_demo_goes_from_radio_to_invoice_and_leak_alert(tmp_path):
    options = ["--once", "--json", "--meters", "24", "--days", "9", "--seed", "3", "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "meterhub", "demo", *options, "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=270,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    counts = result["telegrams"]
    parts = ("accepted", "duplicates", "quarantined", "rejected")
    assert counts["received"] == sum(counts[part] for part in parts)
    assert counts["duplicates"] > 0
    assert counts["quarantined"] >= result["rescued"] > 0
    assert result["invoices"]["count"] == 24
    assert float(result["invoices"]["gross_total"]) > 0
    assert Path(result["invoices"]["pdf"]).read_bytes().startswith(b"%PDF-")
    explained = Path(result["invoices"]["explained"]).read_text()
    assert result["invoices"]["number"] in explained
    assert "raw frame" in explained
    assert result["alerts"] == {"planted": 3, "found": 3, "false": 0}
    assert 24 * 9 * 24 - 24 * 2 <= result["hourly_values"] <= 24 * (9 * 24 + 1)
    assert set(result["seconds"]) == {"setup", "ingest", "rollup", "billing", "total"}
    assert result["memory_mb"]["serve"] < 300
    assert all(size < 80 for name, size in result["memory_mb"].items() if name.startswith("gateway"))
