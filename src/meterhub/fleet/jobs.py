"""What the worker does for the fleet every minute."""

from datetime import datetime

import structlog
from sqlalchemy import Engine

from meterhub.fleet.alarms import watch
from meterhub.fleet.coverage import measure_due

log = structlog.get_logger(__name__)

WATCH = "fleet.watch"
MEASURE = "fleet.measure"


def watch_fleet(engine: Engine, now: datetime) -> None:
    """Raise and close alarms."""
    watched = watch(engine, now)
    if watched.raised or watched.closed:
        log.info("fleet-watched", raised=watched.raised, closed=watched.closed)


def measure_coverage(engine: Engine, now: datetime) -> None:
    """Measure who hears which meter, where it is due."""
    for day in measure_due(engine, now):
        log.info("coverage-measured", day=day.day.isoformat(), pairs=day.pairs, seconds=round(day.seconds, 3))
