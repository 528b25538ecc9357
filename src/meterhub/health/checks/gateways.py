"""Gateways are heard from, and what they heard does not pile up there."""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import text

from meterhub.health.checks import Finding, Patient, ok, warn
from meterhub.health.silence import SILENT_GATEWAY

SHOWN = 5
WAITED_LONG = timedelta(hours=6)
_GATEWAYS = text(
    "SELECT g.name, g.last_seen_at, s.spool_oldest_at, s.trouble FROM gateway g "
    "LEFT JOIN gateway_state s ON s.gateway_id = g.id ORDER BY g.last_seen_at NULLS FIRST"
)


def check(patient: Patient) -> Iterator[Finding]:
    """Look for silent gateways, and for those that do not keep up."""
    rows = patient.connection.execute(_GATEWAYS).all()
    if not rows:
        yield warn("no gateway is enrolled", "Enrol one; see docs/gateway.md.")
        return
    since = patient.now - SILENT_GATEWAY
    silent = [row.name for row in rows if row.last_seen_at is None or row.last_seen_at < since]
    if silent:
        named = ", ".join(silent[:SHOWN]) + (" and others" if len(silent) > SHOWN else "")
        yield warn(
            f"{len(silent)} of {len(rows)} gateways are silent: {named}",
            "Check power and network on site; what they hear waits on their disks.",
        )
    else:
        yield ok(f"all {len(rows)} gateways were heard from")
    for row in rows:
        if row.name in silent:
            continue
        if row.spool_oldest_at is not None and row.spool_oldest_at < patient.now - WAITED_LONG:
            yield warn(f"telegrams wait at {row.name} for hours", "Its link is too slow: thin at the gateway.")
        if row.trouble:
            yield warn(f"{row.name} reports: {row.trouble}", "Look at it; docs/gateway.md tells what may help.")
