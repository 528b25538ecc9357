"""Background jobs of billing, by the names under which they are queued."""

from collections.abc import Callable

from sqlalchemy import Engine

from meterhub.billing.runs import execution
from meterhub.settings import Settings

RUN = "billing.run"


def run_billing(engine: Engine, settings: Settings, run_id: int) -> None:
    """Carry out a billing run, or what is left of it."""
    execution.carry_out(engine, settings, run_id)


TASKS: dict[str, Callable[..., None]] = {RUN: run_billing}
