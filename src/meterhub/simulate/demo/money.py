"""The town pays: a bank file for most invoices, balances that have to agree with it, and checks of everything."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from meterhub.simulate.demo.bank import Paid, notification
from meterhub.simulate.demo.processes import DemoFailed
from meterhub.simulate.demo.registers import customer_no
from meterhub.simulate.demo.stage import Stage, agree

ZERO = Decimal("0.00")
# A right reference number that the hub never gave out.
UNKNOWN_REFERENCE = "1234561"
UNKNOWN_AMOUNT = Decimal("47.11")
ONE_FORGETS = 20
Json = dict[str, Any]  # Any: what the hub answers


def pay(stage: Stage, invoices: Sequence[Json], partial: Json, iban: str, out: Path) -> Json:
    """Import what the bank tells: most pay all, one in twenty nothing, one half, and one is not known."""
    half = (Decimal(partial["gross"]) / 2).quantize(ZERO)
    others = [one for one in invoices if one["number"] != partial["number"]]
    known = [
        Paid(one["customer_name"], Decimal(one["gross"]), one["reference"])
        for number, one in enumerate(others, start=1)
        if number % ONE_FORGETS
    ]
    known.append(Paid(partial["customer_name"], half, partial["reference"]))
    stranger = Paid("Tuntematon Maksaja", UNKNOWN_AMOUNT, UNKNOWN_REFERENCE)
    file = out / "payments-camt054.xml"
    file.write_bytes(notification([*known, stranger], iban, stage.today))
    report = stage.hub.upload("/api/v1/payments/files", file)
    matched = sum((one.amount for one in known), ZERO)
    agree("payments matched", report["matched_count"], len(known))
    agree("sum of payments matched", Decimal(report["matched"]), matched)
    waiting = list(stage.hub.everything("/api/v1/payments/unmatched"))
    agree(
        "payments in the queue",
        [(one["reference"], one["amount"]) for one in waiting],
        [(UNKNOWN_REFERENCE, str(UNKNOWN_AMOUNT))],
    )
    agree("the same file again", stage.hub.upload("/api/v1/payments/files", file)["already"], expected=True)
    return {
        "file": str(file),
        "count": report["count"],
        "total": report["total"],
        "matched_count": report["matched_count"],
        "matched": report["matched"],
        "waiting_count": report["waiting_count"],
        "waiting": report["waiting"],
        "partial": {**{name: partial[name] for name in ("number", "customer_no", "gross")}, "paid": str(half)},
    }


def balances(stage: Stage, billed: Decimal, paid: Decimal) -> dict[str, str]:
    """Return the sums of all accounts; the ledger has to come to what was billed less what was paid."""
    balance, still_open = ZERO, ZERO
    for home in stage.town.homes:
        account = stage.hub.call("GET", f"/api/v1/accounts/{customer_no(home)}")
        entries = sum((Decimal(entry["amount"]) for entry in account["entries"]), ZERO)
        agree(f"balance of {customer_no(home)}", Decimal(account["balance"]), entries)
        balance += entries
        still_open += sum((Decimal(item["open_amount"]) for item in account["open_items"]), ZERO)
    agree("sum of the ledger", balance, billed - paid)
    return {
        "billed": str(billed),
        "paid": str(paid),
        "open": str(still_open),
        "credit": str(still_open - balance),
        "balance": str(balance),
    }


def check_everything(stage: Stage, documents: int) -> Json:
    """Have every document computed again and the installation examined; faults end the demo, warnings are told."""
    audit = json.loads(stage.processes.run("bill", "audit", "--json"))  # fails on a fault
    agree("documents computed again", audit["documents"], documents)
    lines = stage.processes.run("doctor", "--json", accept=(0, 1, 2)).splitlines()
    found = [json.loads(line) for line in lines]
    broken = [f"{one['subject']}: {one['said']}" for one in found if one["level"] == "fail"]
    if broken:
        raise DemoFailed(f"`meterhub doctor` finds faults: {'; '.join(broken)}")
    warnings = [f"{one['subject']}: {one['said']}" for one in found if one["level"] == "warn"]
    return {"documents": audit["documents"], "findings": len(found), "faults": 0, "warnings": warnings}
