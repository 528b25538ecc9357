"""The town is billed: everybody by a run, homes without radio on estimates that their own reads true up."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from meterhub.simulate.demo.processes import DemoFailed
from meterhub.simulate.demo.registers import contract_no, first_billed_day, silent_homes
from meterhub.simulate.demo.stage import PATIENCE_S, Progress, Stage, agree
from meterhub.simulate.town import Home, Town

ML_PER_M3 = 1_000_000
ONE_DAY = timedelta(days=1)
# Somebody has looked at every read that trues up: homes differ from what was agreed on, and are left for weeks.
LOOKED_AT = ("implausible_volume", "sudden_zero", "large_credit")
Json = dict[str, Any]  # Any: what the hub answers


@dataclass(frozen=True, slots=True)
class Billed:
    """All documents of the town: the run of everybody, and those that true estimates up."""

    run: Json
    invoices: list[Json]
    true_ups: list[Json]


def take_opening_reads(stage: Stage) -> None:
    """Enter what somebody read, on the first billed day, at meters that nobody hears."""
    midnight = _midnight(first_billed_day(stage.town), stage.town)
    for home in silent_homes(stage.town):
        read = {"at": midnight.isoformat(), "volume_m3": str(_register_m3(home, midnight)), "source": "utility"}
        stage.hub.call("POST", f"/api/v1/metering-points/{home.point_code}/reads", read)


def bill(stage: Stage, progress: Progress) -> Billed:
    """Bill everybody up to yesterday; then have customers report their registers, and bill them up to today."""
    tariff = json.loads((files("meterhub.billing") / "tariffs_data" / "example-town.json").read_text())
    stage.hub.call("POST", "/api/v1/tariffs", tariff)
    today = stage.today
    yesterday = today - ONE_DAY
    run = _run(
        stage,
        {
            "billing_group": "quarterly",
            "period": [first_billed_day(stage.town).isoformat(), yesterday.isoformat()],
            "tariff": tariff["code"],
            "issued_on": yesterday.isoformat(),
        },
        progress,
    )
    invoices = list(stage.hub.everything("/api/v1/invoices", run=run["id"]))
    agree("invoices of the run", len(invoices), len(stage.town.homes))
    _report_registers(stage, today)
    true_up = _run(
        stage,
        {
            "kind": "contracts",
            "contracts": [contract_no(home) for home in silent_homes(stage.town)],
            "period": [yesterday.isoformat(), today.isoformat()],
            "tariff": tariff["code"],
            "issued_on": today.isoformat(),
            "holds": dict.fromkeys(LOOKED_AT),
        },
        None,
    )
    return Billed(run, invoices, list(stage.hub.everything("/api/v1/invoices", run=true_up["id"])))


def compare_estimates(stage: Stage, billed: Billed) -> Json:
    """Return what was estimated and what was read; all that was billed has to come to the registers."""
    estimated, after, read = Decimal(0), Decimal(0), Decimal(0)
    contracts = {contract_no(home) for home in silent_homes(stage.town)}
    for document in (*billed.invoices, *billed.true_ups):
        if document["contract_no"] in contracts:
            lines = stage.hub.call("GET", f"/api/v1/invoices/{document['number']}")["lines"]
            volume = _sum(line["quantity"] for line in lines if line["component"] == "WATER")
            after += volume
            estimated += volume if document in billed.invoices else 0
    start, end = _midnight(first_billed_day(stage.town), stage.town), _midnight(stage.today, stage.town)
    for home in silent_homes(stage.town):
        read += _register_m3(home, end) - _register_m3(home, start)
    agree("water billed to homes that are not heard [m³]", after, read)
    return {
        "homes": len(contracts),
        "estimated_m3": str(estimated),
        "read_m3": str(read),
        "true_ups": {one["number"]: one["gross"] for one in reversed(billed.true_ups)},
    }


def credit_base_fee(stage: Stage, invoice: Json) -> Json:
    """Return one customer's base fees, because the water was shut off; the note mirrors the lines."""
    number = invoice["number"]
    lines = stage.hub.call("GET", f"/api/v1/invoices/{number}")["lines"]
    fees = [line["position"] for line in lines if line["component"].startswith("BASE_")]
    body = {"reason": "The water was shut off during works in the street", "lines": fees}
    preview = stage.hub.call("POST", f"/api/v1/invoices/{number}/credits/preview", body)
    issued: Json = stage.hub.call("POST", f"/api/v1/invoices/{number}/credits", body)
    net = _sum(line["net"] for line in lines if line["position"] in fees)
    agree(f"net of credit note {issued['number']}", Decimal(preview["net"]), -net)
    agree(f"gross of credit note {issued['number']}", issued["gross"], preview["gross"])
    return issued


def write_documents(stage: Stage, invoice: Json, finvoice: Json, out: Path) -> dict[str, str]:
    """Write an invoice as PDF, how it was computed down to the frames, and another as Finvoice."""
    number, electronic = invoice["number"], finvoice["number"]
    pdf = out / f"invoice-{number}.pdf"
    pdf.write_bytes(stage.hub.download(f"/api/v1/invoices/{number}/pdf"))
    chain = out / f"explain-{number}.txt"  # the command fails if a step does not agree
    chain.write_text(stage.processes.run("explain", "invoice", number))
    xml = out / f"finvoice-{electronic}.xml"
    xml.write_bytes(stage.hub.download(f"/api/v1/invoices/{electronic}/finvoice"))
    return {"number": number, "pdf": str(pdf), "explained": str(chain), "finvoice": str(xml)}


def _report_registers(stage: Stage, today: date) -> None:
    """Ask those whose meters were not heard lately, and enter what they tell."""
    campaign = {
        "name": "Meters without radio",
        "asked_on": today.isoformat(),
        "due_on": (today + 14 * ONE_DAY).isoformat(),
        "unread_days": 3,
    }
    asked = stage.hub.call("POST", "/api/v1/billing/self-readings/campaigns", campaign)["asked"]
    homes = silent_homes(stage.town)
    agree("homes that were asked for a read", asked, len(homes))
    for home in homes:
        told = {
            "contract_no": contract_no(home),
            "read_on": today.isoformat(),
            "volume_m3": str(_register_m3(home, _midnight(today, stage.town))),
            "confirmed": True,
        }
        report = stage.hub.call("POST", "/api/v1/billing/self-readings/reports", told)
        if not report["taken"]:
            raise DemoFailed(f"the read that {told['contract_no']} reported was not taken: {report['verdict']}")


def _run(stage: Stage, request: Json, progress: Progress | None) -> Json:
    """Carry a billing run to its end: calculated, approved by a second person, issued."""
    run = stage.hub.call("POST", "/api/v1/billing/runs", request)
    _wait_for_run(stage, run["id"], "calculated", progress)
    stage.approver.call("POST", f"/api/v1/billing/runs/{run['id']}/approve")
    stage.hub.call("POST", f"/api/v1/billing/runs/{run['id']}/issue")
    return _wait_for_run(stage, run["id"], "issued", None)


def _wait_for_run(stage: Stage, run_id: int, wanted: str, progress: Progress | None) -> Json:
    """Return a billing run when it has come so far, with nothing held back."""
    done = 0
    deadline = time.monotonic() + PATIENCE_S
    while True:
        state: Json = stage.hub.call("GET", f"/api/v1/billing/runs/{run_id}")
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


def _midnight(day: date, town: Town) -> datetime:
    return datetime.combine(day, clock_time(), town.zone)


def _register_m3(home: Home, at: datetime) -> Decimal:
    return Decimal(home.household.register_ml(at)) / ML_PER_M3


def _sum(amounts: Iterable[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal(0))
