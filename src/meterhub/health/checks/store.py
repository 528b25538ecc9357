"""Large tables: months ahead, final months sealed, policies carried out, nothing past its retention."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok, warn
from meterhub.store import policies
from meterhub.store.backend import uses_timescale
from meterhub.store.months import months_ahead
from meterhub.store.parts import HOURLY_DAY, PARTITIONED, parts
from meterhub.store.retention import overdue
from meterhub.store.sealing import SEAL_AFTER

SEAL_GRACE = timedelta(days=3)
ROWS_CAUGHT = 100_000
MAINTAIN = "Run meterhub store maintain, and see in the worker's log why it has not."
_POLICY_FAILURES = text(
    "SELECT j.proc_name, j.hypertable_name FROM timescaledb_information.job_stats s "
    "JOIN timescaledb_information.jobs j USING (job_id) WHERE s.last_run_status = 'Failed'"
)


def check(patient: Patient) -> Iterator[Finding]:
    """Look at partitions or policies, and at retention."""
    yield from _policies(patient) if uses_timescale(patient.connection) else _partitions(patient)
    late = overdue(patient.connection, patient.settings.retention, patient.now)
    if not late:
        yield ok("nothing is past its retention")
    for table, by in late.items():
        yield warn(
            f"{table} holds data that is {by.days} days past its retention",
            "meterhub store expire lists it, METERHUB_RETENTION__ENFORCE=true has it dropped."
            if not patient.settings.retention.enforce
            else MAINTAIN,
        )


def _partitions(patient: Patient) -> Iterator[Finding]:
    ahead = months_ahead(patient.connection, patient.now)
    if ahead == 0:
        yield fail("next month has no partitions", MAINTAIN)
    elif ahead == 1:
        yield warn("partitions are made for one month ahead only", MAINTAIN)
    else:
        yield ok(f"partitions are made for {ahead} months ahead")
    for kept in PARTITIONED:
        query = text(f"SELECT count(*) FROM (SELECT FROM store.{kept.table}_default LIMIT {ROWS_CAUGHT + 1}) r")  # noqa: S608 - our own names
        if patient.connection.execute(query).scalar_one() > ROWS_CAUGHT:
            yield warn(
                f"over {ROWS_CAUGHT} rows of {kept.table} lie in no month",
                f"{MAINTAIN} What stays there has impossible times: look at gateways' clocks.",
            )
    sealed = set(patient.connection.execute(text("SELECT part FROM store_sealed")).scalars())
    due = [
        part.name
        for part in parts(patient.connection, HOURLY_DAY)
        if part.end + SEAL_AFTER + SEAL_GRACE <= patient.now and part.name not in sealed
    ]
    if due:
        yield warn(f"{len(due)} months of hours are final and not sealed, the first is {due[0]}", MAINTAIN)


def _policies(patient: Patient) -> Iterator[Finding]:
    there = set(policies.present(patient.connection))
    missing = [policy for policy in policies.wanted(patient.settings.retention) if policy not in there]
    for policy in missing:
        yield warn(f"{policy.table} lacks its {policy.procedure} of {policy.age}", MAINTAIN)
    for row in patient.connection.execute(_POLICY_FAILURES):
        yield warn(
            f"the last {row.proc_name} of {row.hypertable_name} failed",
            "The database's log says why.",
        )
    if not missing:
        yield ok("compression, daily sums and retention are set up in the database")
