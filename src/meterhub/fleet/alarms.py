"""Alarms about gateways and reception: raised once, closed by themselves, acknowledged by people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from meterhub.access import audit
from meterhub.access.principal import SYSTEM, Principal
from meterhub.errors import Conflict, NotFound
from meterhub.fleet.imitation import CLOCKS_APART, IMITATED, LATELY, NO_LONGER_IMITATED, REPETITIONS
from meterhub.fleet.rules import EXPLAINS_SILENCE, SILENT_AFTER, Channel, Finding, GatewayNow, Kind, judge
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import HOUR, floor_hour

_LOCK = 7_501_002
USUAL_DAYS = timedelta(days=7)
# Less than this of an hour says little: the hour before is looked at.
ENOUGH_OF_AN_HOUR = timedelta(minutes=20)
DROPPED_WITHIN = timedelta(hours=2)
# A meter is silent after so many of its own intervals, and not before hours nor later than a week.
INTERVALS, LEAST_SILENCE, MOST_SILENCE = 30, timedelta(hours=6), timedelta(days=7)
_SILENCE = (
    "least(greatest(make_interval(secs => :intervals * coalesce(e.interval_s, 0)), CAST(:least AS interval)), "
    "CAST(:most AS interval))"
)


@dataclass(frozen=True, slots=True)
class Watched:
    """What one look has changed."""

    raised: int
    closed: int


def watch(engine: Engine, now: datetime) -> Watched:
    """Look at all gateways and at meters that are due; of two that look at once the second leaves it."""
    with engine.begin() as connection:
        if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}).scalar_one():
            return Watched(0, 0)
        raised, closed = _watch_gateways(connection, now)
        raised += _raise_silent_meters(connection, now)
        closed += _close_heard_meters(connection, now)
        imitated, over = _watch_imitated(connection, now)
        raised, closed = raised + imitated, closed + over
        return Watched(raised, closed)


_GATEWAYS = text(
    """
    SELECT g.id, g.last_seen_at, g.clock_ahead_s, s.reported_at, s.spool_bytes, s.spool_limit_bytes,
        s.disk_free_bytes, s.lost, s.trouble, s.dongles,
        (SELECT coalesce(sum(h.dropped), 0) FROM gateway_hour h
         WHERE h.gateway_id = g.id AND h.hour >= :dropped_since)::bigint AS dropped_lately
    FROM gateway g LEFT JOIN gateway_state s ON s.gateway_id = g.id ORDER BY g.id
    """
)


def _watch_gateways(connection: Connection, now: datetime) -> tuple[int, int]:
    known: dict[int, dict[tuple[Kind, str], AnyRow]] = {}
    statement = text(
        "SELECT id, gateway_id, kind, part, detail FROM fleet_alarm WHERE state <> 'closed' "
        "AND gateway_id IS NOT NULL"
    )
    for row in connection.execute(statement):
        known.setdefault(row.gateway_id, {})[Kind(row.kind), row.part] = row
    channels = _channels(connection, now)
    new: list[tuple[int, Finding]] = []
    over: list[int] = []
    for row in connection.execute(_GATEWAYS, {"dropped_since": now - DROPPED_WITHIN}).all():
        raised = known.get(row.id, {})
        details = {key: alarm.detail for key, alarm in raised.items()}
        found = {(f.kind, f.part): f for f in judge(_now(row, channels.get(row.id, ())), details, now)}
        new += [(row.id, finding) for key, finding in found.items() if key not in raised]
        over += [alarm.id for key, alarm in raised.items() if key not in found]
    for gateway_id, finding in new:
        _raise(connection, gateway_id, finding, now)
    _close(connection, over, now)
    return len(new), len(over)


def _now(row: AnyRow, channels: Sequence[Channel]) -> GatewayNow:
    return GatewayNow(
        last_seen_at=row.last_seen_at,
        reported_at=row.reported_at,
        clock_ahead_s=row.clock_ahead_s or 0.0,
        spool_bytes=row.spool_bytes or 0,
        spool_limit_bytes=row.spool_limit_bytes or 0,
        disk_free_bytes=row.disk_free_bytes or 0,
        dropped_lately=row.dropped_lately,
        lost=row.lost or 0,
        trouble=row.trouble or "",
        lost_dongles=[dongle["name"] for dongle in row.dongles or () if not dongle["receiving"]],
        channels=channels,
    )


def _channels(connection: Connection, now: datetime) -> dict[int, list[Channel]]:
    """Return by gateway what its channels hear in this hour, or the one before while this is young."""
    hour = floor_hour(now)
    elapsed = now - hour
    if elapsed < ENOUGH_OF_AN_HOUR:
        hour, elapsed = hour - HOUR, HOUR
    statement = text(
        """
        SELECT gateway_id, link_mode, coalesce(sum(heard) FILTER (WHERE hour = :hour), 0)::float8 AS heard,
            coalesce(sum(noise) FILTER (WHERE hour = :hour), 0)::float8 AS noise,
            coalesce(array_agg(heard) FILTER (WHERE hour < :hour), '{}') AS usual_heard,
            coalesce(array_agg(noise) FILTER (WHERE hour < :hour), '{}') AS usual_noise
        FROM channel_hour WHERE hour >= :since AND hour <= :hour GROUP BY gateway_id, link_mode ORDER BY 1, 2
        """
    )
    found: dict[int, list[Channel]] = {}
    for row in connection.execute(statement, {"hour": hour, "since": hour - USUAL_DAYS}):
        factor = HOUR / elapsed
        channel = Channel(row.link_mode, row.heard * factor, row.noise * factor, row.usual_heard, row.usual_noise)
        found.setdefault(row.gateway_id, []).append(channel)
    return found


def _raise(connection: Connection, gateway_id: int, finding: Finding, now: datetime) -> None:
    statement = text(
        """
        INSERT INTO fleet_alarm (kind, gateway_id, part, severity, raised_at, detail)
        VALUES (:kind, :gateway_id, :part, :severity, :now, :detail) RETURNING id
        """
    )
    values = {
        "kind": finding.kind,
        "gateway_id": gateway_id,
        "part": finding.part,
        "severity": finding.severity,
        "now": now,
        "detail": finding.detail,
    }
    alarm_id = connection.execute(statement, values).scalar_one()
    _note(connection, [alarm_id], SYSTEM, "raised", finding.detail, now)


def _silence() -> dict[str, object]:
    return {"intervals": INTERVALS, "least": LEAST_SILENCE, "most": MOST_SILENCE}


_SILENT_METERS = text(
    f"""
    INSERT INTO fleet_alarm (kind, meter_id, severity, raised_at, detail)
    SELECT '{Kind.SILENT_METER}', e.meter_id, 'low', :now,
        'not heard since ' || to_char(e.last_heard_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
    FROM meter_reception e JOIN installation i ON i.meter_id = e.meter_id AND i.valid @> CAST(:now AS timestamptz)
    WHERE e.last_heard_at < :now - {_SILENCE}
        AND NOT EXISTS (SELECT FROM fleet_alarm a WHERE a.meter_id = e.meter_id AND a.state <> 'closed'
                        AND a.kind = '{Kind.SILENT_METER}')
        AND NOT EXISTS (SELECT FROM register_read r WHERE r.meter_id = e.meter_id AND r.source = 'amr'
                        AND r.at >= :now - {_SILENCE})
        AND EXISTS (
            SELECT FROM coverage_day c JOIN gateway g ON g.id = c.gateway_id
            WHERE c.meter_id = e.meter_id AND c.day >= CAST(e.last_heard_at AS date) - 7
                AND g.last_seen_at >= :seen_since
                AND NOT EXISTS (SELECT FROM fleet_alarm x WHERE x.gateway_id = g.id AND x.kind = ANY(:explains)
                                AND (x.state <> 'closed' OR x.closed_at > :now - {_SILENCE})))
    ON CONFLICT DO NOTHING RETURNING id
    """  # noqa: S608 - constants of this module
)
_HEARD_METERS = text(
    f"""
    SELECT a.id FROM fleet_alarm a LEFT JOIN meter_reception e ON e.meter_id = a.meter_id
    WHERE a.kind = '{Kind.SILENT_METER}' AND a.state <> 'closed' AND (
        EXISTS (SELECT FROM register_read r WHERE r.meter_id = a.meter_id AND r.source = 'amr'
                AND r.at >= :now - {_SILENCE})
        OR NOT EXISTS (SELECT FROM installation i WHERE i.meter_id = a.meter_id
                       AND i.valid @> CAST(:now AS timestamptz)))
    """  # noqa: S608 - constants of this module
)


def _raise_silent_meters(connection: Connection, now: datetime) -> int:
    """Raise an alarm for each installed meter that is silent although a gateway that used to hear it is well."""
    values = {"now": now, "seen_since": now - SILENT_AFTER, "explains": [str(kind) for kind in EXPLAINS_SILENCE]}
    ids = list(connection.execute(_SILENT_METERS, {**values, **_silence()}).scalars())
    _note(connection, ids, SYSTEM, "raised", "", now)
    return len(ids)


def _close_heard_meters(connection: Connection, now: datetime) -> int:
    """Close the alarms of meters that were heard again or removed."""
    ids = list(connection.execute(_HEARD_METERS, {"now": now, **_silence()}).scalars())
    _close(connection, ids, now)
    return len(ids)


def _watch_imitated(connection: Connection, now: datetime) -> tuple[int, int]:
    """Raise and close alarms of meters that somebody may be imitating; return how many of each."""
    lately = {"since": now - LATELY}
    values = {**lately, "now": now, "repetitions": REPETITIONS, "apart": CLOCKS_APART}
    new = list(connection.execute(IMITATED, values).scalars())
    _note(connection, new, SYSTEM, "raised", "", now)
    over = list(connection.execute(NO_LONGER_IMITATED, lately).scalars())
    _close(connection, over, now)
    return len(new), len(over)


def _close(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    connection.execute(
        text("UPDATE fleet_alarm SET state = 'closed', closed_at = :now WHERE id = ANY(:ids)"),
        {"ids": list(ids), "now": now},
    )
    _note(connection, ids, SYSTEM, "closed", "", now)


def _note(
    connection: Connection, ids: Sequence[int], principal: Principal, action: str, note: str, now: datetime
) -> None:
    statement = text(
        "INSERT INTO fleet_alarm_event (alarm_id, at, actor, action, note) "
        "SELECT unnest(CAST(:ids AS integer[])), :now, :actor, :action, :note"
    )
    values: Mapping[str, object] = {
        "ids": list(ids),
        "now": now,
        "actor": principal.name,
        "action": action,
        "note": note,
    }
    connection.execute(statement, values)


def acknowledge(connection: Connection, principal: Principal, alarm_id: int, *, note: str, now: datetime) -> None:
    """Say that somebody looks after an open alarm; it closes by itself when things are well again."""
    row = connection.execute(
        text("SELECT state FROM fleet_alarm WHERE id = :id FOR UPDATE"), {"id": alarm_id}
    ).first()
    if row is None:
        raise NotFound(f"there is no alarm {alarm_id}")
    if row.state != "open":
        raise Conflict(f"alarm {alarm_id} is {row.state} already")
    connection.execute(text("UPDATE fleet_alarm SET state = 'acknowledged' WHERE id = :id"), {"id": alarm_id})
    _note(connection, [alarm_id], principal, "acknowledged", note, now)
    audit.record(
        connection, principal, action="acknowledge-fleet-alarm", purpose="operations", subject=f"alarm:{alarm_id}"
    )


_LIST = text(
    """
    SELECT a.id, a.kind, a.severity, a.state, g.name AS gateway, m.manufacturer || ' ' || m.serial AS meter,
        a.detail, a.raised_at, a.closed_at
    FROM fleet_alarm a LEFT JOIN gateway g ON g.id = a.gateway_id LEFT JOIN meter m ON m.id = a.meter_id
    WHERE (CAST(:gateway AS text) IS NULL OR g.name = :gateway)
        AND (CAST(:kind AS text) IS NULL OR a.kind = :kind)
        AND (:all OR a.state <> 'closed') AND (CAST(:before AS integer) IS NULL OR a.id < :before)
    ORDER BY a.id DESC LIMIT :limit
    """
)


def list_alarms(
    connection: Connection,
    *,
    closed_too: bool = False,
    gateway: str | None = None,
    kind: str | None = None,
    before_id: int | None = None,
    limit: int,
) -> Sequence[AnyRow]:
    """Return alarms, newest first, at first those that are not closed."""
    values = {"all": closed_too, "gateway": gateway, "kind": kind, "before": before_id, "limit": limit}
    return connection.execute(_LIST, values).all()


def count_unsettled(connection: Connection) -> dict[str, int]:
    """Return how many alarms are not closed, by kind."""
    statement = text("SELECT kind, count(*) FROM fleet_alarm WHERE state <> 'closed' GROUP BY kind ORDER BY kind")
    return {row[0]: row[1] for row in connection.execute(statement)}
