"""The job that empties the outbox."""

from sqlalchemy import Engine

from meterhub.billing.delivery.sending import Sent, send_waiting
from meterhub.kit.clock import Clock
from meterhub.settings import Settings


def send(engine: Engine, settings: Settings, clock: Clock) -> Sent:
    """Send what waits; a second worker takes what this one has not claimed."""
    return send_waiting(engine, settings, clock)
