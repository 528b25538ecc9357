"""The command that newcomers run first, as they run it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from lxml import etree

from tests.billing.einvoice.validators import cen_failures, schema_errors

D = Decimal


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
    check_billing(result)
    assert result["alerts"] == {"planted": 3, "found": 3, "false": 0}
    heard = 24 - result["estimates"]["homes"]
    assert heard * 9 * 24 - heard * 2 <= result["hourly_values"] <= heard * (9 * 24 + 1)
    steps = {"setup", "ingest", "rollup", "billing", "payments", "checks", "neighbour", "total"}
    assert set(result["seconds"]) == steps
    assert result["memory_mb"]["serve"] < 300
    assert all(size < 80 for name, size in result["memory_mb"].items() if name.startswith("gateway"))


def check_billing(result):
    estimates, payments, balances = result["estimates"], result["payments"], result["balances"]
    true_ups = [D(gross) for gross in estimates["true_ups"].values()]
    assert len(true_ups) == estimates["homes"] >= 2
    assert min(true_ups) < 0 < max(true_ups)  # one estimate was too high, another too low
    assert estimates["estimated_m3"] != estimates["read_m3"]
    note = result["credit_note"]
    assert D(note["gross"]) < 0
    finvoice, ehf = (Path(result["einvoices"][name]).read_bytes() for name in ("finvoice", "ehf"))
    assert schema_errors(finvoice) == []
    assert schema_errors(ehf) == []
    assert cen_failures(ehf) == set()
    currency = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}DocumentCurrencyCode"
    assert etree.fromstring(ehf).findtext(currency) == "NOK"
    assert payments["waiting_count"] == 1
    assert payments["matched_count"] == 23  # of 24 one forgets, and an unknown one waits
    assert D(payments["matched"]) + D(payments["waiting"]) == D(payments["total"])
    assert D(payments["partial"]["paid"]) * 2 - D(payments["partial"]["gross"]) in (0, D("0.01"), D("-0.01"))
    billed = D(result["invoices"]["gross_total"]) + sum(true_ups) + D(note["gross"])
    assert D(balances["billed"]) == billed
    assert D(balances["paid"]) == D(payments["matched"])
    assert D(balances["balance"]) == billed - D(payments["matched"])
    assert D(balances["open"]) - D(balances["credit"]) == D(balances["balance"])
    assert D(balances["open"]) > 0 < D(balances["credit"])
    assert result["checks"]["documents"] == 24 + len(true_ups) + 1
    assert result["checks"]["faults"] == 0
