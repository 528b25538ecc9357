"""The main job of meterhub in one go: radio, reads, hourly consumption, invoices, leak alerts.

Each step is done as the people of a utility do it: registers and keys are imported, gateways enrolled,
missing keys entered later, a billing run started, alerts looked at. Nothing reaches into the database.
"""

import json
import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.simulate.demo.backfill import backfill
from meterhub.simulate.demo.client import HubClient, log_in, wait_for_hub
from meterhub.simulate.demo.live import LiveRadio, received_by, wait_until_received
from meterhub.simulate.demo.processes import DemoFailed, Processes, free_port
from meterhub.simulate.demo.registers import first_billed_day, import_document
from meterhub.simulate.town import Town, build_town

ZONE = ZoneInfo("Europe/Helsinki")
USERNAME = "demo"
# Nobody approves their own billing run.
APPROVER = "approver"
ENVIRONMENT = "environment"
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo is asked for."""

    meters: int
    days: int
    seed: int
    out: Path
    port: int


@dataclass(slots=True)
class Progress:
    """How the demo tells where it is: a step with its size, and how far it is."""

    begin: Callable[[str, int], None]
    advance: Callable[[int], None]


@dataclass(slots=True)
class Outcome:
    """What came out, as the summary and `--json` show it."""

    telegrams: dict[str, int] = field(default_factory=dict)
    hourly_values: int = 0
    invoices: dict[str, Any] = field(default_factory=dict)
    alerts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, int] = field(default_factory=dict)
    rescued: int = 0


@dataclass(slots=True)
class Stage:
    """The running installation."""

    url: str
    password: str
    processes: Processes
    hub: HubClient
    town: Town
    gateways: dict[str, HubClient]
    radio: LiveRadio


def play(options: Options, progress: Progress, after: Callable[[Stage, Outcome], None]) -> Outcome:
    """Run the whole story; `after` gets the stage while everything still runs."""
    outcome = Outcome()
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="meterhub-demo-"))
    folder.chmod(0o755)  # the database's own user has to reach its folder in here
    try:
        with EmbeddedPostgres(folder / "postgres") as server:
            environment = _environment(server.create_database(), folder)
            _write_down(environment, options.out / ENVIRONMENT)
            with Processes(options.out / "logs", environment) as processes:
                stage = _set_up(options, processes, folder, progress)
                try:
                    outcome.seconds["setup"] = time.monotonic() - began
                    _main_job(stage, options, outcome, progress)
                    outcome.seconds["total"] = time.monotonic() - began
                    outcome.memory_mb = processes.memory_mb()
                    processes.check()
                    after(stage, outcome)
                finally:
                    stage.radio.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _environment(database_url: str, folder: Path) -> dict[str, str]:
    master = folder / "master-key"
    master.touch(mode=0o600)
    master.write_text(secrets.token_hex(32))
    return {
        "DATABASE_URL": database_url,
        "METERHUB_MASTER_KEY_FILE": str(master),
        "METERHUB_SECURE_COOKIES": "false",
        "METERHUB_ZONE": str(ZONE),
        "METERHUB_UTILITY__NAME": "Mallilan Vesi (demo)",
        "PYTHONUNBUFFERED": "1",
    }


def _write_down(environment: dict[str, str], file: Path) -> None:
    """Let people run further commands against the running town: `. demo-out/environment`."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    file.write_text("".join(lines))


def _set_up(options: Options, processes: Processes, folder: Path, progress: Progress) -> Stage:
    progress.begin("Setting up hub, worker, town and gateways", 6)
    processes.run("migrate")
    progress.advance(1)
    password = secrets.token_urlsafe(12)
    roles = ("--role", "admin", "--role", "billing", "--role", "operations")
    processes.run("user", "add", USERNAME, *roles, "--password-stdin", stdin=password + "\n")
    processes.run("user", "add", APPROVER, "--role", "billing", "--password-stdin", stdin=password + "\n")
    progress.advance(1)
    port = free_port(options.port)
    url = f"http://127.0.0.1:{port}"
    processes.start("serve", "serve", "--port", str(port))
    processes.start("worker", "worker")
    wait_for_hub(url, processes.check)
    progress.advance(1)
    hub = log_in(url, USERNAME, password)
    town = build_town(options.meters, options.days, options.seed, datetime.now(UTC), ZONE)
    hub.call("POST", "/api/v1/import/registers", import_document(town))
    progress.advance(1)
    tokens = {
        name: hub.call("POST", "/api/v1/gateways", {"name": name, "place": "Mallila"})["token"]
        for name in town.gateways
    }
    progress.advance(1)
    radio = LiveRadio(town, processes, url, tokens, folder)
    progress.advance(1)
    gateways = {name: HubClient(url, token) for name, token in tokens.items()}
    return Stage(url, password, processes, hub, town, gateways, radio)


def _main_job(stage: Stage, options: Options, outcome: Outcome, progress: Progress) -> None:
    start = time.monotonic()
    expected = sum(len(home.gateways) for home in stage.town.homes) * options.days * 24
    progress.begin("Sending the town's past telegrams through its gateways", expected)
    past = backfill(stage.town, options.seed, stage.gateways, progress.advance)
    before = received_by(stage.hub)
    progress.begin("Hearing every meter live through the dongles", 1)
    sent = stage.radio.everyone_once()
    wait_until_received(stage.hub, before, sent, stage.processes)
    outcome.seconds["ingest"] = time.monotonic() - start
    outcome.telegrams = _telegram_counts(stage.hub, past + sum(sent.values()))
    start = time.monotonic()
    progress.begin("Entering the keys that were missing or wrong", 1)
    outcome.rescued = _enter_keys(stage)
    progress.begin("Rolling up hours and looking for leaks", 1)
    _wait_for_jobs(stage)
    outcome.seconds["rollup"] = time.monotonic() - start
    outcome.hourly_values = _count_hours(stage)
    start = time.monotonic()
    progress.begin("Billing", len(stage.town.homes))
    outcome.invoices = _bill(stage, options.out, progress)
    outcome.seconds["billing"] = time.monotonic() - start
    outcome.alerts = _compare_alerts(stage)


def _telegram_counts(hub: HubClient, sent: int) -> dict[str, int]:
    """Return what the hub counted; it has to be what was sent, and each telegram must have become one thing."""
    statuses = hub.call("GET", "/api/v1/gateways", since="2000-01-01")
    names = ("received", "accepted", "duplicates", "quarantined", "rejected")
    counts = {name: sum(status[name] for status in statuses) for name in names}
    if not counts["received"] == sent == sum(counts[name] for name in names[1:]):
        raise DemoFailed(f"{sent} telegrams were sent, but the hub counted {counts}")
    return counts


def _enter_keys(stage: Stage) -> int:
    """Enter the right keys for the two meters without; return how many held frames that brought back."""
    held = _held(stage.hub)
    for home in stage.town.homes:
        if home.point_code in (stage.town.keyless, stage.town.miskeyed):
            assert home.key is not None
            path = f"/api/v1/meters/{home.address.manufacturer}/{home.address.serial}/key"
            stage.hub.call("PUT", path, {"key": home.key.hex()})
    _wait_for_jobs(stage)
    return held - _held(stage.hub)


def _held(hub: HubClient) -> int:
    reasons = hub.call("GET", "/api/v1/quarantine/reasons")
    return sum(reason["frames"] for reason in reasons if reason["reason"] != "damaged")


def _wait_for_jobs(stage: Stage) -> None:
    """Wait until no job waits or runs and no meter is due."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        stage.processes.check()
        jobs = stage.hub.call("GET", "/api/v1/jobs")
        if jobs["failed"]:
            raise DemoFailed(f"background jobs failed: {jobs['failed']}")
        if not jobs["waiting"] and not jobs["running"] and not jobs["meters_due"]:
            return
        time.sleep(0.2)
    raise DemoFailed(f"background jobs do not come to an end: {jobs}")


def _count_hours(stage: Stage) -> int:
    query = {"resolution": "month", "from": stage.town.start.isoformat()}
    return sum(
        month["hours"]
        for home in stage.town.homes
        for month in stage.hub.call("GET", f"/api/v1/metering-points/{home.point_code}/consumption", **query)[
            "values"
        ]
    )


def _bill(stage: Stage, out: Path, progress: Progress) -> dict[str, Any]:
    tariff = json.loads((files("meterhub.billing") / "tariffs_data" / "example-town.json").read_text())
    stage.hub.call("POST", "/api/v1/tariffs", tariff)
    today = datetime.now(UTC).astimezone(stage.town.zone).date()
    run = stage.hub.call(
        "POST",
        "/api/v1/billing/runs",
        {
            "billing_group": "quarterly",
            "period": [first_billed_day(stage.town).isoformat(), today.isoformat()],
            "tariff": tariff["code"],
            "issued_on": today.isoformat(),
        },
    )
    _wait_for_run(stage, run["id"], "calculated", progress)
    approver = log_in(stage.url, APPROVER, stage.password)
    approver.call("POST", f"/api/v1/billing/runs/{run['id']}/approve")
    stage.hub.call("POST", f"/api/v1/billing/runs/{run['id']}/issue")
    state = _wait_for_run(stage, run["id"], "issued", None)
    invoices = list(stage.hub.everything("/api/v1/invoices", run=run["id"]))
    pdf = out / f"invoice-{invoices[0]['number']}.pdf"
    pdf.write_bytes(stage.hub.download(f"/api/v1/invoices/{invoices[0]['number']}/pdf"))
    chain = out / f"explain-{invoices[0]['number']}.txt"  # the command fails if a step does not agree
    chain.write_text(stage.processes.run("explain", "invoice", invoices[0]["number"]))
    return {
        "count": len(invoices),
        "gross_total": str(state["totals"]["gross"]),
        "pdf": str(pdf),
        "number": invoices[0]["number"],
        "explained": str(chain),
    }


def _wait_for_run(stage: Stage, run_id: int, wanted: str, progress: Progress | None) -> dict[str, Any]:
    """Return a billing run when it has come so far, with nothing held back."""
    done = 0
    deadline = time.monotonic() + PATIENCE_S
    while True:
        state: dict[str, Any] = stage.hub.call("GET", f"/api/v1/billing/runs/{run_id}")
        if progress is not None:
            progress.advance(state["accounts_done"] - done)
            done = state["accounts_done"]
        if state["state"] == "failed" or state["holds"]:
            raise DemoFailed(f"the billing run ended as {state['state']} with holds {state['holds'][:3]}")
        if state["state"] == wanted:
            return state
        if time.monotonic() > deadline:
            raise DemoFailed(f"the billing run does not come to be {wanted}: {state}")
        stage.processes.check()
        time.sleep(0.2)


def _compare_alerts(stage: Stage) -> dict[str, int]:
    raised = {(alert["point_code"], alert["kind"]) for alert in stage.hub.everything("/api/v1/alerts")}
    planted = set(stage.town.leaks.items())
    return {
        "planted": len(planted),
        "found": len(planted & raised),
        "false": len([code for code, _ in raised if code not in stage.town.leaks]),
    }
