"""When the next step is lawful; pure. Waiting times come from dated rules, never from code."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple


class Step(StrEnum):
    """What can happen to a receivable or a contract."""

    REMINDER_1 = "reminder_1"
    REMINDER_2 = "reminder_2"
    COLLECTION = "collection"
    TAKEN_BACK = "taken_back"
    WARNING = "disconnection_warning"
    HARDSHIP = "hardship"
    ORDER = "disconnection_order"
    DISCONNECTED = "disconnected"
    RECONNECTED = "reconnected"
    WITHDRAWN = "withdrawn"


# What begins the course anew.
_ENDS = (Step.TAKEN_BACK, Step.RECONNECTED, Step.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class DunningRules:
    """Waiting times of a country; None where closing the water has no known lawful course."""

    reminder_days: int
    reminders: int
    again_days: int
    collection_days: int
    disconnection_weeks: int | None
    hardship_weeks: int | None


class Happened(NamedTuple):
    """A step that was taken."""

    step: str
    on: date


@lru_cache(maxsize=8)
def rules_of(country: str) -> DunningRules:
    """Return the waiting times of a country."""
    given = data("rules.json")[country]
    return DunningRules(**{name: given[name] for name in DunningRules.__slots__})


def data(name: str) -> Any:
    """Return a file of this package's dated data."""
    file = resources.files("meterhub.billing.dunning") / "data" / name
    return json.loads(file.read_text(encoding="utf-8"))


def current(events: Sequence[Happened]) -> dict[str, date]:
    """Return the steps of the running course with their days; what came before a fresh start is left out."""
    steps: dict[str, date] = {}
    for event in events:
        if event.step in _ENDS:
            steps.clear()
        else:
            steps[event.step] = event.on
    return steps


def round_of(events: Sequence[Happened]) -> int:
    """Return how many courses have ended."""
    return sum(event.step in _ENDS for event in events)


def next_step(due_on: date, events: Sequence[Happened], as_of: date, rules: DunningRules) -> Step | None:
    """Return what may be done about an open receivable on a day; None while it has to wait.

    A claim that came back from collection has had its reminders; it is handed over again by a person only.
    """
    if any(event.step == Step.TAKEN_BACK for event in events):
        return None
    steps = current(events)
    if Step.COLLECTION in steps:
        return None
    reminded = [steps[step] for step in (Step.REMINDER_1, Step.REMINDER_2) if step in steps]
    if not reminded:
        return Step.REMINDER_1 if as_of >= due_on + timedelta(days=rules.reminder_days) else None
    last = max(reminded)
    if rules.reminders > 1 and Step.REMINDER_2 not in steps:
        return Step.REMINDER_2 if as_of >= last + timedelta(days=rules.again_days) else None
    return Step.COLLECTION if as_of >= last + timedelta(days=rules.collection_days) else None


def acts_on(warned_on: date, rules: DunningRules, *, hardship: bool) -> date | None:
    """Return the first day on which the water may be closed; None where no course is known to be lawful."""
    weeks = rules.hardship_weeks if hardship else rules.disconnection_weeks
    return None if weeks is None else warned_on + timedelta(weeks=weeks)


def fee_on(fees: Sequence[Mapping[str, Any]], customer_kind: str, step: str, on: date) -> str | None:
    """Return the fee of a step for a kind of customer: the last one in force on a day; None without one.

    Of several from one day the last given counts, so that a stored row corrects a shipped one.
    """
    known = [
        fee
        for fee in fees
        if fee["customer_kind"] == customer_kind and fee["step"] == step and fee["valid_from"] <= on.isoformat()
    ]
    return (
        str(max(enumerate(known), key=lambda one: (one[1]["valid_from"], one[0]))[1]["amount"]) if known else None
    )
