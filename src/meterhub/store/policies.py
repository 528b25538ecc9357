"""On TimescaleDB: columnstore compression, daily sums and retention as policies that the database carries out."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from meterhub.settings import Retention

# Compressed later than late reads usually come; reads of the last month are read again and again.
COMPRESS_AFTER = {"hourly_volume": 40, "register_read": 40}
LAYOUT = {"hourly_volume": ("meter_id", "hour"), "register_read": ("meter_id", "at, id")}
# How far back late reads still reach the sums of days [days]; older ones need a refresh by hand.
REFRESH_DAYS = 60


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as it shall be: what it does to which table, and from which age on."""

    procedure: str
    table: str
    age: str


def wanted(retention: Retention) -> list[Policy]:
    """Return the policies that belong to a database with these settings."""
    compress = [Policy("policy_compression", table, f"{days} days") for table, days in COMPRESS_AFTER.items()]
    daily = Policy("policy_refresh_continuous_aggregate", "daily_volume", f"{REFRESH_DAYS} days")
    if not retention.enforce:
        return [*compress, daily]
    return [
        *compress,
        daily,
        Policy("policy_retention", "raw_frame", f"{retention.raw_frame_days} days"),
        Policy("policy_retention", "frame_heard", f"{retention.raw_frame_days} days"),
        Policy("policy_retention", "hourly_volume", f"{retention.hourly_months} months"),
        Policy("policy_retention", "daily_volume", f"{retention.daily_months} months"),
    ]


def ensure(connection: Connection, retention: Retention) -> list[Policy]:
    """Make the policies anew that are missing or have another age; return those."""
    for table, (segment, order) in LAYOUT.items():
        enabled = connection.execute(
            text(
                "SELECT compression_enabled FROM timescaledb_information.hypertables "
                "WHERE hypertable_name = :table"
            ),
            {"table": table},
        ).scalar_one()
        if not enabled:
            connection.exec_driver_sql(
                f"ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segment}', "
                f"timescaledb.compress_orderby = '{order}')"
            )
    there = {(policy.procedure, policy.table): policy for policy in present(connection)}
    goal = {(policy.procedure, policy.table): policy for policy in wanted(retention)}
    for key in there.keys() - goal.keys():
        _remove(connection, there[key])
    changed = [policy for key, policy in goal.items() if there.get(key) != policy]
    for policy in changed:
        if (policy.procedure, policy.table) in there:
            _remove(connection, policy)
        _add(connection, policy)
    return changed


def present(connection: Connection) -> list[Policy]:
    """Return the policies that the database has."""
    query = text(
        """
        SELECT j.proc_name AS procedure, coalesce(c.view_name, j.hypertable_name) AS table,
               CASE WHEN age < interval '1 month' OR date_part('day', age) > 0
                    THEN date_part('day', age) || ' days'
                    ELSE 12 * date_part('year', age) + date_part('month', age) || ' months' END AS age
        FROM timescaledb_information.jobs j
        CROSS JOIN LATERAL (
            SELECT coalesce(j.config ->> 'compress_after', j.config ->> 'drop_after',
                            j.config ->> 'start_offset')
        ) AS configured (value)
        CROSS JOIN LATERAL CAST(configured.value AS interval) AS age
        LEFT JOIN timescaledb_information.continuous_aggregates c
            ON c.materialization_hypertable_name = j.hypertable_name OR c.view_name = j.hypertable_name
        WHERE j.proc_name = ANY(:procedures)
        """
    )
    procedures = ["policy_compression", "policy_retention", "policy_refresh_continuous_aggregate"]
    return [Policy(*row) for row in connection.execute(query, {"procedures": procedures})]


def _add(connection: Connection, policy: Policy) -> None:
    calls = {
        "policy_compression": "add_compression_policy('{0}', compress_after => INTERVAL '{1}')",
        "policy_retention": "add_retention_policy('{0}', drop_after => INTERVAL '{1}')",
        "policy_refresh_continuous_aggregate": (
            "add_continuous_aggregate_policy('{0}', start_offset => INTERVAL '{1}', "
            "end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')"
        ),
    }
    connection.exec_driver_sql("SELECT " + calls[policy.procedure].format(policy.table, policy.age))


def _remove(connection: Connection, policy: Policy) -> None:
    calls = {
        "policy_compression": "remove_compression_policy('{0}')",
        "policy_retention": "remove_retention_policy('{0}')",
        "policy_refresh_continuous_aggregate": "remove_continuous_aggregate_policy('{0}')",
    }
    connection.exec_driver_sql("SELECT " + calls[policy.procedure].format(policy.table))
