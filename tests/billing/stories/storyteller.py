"""Plays a customer's story on a hub: a folder with `story.json` and the files that it sends, documents out.

A step is a day, a person and a request; what an answer holds can be kept under a name for later steps as
`{name}`. After each step the worker's queue is emptied. What came of it is told as text: `documents.txt` and
`accounts.txt`, which a reader can check against the price list by hand.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine

from meterhub.app import create_app
from meterhub.jobs.queue_app import make_queue
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings
from tests.api.hub import MASTER_KEY, Hub

ROLES = dict.fromkeys(("clerk", "colleague", "chief"), ("billing",))
NOON = time(12, tzinfo=UTC)


class Failed(Exception):
    """A step was answered otherwise than the story says."""


@dataclass
class Stage:
    """A hub on which time goes by as the story tells."""

    engine: Engine
    settings: Settings
    now: datetime = datetime(2020, 1, 1, 12, tzinfo=UTC)
    kept: dict[str, str] = field(default_factory=dict)
    people: dict[str, TestClient] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hub = Hub(self.engine, create_app(self.engine, self.settings, clock=self.clock))

    def clock(self) -> datetime:
        return self.now

    def person(self, name: str) -> TestClient:
        if name == "nobody":
            return self.hub.client()
        if name not in self.people:
            self.people[name] = self.hub.client(*ROLES[name])
        return self.people[name]


def play(engine: Engine, folder: Path) -> dict[str, str]:
    """Play the story of a folder; return the texts that tell what came of it, by file name."""
    story = json.loads((folder / "story.json").read_text())
    stage = Stage(engine, Settings(master_key=MASTER_KEY.hex(), secure_cookies=False, **story.get("hub", {})))
    for number, step in enumerate(story["steps"], start=1):
        if "on" in step:
            stage.now = datetime.combine(date.fromisoformat(step["on"]), NOON)
        try:
            _take(stage, folder, step)
        except Failed as failed:
            raise Failed(f"step {number} ({step.get('why', step.get('send', ''))}): {failed}") from None
        _work(stage)
    return {"documents.txt": "\n".join(_documents(stage)), "accounts.txt": "\n".join(_accounts(stage))}


def _take(stage: Stage, folder: Path, step: dict[str, Any]) -> None:
    if "reads" in step:
        _send_reads(stage, (folder / step["reads"]).read_text())
        return
    step = _with_kept(step, stage.kept)
    method, path = step["send"].split(" ", 1)
    client = stage.person(step.get("by", "clerk"))
    if "file" in step:
        answer = client.request(
            method, path, content=(folder / step["file"]).read_bytes(), headers=step.get("headers")
        )
    else:
        body = json.loads((folder / step["json"]).read_text()) if "json" in step else step.get("body")
        answer = client.request(method, path, json=body)
    expected = step.get("expect")
    if answer.status_code != expected if expected else answer.is_error:
        raise Failed(f"{method} {path}: {answer.status_code} {answer.text[:2000]}")
    for name, where in step.get("keep", {}).items():
        stage.kept[name] = str(_at(answer.json(), where))
    for where, value in step.get("check", {}).items():
        found = _at(answer.json(), where)
        if found != value:
            raise Failed(f"{method} {path}: {where} is {found!r}, the story says {value!r}")


def _send_reads(stage: Stage, table: str) -> None:
    """Take manual reads at local midnight: `on,point,volume_m3,source` a line."""
    for line in table.split("\n")[1:]:
        if not line.strip():
            continue
        on, point, volume, source = line.split(",")
        at = datetime.combine(date.fromisoformat(on), time(0), stage.settings.tz)
        stage.now = max(stage.now, datetime.combine(at.date(), NOON))
        answer = stage.person("clerk").post(
            f"/api/v1/metering-points/{point}/reads",
            json={"at": at.isoformat(), "volume_m3": volume, "source": source},
        )
        if answer.is_error:
            raise Failed(f"read {line!r}: {answer.status_code} {answer.text}")


def _with_kept(value: Any, kept: dict[str, str]) -> Any:
    if isinstance(value, str):
        exact = re.fullmatch(r"\{(\w+)\}", value)
        if exact and exact[1] in kept and kept[exact[1]].isdigit():
            return int(kept[exact[1]])
        return re.sub(r"\{(\w+)\}", lambda found: kept.get(found[1], found[0]), value)
    if isinstance(value, dict):
        return {key: _with_kept(one, kept) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_kept(one, kept) for one in value]
    return value


def _at(value: Any, where: str) -> Any:
    """Look up `/items/0/number`."""
    for part in where.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def _work(stage: Stage) -> None:
    """Empty the queue; hours alone can wait, bills rest on reads."""
    waiting = "SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND task_name <> :hours"
    if not stage.hub.rows(waiting, hours=ROLL_UP):
        return

    async def empty_queue() -> None:
        queue = make_queue(stage.engine, stage.settings, stage.clock)
        queue.periodic_registry.periodic_tasks.clear()  # only what the story's own steps ask for
        async with queue.open_async():
            await queue.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")

    asyncio.run(empty_queue())


def _documents(stage: Stage) -> Iterator[str]:
    """Tell every issued document in full."""
    rows = stage.hub.rows(
        "SELECT i.id, i.number, i.type, i.kind, u.name, lower(i.period) AS starts, upper(i.period) AS ends,"
        " issued_on, due_on, currency, net, vat, gross FROM invoice i"
        " JOIN customer u ON u.id = i.customer_id ORDER BY i.id"
    )
    for row in rows:
        yield f"{row['type']} {row['number']} ({row['kind']}) to {row['name']}"
        if row["starts"]:
            yield f"  period {row['starts']} to {row['ends']}, issued {row['issued_on']}, due {row['due_on']}"
        else:
            yield f"  issued {row['issued_on']}, due {row['due_on']}"
        lines = stage.hub.rows(
            "SELECT component, lower(period) AS starts, upper(period) AS ends, quantity, unit, unit_price, net,"
            " vat_rate, quality, refers_to FROM invoice_line WHERE invoice_id = :id ORDER BY position",
            id=row["id"],
        )
        for line in lines:
            span = f"{line['starts']}..{line['ends']}" if line["starts"] else "-"
            words = [word for word in (line["quality"], line["refers_to"] and f"from {line['refers_to']}") if word]
            yield (
                f"  {line['component']:<18} {span:<24} {line['quantity']:>10} {line['unit']:<4}"
                f" x {line['unit_price']:>10} = {line['net']:>10}  VAT {line['vat_rate']} %"
                f"{'  ' + ', '.join(words) if words else ''}"
            )
        groups = stage.hub.rows(
            "SELECT category, rate, base, vat FROM invoice_vat WHERE invoice_id = :id ORDER BY category, rate",
            id=row["id"],
        )
        for group in groups:
            yield f"  VAT {group['category']} {group['rate']} % of {group['base']} = {group['vat']}"
        yield f"  net {row['net']}, VAT {row['vat']}, gross {row['gross']} {row['currency']}"
        yield ""


def _accounts(stage: Stage) -> Iterator[str]:
    """Tell each customer's account, entry by entry, with the balance after each."""
    rows = stage.hub.rows(
        "SELECT u.name, e.booked_on, e.kind, i.number, e.amount,"
        " sum(e.amount) OVER (PARTITION BY e.customer_id ORDER BY e.id) AS balance"
        " FROM ledger_entry e JOIN customer u ON u.id = e.customer_id LEFT JOIN invoice i ON i.id = e.invoice_id"
        " ORDER BY u.name, e.id"
    )
    name = None
    for row in rows:
        if row["name"] != name:
            name = row["name"]
            yield f"{name}"
        what = f"{row['kind']} {row['number'] or ''}".strip()
        yield f"  {row['booked_on']}  {what:<30} {row['amount']:>10}  balance {row['balance']:>10}"
