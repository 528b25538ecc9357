"""The store's job: months ahead, zone, sealing or policies, and what leaves by age."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, text

from meterhub.settings import Settings
from meterhub.store import policies
from meterhub.store.backend import uses_timescale
from meterhub.store.months import MadeMonth, make_months
from meterhub.store.retention import Expiry, expire, expired
from meterhub.store.sealing import Sealed, seal_months
from meterhub.store.summaries import summarise_as_filled
from meterhub.store.zone import set_zone

MAINTAIN = "store.maintain"
_LOCK = 7_401_002
# Sealing a large month takes minutes; whoever else keeps the store up waits for it this long.
WAIT_FOR_OTHERS = "30min"


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done; `expired` is what left, or what would leave as long as retention is not enforced."""

    zone_changed: bool
    months: list[MadeMonth]
    sealed: list[Sealed]
    policies: list[policies.Policy]
    expired: list[Expiry]
    enforced: bool
    indexes: list[str]


def maintain(engine: Engine, settings: Settings, now: datetime) -> Maintained:
    """Bring the store up to date; doing it again changes nothing. Several at once take turns."""
    with engine.begin() as connection:
        timescale = uses_timescale(connection)
    return _hypertables(engine, settings, now) if timescale else _partitions(engine, settings, now)


def _hypertables(engine: Engine, settings: Settings, now: datetime) -> Maintained:
    zone_changed = set_zone(engine, settings.zone)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        changed = policies.ensure(connection, settings.retention)
    gone = _past_retention(engine, settings, now)
    return Maintained(zone_changed, [], [], changed, gone, settings.retention.enforce, [])


def _partitions(engine: Engine, settings: Settings, now: datetime) -> Maintained:
    with _alone(engine):
        zone_changed = set_zone(engine, settings.zone)
        months = list(make_months(engine, now))
        indexes = list(summarise_as_filled(engine))
        sealed = list(seal_months(engine, now))
        gone = _past_retention(engine, settings, now)
    return Maintained(zone_changed, months, sealed, [], gone, settings.retention.enforce, indexes)


def _past_retention(engine: Engine, settings: Settings, now: datetime) -> list[Expiry]:
    retention = settings.retention
    return list(expire(engine, retention, now)) if retention.enforce else expired(engine, retention, now)


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Hold off other processes that do the same; the lock is a session's, outside all transactions."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.detach()  # closed afterwards, and with it lock and setting are gone
        connection.execute(text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": WAIT_FOR_OTHERS})
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        yield
