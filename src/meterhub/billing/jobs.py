"""Background jobs of billing, by the names under which they are queued."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from meterhub.billing.dunning import reminders
from meterhub.billing.dunning.steps import Step
from meterhub.billing.runs import execution
from meterhub.billing.runs.life import RUN
from meterhub.billing.whatif import service as what_ifs
from meterhub.settings import Settings

WHAT_IF = what_ifs.TASK
PROPOSE = "billing.propose_dunning"


def run_billing(engine: Engine, settings: Settings, run_id: int) -> None:
    """Calculate or issue a billing run, or what is left of it."""
    execution.carry_out(engine, settings, run_id)


def try_price_list(engine: Engine, settings: Settings, what_if_id: int) -> None:
    """Carry out a what-if."""
    what_ifs.carry_out(engine, settings, what_if_id)


def propose_dunning(engine: Engine, settings: Settings, now: datetime) -> dict[str, int]:
    """Count what is due today: reminders, claims for collection, and what is held back; nothing is done."""
    today = now.astimezone(settings.tz).date()
    with engine.connect() as connection:
        due = reminders.propose(connection, settings, today)
        handed = reminders.propose(connection, settings, today, (Step.COLLECTION,))
    return {
        "reminders": len(due.steps),
        "collection": len(handed.steps),
        "held_back": len(due.held_back) + len(handed.held_back),
    }


TASKS: dict[str, Callable[..., None]] = {RUN: run_billing, WHAT_IF: try_price_list}
