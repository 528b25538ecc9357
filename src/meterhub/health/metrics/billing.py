"""Billing runs that are under way or failed."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_billing_runs", "Billing runs by state.", ("state",)),
    Family("meterhub_billing_run_accounts", "Accounts in runs that are not finished: done, left.", ("progress",)),
)

_RUNS = text(
    "SELECT state, count(*) AS runs, coalesce(sum(accounts_total), 0) AS total, "
    "coalesce(sum(accounts_done), 0) AS done FROM billing_run GROUP BY state"
)
UNDER_WAY = ("queued", "running", "issuing")


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield runs by state, and how far those go that are under way."""
    runs = {row.state: row for row in connection.execute(_RUNS)}
    for state in sorted({*runs, *UNDER_WAY, "failed"}):
        yield Sample("meterhub_billing_runs", runs[state].runs if state in runs else 0, (state,))
    open_runs = [runs[state] for state in UNDER_WAY if state in runs]
    done = sum(row.done for row in open_runs)
    yield Sample("meterhub_billing_run_accounts", done, ("done",))
    yield Sample("meterhub_billing_run_accounts", sum(row.total for row in open_runs) - done, ("left",))
