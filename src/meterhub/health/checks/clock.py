"""Hub, database and gateways agree on what time it is."""

from collections.abc import Iterator

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, fail, ok, warn
from meterhub.kit.clock import utc_now

WARN_S, FAIL_S = 2.0, 30.0
# analytics of reads: over two minutes a time is suspect
GATEWAY_WARN_S = 120.0
_GATEWAYS = text(
    "SELECT g.name, s.clock_ahead_s FROM gateway_state s JOIN gateway g ON g.id = s.gateway_id "
    "WHERE abs(s.clock_ahead_s) > :limit ORDER BY abs(s.clock_ahead_s) DESC LIMIT 5"
)


def check(patient: Patient) -> Iterator[Finding]:
    """Compare clocks."""
    asked = utc_now()
    there = patient.connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    ahead = (there - asked - (utc_now() - asked) / 2).total_seconds()
    said = f"the database's clock is {abs(ahead):.1f} s {'ahead' if ahead > 0 else 'behind'}"
    todo = "Have both machines follow network time."
    if abs(ahead) > FAIL_S:
        yield fail(said, todo)
    elif abs(ahead) > WARN_S:
        yield warn(said, todo)
    else:
        yield ok("hub and database agree on the time")
    for row in patient.connection.execute(_GATEWAYS, {"limit": GATEWAY_WARN_S}):
        yield warn(
            f"the clock of gateway {row.name} is off by {abs(row.clock_ahead_s):.0f} s",
            "Have it follow network time.",
        )
