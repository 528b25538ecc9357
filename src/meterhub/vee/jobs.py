"""The checks: after each roll-up for what changed, and once a night for all meters, some at a time.

What is found is compared with what is on record, so a check can run again at any time and from anywhere.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from meterhub.kit.queue import defer
from meterhub.readings.service import ROLL_UP
from meterhub.settings import Settings
from meterhub.vee import repository
from meterhub.vee.estimates import keep_estimates
from meterhub.vee.loading import load
from meterhub.vee.reconcile import reconcile
from meterhub.vee.rules import Rule, rules

NIGHTLY = "vee.nightly"
METERS_A_TRANSACTION = 200
# The night before looked at all until then; a first check looks back so far.
FIRST_CHECK = timedelta(days=63)


def check_arrivals(
    engine: Engine, settings: Settings, changed_from: Mapping[int, datetime], now: datetime
) -> Counter[str]:
    """Check what came in, and note it for the night; returns how many findings are new, again there or gone,
    and how many gaps were estimated."""
    counts: Counter[str] = Counter()
    on_arrival = [rule for rule in rules() if rule.on_arrival]
    ids = sorted(changed_from)
    for start in range(0, len(ids), METERS_A_TRANSACTION):
        chunk = {meter_id: changed_from[meter_id] for meter_id in ids[start : start + METERS_A_TRANSACTION]}
        with engine.begin() as connection:
            repository.note_changed(connection, chunk)
            counts += _check(connection, settings, chunk, on_arrival, now, with_hours=False)
    return counts


def check_night(engine: Engine, settings: Settings, now: datetime) -> Iterator[Counter[str]]:
    """Check what changed of every meter since its last night, in chunks; yields each once it is committed.

    Begun anew after a break, it goes on with the meters that this night has not seen.
    """
    since = now - timedelta(hours=20)
    nightly = [rule for rule in rules() if not rule.on_arrival]
    after = 0
    while True:
        with engine.begin() as connection:
            waiting = repository.take_for_night(connection, after, since, METERS_A_TRANSACTION)
            if not waiting:
                return
            after = max(row.meter_id for row in waiting)
            from_at = {
                row.meter_id: min(filter(None, (row.pending_from, row.nightly_at)), default=now - FIRST_CHECK)
                for row in waiting
            }
            counts = _check(connection, settings, from_at, nightly, now, with_hours=True)
            repository.note_night(connection, list(from_at), now)
            if counts["estimated"]:
                defer(connection, ROLL_UP, once=ROLL_UP)
        yield counts


def _check(
    connection: Connection,
    settings: Settings,
    from_at: Mapping[int, datetime],
    some_rules: list[Rule],
    now: datetime,
    *,
    with_hours: bool,
) -> Counter[str]:
    counts: Counter[str] = Counter()
    names = frozenset(rule.name for rule in some_rules)
    known = repository.known(connection, list(from_at), names)
    meters = load(connection, from_at, now, settings.zone, with_hours=with_hours)
    for loaded in meters:
        window = loaded.window
        hits = [(rule.name, hit) for rule in some_rules for hit in rule.hits(window)]
        changes = reconcile(
            known.get(loaded.meter_id, []), hits, names, from_s=window.from_s, until_s=window.until_s
        )
        repository.store(connection, loaded, changes, now)
        counts.update(new=len(changes.new), again=len(changes.again), gone=len(changes.gone))
    counts["estimated"] += keep_estimates(connection, meters, now, settings.tz, silent=with_hours)
    return counts
