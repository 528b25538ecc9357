"""The detection job: examines what is new of some meters, in bulk, incrementally, and idempotently.

Reads are examined in the order of their time, so a back-filled month raises what it would have raised live.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from meterhub.alerts import memory, repository
from meterhub.alerts.habits import DAY_S, DayHabit, day_of
from meterhub.alerts.lifecycle import Action, Alert
from meterhub.alerts.memory import Examined
from meterhub.alerts.watch import Change, Watch, watch
from meterhub.settings import Settings

METERS_A_TRANSACTION = 200
ACTOR = "detector"


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """How many alerts were raised (or reopened), kept with newer evidence, and closed."""

    raised: int
    kept: int
    closed: int


def detect(
    engine: Engine,
    settings: Settings,  # noqa: ARG001 - jobs are called alike; limits are the same for every utility
    meter_ids: Sequence[int],
    now: datetime,
    changed_from: Mapping[int, datetime] | None = None,
) -> DetectionResult:
    """Examine the reads up to `now` that came in for these meters since they were examined last.

    Reads that came late are noticed within the five days that are looked back on anyway; for older ones
    `changed_from` names a meter's earliest new read. Without an installation a meter has no alerts.
    """
    counts: Counter[str] = Counter()
    for chunk in _chunks(sorted(set(meter_ids))):
        with engine.begin() as connection:
            counts.update(_examine(connection, chunk, now, changed_from or {}))
    return DetectionResult(counts["raised"], counts["kept"], counts["closed"])


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), METERS_A_TRANSACTION):
        yield ids[start : start + METERS_A_TRANSACTION]


def _examine(
    connection: Connection, meter_ids: Sequence[int], now: datetime, changed_from: Mapping[int, datetime]
) -> Counter[str]:
    meters = {meter.meter_id: meter for meter in memory.lock(connection, meter_ids)}
    rewound = {
        meter_id: _rewind(meter, int(changed_from[meter_id].timestamp()))
        for meter_id, meter in meters.items()
        if meter_id in changed_from and changed_from[meter_id].timestamp() <= meter.examined_until_s
    }
    meters |= rewound
    reads = memory.load_reads(connection, meters.values(), now)
    late = {
        meter_id: _rewind(meters[meter_id], new.late_s)
        for meter_id, new in reads.items()
        if new.late_s is not None
    }
    if late:
        meters |= late
        reads |= memory.load_reads(connection, late.values(), now)
    days = memory.load_days(connection, list(meters))
    alerts = _newest_alerts(connection, meters)
    counts: Counter[str] = Counter()
    learned: dict[int, dict[int, DayHabit]] = {}
    examined = []
    for meter_id, meter in meters.items():
        if meter_id not in reads:
            continue
        ids, before = alerts.get(meter.point_id, ({}, {}))
        today = day_of(meter.examined_until_s + 1)
        kept_days = {
            d: h for d, h in days.get(meter_id, {}).items() if meter_id not in rewound | late or d < today
        }
        state = Watch(meter.examined_until_s, kept_days, dict(before))
        changes = watch(state, reads[meter_id].reads)
        counts.update(_store(connection, meter, ids, before, state, changes))
        learned[meter_id] = dict(state.days)
        examined.append(
            replace(meter, examined_until_s=state.examined_until_s, last_read_id=reads[meter_id].last_read_id)
        )
    memory.store_days(connection, {m: days.get(m, {}) for m in learned}, learned)
    memory.store_examined(connection, examined)
    return counts


def _rewind(meter: Examined, late_s: int) -> Examined:
    """Go back to the beginning of the UTC day of a late read: that day and later ones are learned again."""
    start_s = min(meter.examined_until_s, day_of(late_s) * DAY_S - 1)
    return replace(meter, examined_until_s=max(0, start_s))


_Known = tuple[dict[str, tuple[int, str]], dict[str, Alert]]


def _newest_alerts(connection: Connection, meters: Mapping[int, Examined]) -> dict[int, _Known]:
    """Return, a metering point, the ids and states of its newest alerts and the alerts, by kind."""
    if not meters:
        return {}
    since = datetime.fromtimestamp(min(meter.examined_until_s for meter in meters.values()), UTC)
    points = [meter.point_id for meter in meters.values()]
    known: dict[int, _Known] = {}
    for row in repository.newest_of_points(connection, points, max(since, datetime(2000, 1, 1, tzinfo=UTC))):
        ids, alerts = known.setdefault(row.metering_point_id, ({}, {}))
        ids[row.kind] = (row.id, row.state)
        alerts[row.kind] = repository.to_alert(row)
    return known


def _store(
    connection: Connection,
    meter: Examined,
    ids: dict[str, tuple[int, str]],
    before: Mapping[str, Alert],
    state: Watch,
    changes: Sequence[Change],
) -> Counter[str]:
    """Store what happened, in order; then what is only newer evidence."""
    counts: Counter[str] = Counter()
    stored = dict(before)
    for change in changes:
        kind = change.alert.kind
        if change.action is Action.RAISED:
            ids[kind] = (repository.insert_alert(connection, meter.point_id, meter.meter_id, change.alert), "open")
        else:
            status = {Action.CLOSED: "closed", Action.REOPENED: "open"}.get(change.action, ids[kind][1])
            repository.update_alert(connection, ids[kind][0], change.alert, state=status)
            ids[kind] = (ids[kind][0], status)
        stored[kind] = change.alert
        at = datetime.fromtimestamp(change.at_s, UTC)
        note = f"{change.alert.severity} severity, {change.alert.rate_ml_h / 1000:.1f} L/h"
        repository.add_event(connection, ids[kind][0], at=at, actor=ACTOR, action=change.action, note=note)
        counts["closed" if change.action is Action.CLOSED else "raised"] += change.action is not Action.EVIDENCE
    for kind, alert in state.alerts.items():
        if stored.get(kind) != alert:
            repository.update_alert(connection, ids[kind][0], alert, state=ids[kind][1])
            counts["kept"] += 1
    return counts
