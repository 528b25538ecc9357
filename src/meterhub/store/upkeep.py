"""The store's job: months ahead, zone, sealing or policies, and what leaves by age."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from meterhub.settings import Settings
from meterhub.store import policies
from meterhub.store.backend import uses_timescale
from meterhub.store.months import MadeMonth, make_months
from meterhub.store.retention import Expiry, expire, expired
from meterhub.store.sealing import Sealed, seal_months
from meterhub.store.zone import set_zone

MAINTAIN = "store.maintain"


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done; `expired` is what left, or what would leave as long as retention is not enforced."""

    zone_changed: bool
    months: list[MadeMonth]
    sealed: list[Sealed]
    policies: list[policies.Policy]
    expired: list[Expiry]
    enforced: bool


def maintain(engine: Engine, settings: Settings, now: datetime) -> Maintained:
    """Bring the store up to date; doing it again changes nothing."""
    retention = settings.retention
    with engine.begin() as connection:
        timescale = uses_timescale(connection)
    zone_changed = set_zone(engine, settings.zone)
    changed: list[policies.Policy] = []
    months: list[MadeMonth] = []
    sealed: list[Sealed] = []
    if timescale:
        with engine.begin() as connection:
            changed = policies.ensure(connection, retention)
    else:
        months = list(make_months(engine, now))
        sealed = list(seal_months(engine, now))
    gone = list(expire(engine, retention, now)) if retention.enforce else expired(engine, retention, now)
    return Maintained(zone_changed, months, sealed, changed, gone, retention.enforce)
