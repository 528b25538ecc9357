"""Gateways: who is heard from, and what waits at them."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, text

from meterhub.health.metrics import Family, Sample
from meterhub.health.silence import SILENT_GATEWAY
from meterhub.settings import Settings

FAMILIES = (
    Family("meterhub_gateways", "Gateways by state: live, silent, never (seen).", ("state",)),
    Family("meterhub_gateway_spool_telegrams", "Telegrams that wait at gateways, all together."),
    Family("meterhub_gateway_spool_oldest_seconds", "Age of the oldest telegram that waits at a live gateway."),
    Family("meterhub_gateway_clock_worst_seconds", "How far the worst clock of a live gateway is off."),
)

_STATES = text(
    """
    SELECT count(*) FILTER (WHERE last_seen_at >= :since) AS live,
           count(*) FILTER (WHERE last_seen_at < :since) AS silent,
           count(*) FILTER (WHERE last_seen_at IS NULL) AS never,
           coalesce(sum(spool_depth), 0) AS spooled
    FROM gateway
    """
)
_REPORTED = text(
    "SELECT min(spool_oldest_at) AS oldest, coalesce(max(abs(clock_ahead_s)), 0) AS clock FROM gateway_state "
    "WHERE reported_at >= :since"
)


def collect(connection: Connection, settings: Settings, now: datetime) -> Iterator[Sample]:  # noqa: ARG001 - as all
    """Yield counts by state, and what they reported last."""
    since = {"since": now - SILENT_GATEWAY}
    states = connection.execute(_STATES, since).one()
    for state in ("live", "silent", "never"):
        yield Sample("meterhub_gateways", states._mapping[state], (state,))
    yield Sample("meterhub_gateway_spool_telegrams", float(states.spooled))
    reported = connection.execute(_REPORTED, since).one()
    age = max(0.0, (now - reported.oldest).total_seconds()) if reported.oldest else 0.0
    yield Sample("meterhub_gateway_spool_oldest_seconds", age)
    yield Sample("meterhub_gateway_clock_worst_seconds", reported.clock)
