"""Background jobs of billing, by the names under which they are queued."""

from collections.abc import Callable

from sqlalchemy import Engine

from meterhub.billing.runs import execution
from meterhub.billing.runs.life import RUN
from meterhub.billing.whatif import service as what_ifs
from meterhub.settings import Settings


def run_billing(engine: Engine, settings: Settings, run_id: int) -> None:
    """Calculate or issue a billing run, or what is left of it."""
    execution.carry_out(engine, settings, run_id)


def try_price_list(engine: Engine, settings: Settings, what_if_id: int) -> None:
    """Carry out a what-if."""
    what_ifs.carry_out(engine, settings, what_if_id)


TASKS: dict[str, Callable[..., None]] = {RUN: run_billing, what_ifs.TASK: try_price_list}
