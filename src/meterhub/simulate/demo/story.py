"""The main job of meterhub in one go: radio, reads, hourly consumption, invoices, leak alerts.

Each step is done as the people of a utility do it: registers and keys are imported, gateways enrolled,
missing keys entered later, bills run and paid, alerts looked at. Nothing reaches into the database.
"""

import secrets
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from meterhub.kit.embedded import EmbeddedPostgres
from meterhub.simulate.demo import billing, money, neighbour
from meterhub.simulate.demo.backfill import backfill
from meterhub.simulate.demo.client import HubClient, log_in, wait_for_hub
from meterhub.simulate.demo.live import LiveRadio, received_by, wait_until_received
from meterhub.simulate.demo.processes import DemoFailed, Processes, free_port
from meterhub.simulate.demo.registers import customer_no, import_document
from meterhub.simulate.demo.stage import APPROVER, PATIENCE_S, USERNAME, Options, Outcome, Progress, Stage
from meterhub.simulate.town import build_town

ZONE = ZoneInfo("Europe/Helsinki")
IBAN = "FI4950009420028730"
ENVIRONMENT = "environment"


def play(options: Options, progress: Progress, after: Callable[[Stage, Outcome], None]) -> Outcome:
    """Run the whole story; `after` gets the stage while everything still runs."""
    outcome = Outcome()
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="meterhub-demo-"))
    folder.chmod(0o755)  # the database's own user has to reach its folder in here
    try:
        with EmbeddedPostgres(folder / "postgres") as server:
            out = options.out.absolute()
            environment = _environment(server.create_database(), folder, out)
            _write_down(environment, options.out / ENVIRONMENT)
            with Processes(options.out / "logs", environment) as processes:
                stage = _set_up(options, processes, folder, progress)
                try:
                    outcome.seconds["setup"] = time.monotonic() - began
                    _hear_the_town(stage, options, outcome, progress)
                    _bill_the_town(stage, options.out, outcome, progress)
                    abroad = environment | {"DATABASE_URL": server.create_database("neighbour")}
                    _bill_abroad(stage, abroad, options.out, outcome, progress)
                    outcome.seconds["total"] = time.monotonic() - began
                    outcome.memory_mb = processes.memory_mb()
                    processes.check()
                    after(stage, outcome)
                finally:
                    stage.radio.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def _environment(database_url: str, folder: Path, out: Path) -> dict[str, str]:
    master = folder / "master-key"
    master.touch(mode=0o600)
    master.write_text(secrets.token_hex(32))
    return {
        "DATABASE_URL": database_url,
        "METERHUB_MASTER_KEY_FILE": str(master),
        "METERHUB_SECURE_COOKIES": "false",
        "METERHUB_ZONE": str(ZONE),
        "METERHUB_UTILITY__NAME": "Mallilan Vesi (demo)",
        "METERHUB_UTILITY__BUSINESS_ID": "7654321-2",
        "METERHUB_UTILITY__IBAN": IBAN,
        "METERHUB_DELIVERY__OUTBOX_DIR": str(out / "outbox"),
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
    now = datetime.now(UTC)
    town = build_town(options.meters, options.days, options.seed, now, ZONE)
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
    approver = log_in(url, APPROVER, password)
    today = now.astimezone(ZONE).date()
    return Stage(url, password, processes, hub, approver, town, gateways, radio, today)


def _hear_the_town(stage: Stage, options: Options, outcome: Outcome, progress: Progress) -> None:
    start = time.monotonic()
    expected = sum(len(home.gateways) for home in stage.town.on_air) * options.days * 24
    billing.take_opening_reads(stage)
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
    outcome.alerts = _compare_alerts(stage)


def _bill_the_town(stage: Stage, out: Path, outcome: Outcome, progress: Progress) -> None:
    start = time.monotonic()
    progress.begin("Billing", len(stage.town.homes))
    billed = billing.bill(stage, progress)
    outcome.estimates = billing.compare_estimates(stage, billed)
    by_customer = {one["customer_no"]: one for one in billed.invoices}
    heard = [by_customer[customer_no(home)] for home in stage.town.on_air]
    credited, partial = heard[1], heard[2]
    note = billing.credit_base_fee(stage, credited)
    written = billing.write_documents(stage, billed.invoices[0], heard[0], out)
    outcome.credit_note = {name: str(note[name]) for name in ("number", "credits", "gross")}
    outcome.einvoices["finvoice"] = written.pop("finvoice")
    gross = str(billed.run["totals"]["gross"])
    run = billed.run["id"]
    outcome.invoices = {"run": run, "count": len(billed.invoices), "gross_total": gross, **written}
    outcome.seconds["billing"] = time.monotonic() - start
    start = time.monotonic()
    progress.begin("Importing what the bank tells", 1)
    outcome.payments = money.pay(stage, billed.invoices, partial, IBAN, out)
    documents = [*billed.invoices, *billed.true_ups, note]
    total = sum((Decimal(one["gross"]) for one in documents), money.ZERO)
    outcome.balances = money.balances(stage, total, Decimal(outcome.payments["matched"]))
    outcome.seconds["payments"] = time.monotonic() - start
    start = time.monotonic()
    progress.begin("Computing every document again, and asking the doctor", 1)
    _wait_for_jobs(stage)
    outcome.checks = money.check_everything(stage, len(documents))
    outcome.seconds["checks"] = time.monotonic() - start


def _bill_abroad(
    stage: Stage, environment: dict[str, str], out: Path, outcome: Outcome, progress: Progress
) -> None:
    start = time.monotonic()
    progress.begin("Billing a connection in a Norwegian neighbour's hub", 1)
    with Processes(out / "logs", environment | neighbour.ENVIRONMENT) as processes:
        outcome.einvoices["ehf"] = str(neighbour.ehf_invoice(processes, stage.password, stage.today, out))
    outcome.seconds["neighbour"] = time.monotonic() - start


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


def _compare_alerts(stage: Stage) -> dict[str, int]:
    raised = {(alert["point_code"], alert["kind"]) for alert in stage.hub.everything("/api/v1/alerts")}
    planted = set(stage.town.leaks.items())
    return {
        "planted": len(planted),
        "found": len(planted & raised),
        "false": len([code for code, _ in raised if code not in stage.town.leaks]),
    }
