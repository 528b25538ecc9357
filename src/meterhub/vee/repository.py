"""Queries on findings."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, func, insert, select, text, update

from meterhub.assets.tables import meter, metering_point
from meterhub.kit.arrays import instants, integers
from meterhub.kit.db import AnyRow
from meterhub.vee.loading import Loaded
from meterhub.vee.reconcile import Changes, Known
from meterhub.vee.rules import by_name
from meterhub.vee.tables import finding, finding_event
from meterhub.vee.window import Hit

CHECK = "check"

_NOTE_CHANGED = text(
    """
    INSERT INTO vee_watch AS w (meter_id, pending_from)
    SELECT * FROM unnest(CAST(:ids AS integer[]), CAST(:from_at AS timestamptz[])) AS new (meter_id, from_at)
    ORDER BY 1
    ON CONFLICT (meter_id) DO UPDATE SET pending_from = least(w.pending_from, excluded.pending_from)
    """
)
_NEW_METERS = text(
    """
    INSERT INTO vee_watch (meter_id)
    SELECT m.id FROM meter m WHERE m.id > :after AND NOT EXISTS (SELECT FROM vee_watch w WHERE w.meter_id = m.id)
    ORDER BY m.id LIMIT :limit ON CONFLICT DO NOTHING
    """
)
_TAKE = text(
    """
    SELECT meter_id, pending_from, nightly_at FROM vee_watch
    WHERE meter_id > :after AND (nightly_at IS NULL OR nightly_at < :since)
    ORDER BY meter_id LIMIT :limit FOR UPDATE
    """
)


def note_changed(connection: Connection, changed_from: Mapping[int, datetime]) -> None:
    """Note what the night has to look at, and keep other checks off these meters until the transaction ends."""
    ids = sorted(changed_from)
    values = {"ids": integers(ids), "from_at": instants(changed_from[meter_id] for meter_id in ids)}
    connection.execute(_NOTE_CHANGED, values)


def take_for_night(connection: Connection, after: int, since: datetime, limit: int) -> Sequence[AnyRow]:
    """Return and hold some meters that were not checked since an instant, by id."""
    values = {"after": after, "since": since, "limit": limit}
    connection.execute(_NEW_METERS, values)
    return connection.execute(_TAKE, values).all()


def note_night(connection: Connection, meter_ids: Sequence[int], now: datetime) -> None:
    """Note that meters were checked as a whole."""
    statement = text(
        "UPDATE vee_watch SET nightly_at = :now, pending_from = NULL WHERE meter_id = ANY(CAST(:ids AS integer[]))"
    )
    connection.execute(statement, {"now": now, "ids": integers(meter_ids)})


def known(connection: Connection, meter_ids: Sequence[int], rules: frozenset[str]) -> dict[int, list[Known]]:
    """Return the findings on record of some meters and rules, by meter."""
    rows = connection.execute(
        select(finding)
        .where(finding.c.meter_id.in_(meter_ids), finding.c.rule.in_(rules))
        .order_by(finding.c.started_at)
    )
    result: dict[int, list[Known]] = {}
    for row in rows:
        one = Known(row.id, row.rule, _s(row.started_at), _s(row.ended_at), row.state, row.evidence)
        result.setdefault(row.meter_id, []).append(one)
    return result


def store(connection: Connection, loaded: Loaded, changes: Changes, now: datetime) -> None:
    """Store what a check changed about one meter."""
    for rule, hit in changes.new:
        values = {
            "rule": rule,
            "severity": by_name()[rule].severity.value,
            "meter_id": loaded.meter_id,
            "metering_point_id": loaded.point_at(hit.start_s) or loaded.point_at(hit.end_s),
            "found_at": now,
            **_span(hit),
        }
        id_ = connection.execute(insert(finding).values(values).returning(finding.c.id)).scalar_one()
        add_event(connection, id_, at=now, actor=CHECK, action="found")
    for one, hit in changes.newer:
        change(connection, one.id, _span(hit))
    for one, hit in changes.again:
        change(connection, one.id, {**_span(hit), "state": "open", "settled_at": None})
        add_event(connection, one.id, at=now, actor=CHECK, action="found again")
    for one in changes.gone:
        change(connection, one.id, {"state": "closed", "settled_at": now})
        add_event(connection, one.id, at=now, actor=CHECK, action="closed", reason="explained by later data")


def change(connection: Connection, finding_id: int, values: Mapping[str, object]) -> None:
    """Give a finding new values."""
    connection.execute(update(finding).where(finding.c.id == finding_id).values(dict(values)))


def add_event(
    connection: Connection,
    finding_id: int,
    *,
    at: datetime,
    actor: str,
    action: str,
    reason: str = "",
    read_edit_id: int | None = None,
    hour_edit_id: int | None = None,
) -> None:
    """Note what happened to a finding."""
    connection.execute(
        insert(finding_event).values(
            finding_id=finding_id,
            at=at,
            actor=actor,
            action=action,
            reason=reason,
            read_edit_id=read_edit_id,
            hour_edit_id=hour_edit_id,
        )
    )


_SEEN = (
    select(finding, metering_point.c.point_code, meter.c.manufacturer, meter.c.serial)
    .join(meter, meter.c.id == finding.c.meter_id)
    .outerjoin(metering_point, metering_point.c.id == finding.c.metering_point_id)
)


def list_findings(
    connection: Connection,
    *,
    state: str | None = None,
    rule: str | None = None,
    severity: str | None = None,
    point_code: str | None = None,
    before_id: int | None = None,
    limit: int,
) -> Sequence[AnyRow]:
    """Return findings, newest first."""
    statement = _SEEN.order_by(finding.c.id.desc()).limit(limit)
    for column, value in (
        (finding.c.state, state),
        (finding.c.rule, rule),
        (finding.c.severity, severity),
        (metering_point.c.point_code, point_code),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if before_id is not None:
        statement = statement.where(finding.c.id < before_id)
    return connection.execute(statement).all()


def find_finding(connection: Connection, finding_id: int, *, lock: bool = False) -> AnyRow | None:
    """Return a finding with where it is; with `lock`, held until the transaction ends."""
    statement = _SEEN.where(finding.c.id == finding_id)
    return connection.execute(statement.with_for_update(of=finding) if lock else statement).first()


def count_open(connection: Connection) -> dict[str, int]:
    """Return how many findings are open, by rule."""
    statement = select(finding.c.rule, func.count()).where(finding.c.state == "open").group_by(finding.c.rule)
    return {row[0]: row[1] for row in connection.execute(statement)}


def events_of(connection: Connection, finding_id: int) -> Sequence[AnyRow]:
    """Return what happened to a finding, oldest first."""
    return connection.execute(
        select(finding_event).where(finding_event.c.finding_id == finding_id).order_by(finding_event.c.id)
    ).all()


def _span(hit: Hit) -> dict[str, object]:
    return {
        "started_at": datetime.fromtimestamp(hit.start_s, UTC),
        "ended_at": datetime.fromtimestamp(hit.end_s, UTC),
        "evidence": dict(hit.evidence),
    }


def _s(at: datetime) -> int:
    return int(at.timestamp())


def findings_edited_by(connection: Connection, *, read_edit_id: int) -> Sequence[int]:
    """Return the findings that were settled by an edit of a read, held until the transaction ends."""
    statement = (
        select(finding.c.id)
        .where(
            finding.c.state == "edited",
            finding.c.id.in_(
                select(finding_event.c.finding_id).where(finding_event.c.read_edit_id == read_edit_id)
            ),
        )
        .with_for_update()
    )
    return connection.execute(statement).scalars().all()


def reads_around(connection: Connection, meter_id: int, at: datetime) -> Sequence[AnyRow]:
    """Return the counted reads around an instant in order of time: all that a change there can reach."""
    statement = text(
        """
        (SELECT id, at, volume_ml, source FROM counted_read WHERE meter_id = :meter_id AND at <= :at
         ORDER BY at DESC, id DESC LIMIT 30)
        UNION ALL
        (SELECT id, at, volume_ml, source FROM counted_read WHERE meter_id = :meter_id AND at > :at
         ORDER BY at, id LIMIT 30)
        ORDER BY at, id
        """
    )
    return connection.execute(statement, {"meter_id": meter_id, "at": at}).all()


def meter_during(connection: Connection, point_id: int, since: datetime, until: datetime) -> int | None:
    """Return the meter that hung at a point all the time, if it was one."""
    statement = text(
        "SELECT meter_id FROM installation WHERE metering_point_id = :point AND valid @> tstzrange(:since, :until)"
    )
    values = {"point": point_id, "since": since, "until": until}
    return connection.execute(statement, values).scalar()


def edits_of_point(connection: Connection, point_id: int, limit: int) -> Sequence[AnyRow]:
    """Return the edits of reads and hours of a point, newest first, with who, why and whether it was undone."""
    statement = text(
        """
        SELECT * FROM (
            SELECT 'read' AS kind, e.id, e.edited_at, e.actor, e.reason, e.read_at AS at, o.volume_ml AS before_ml,
                   n.volume_ml AS after_ml, 1 AS hours, u.edited_at AS undone_at, u.actor AS undone_by,
                   u.reason AS undone_because
            FROM installation i
            JOIN read_edit e ON e.meter_id = i.meter_id AND (i.valid @> e.read_at OR upper(i.valid) = e.read_at)
            LEFT JOIN register_read o ON o.meter_id = e.meter_id AND o.at = e.read_at AND o.id = e.read_id
            LEFT JOIN register_read n ON n.meter_id = e.meter_id AND n.at = e.read_at AND n.id = e.replaced_by
            LEFT JOIN read_edit u ON u.undoes = e.id
            WHERE i.metering_point_id = :point AND e.undoes IS NULL
            UNION ALL
            SELECT 'hours', e.id, e.edited_at, e.actor, e.reason, e.first_at,
                   (SELECT sum(v) FROM unnest(e.originals_ml) v)::bigint,
                   (SELECT sum(v) FROM unnest(e.volumes_ml) v)::bigint, cardinality(e.volumes_ml),
                   u.edited_at, u.actor, u.reason
            FROM installation i
            JOIN hour_edit e ON e.meter_id = i.meter_id AND i.valid @> e.first_at
            LEFT JOIN hour_edit u ON u.undoes = e.id
            WHERE i.metering_point_id = :point AND e.undoes IS NULL
        ) edits ORDER BY edited_at DESC, id DESC LIMIT :limit
        """
    )
    return connection.execute(statement, {"point": point_id, "limit": limit}).all()


def hours_of_meter(connection: Connection, meter_id: int, since: datetime, until: datetime) -> Sequence[AnyRow]:
    """Return `(hour, volume_ml, quality)` of one meter."""
    statement = text(
        "SELECT hour, volume_ml, quality FROM hourly(:since, :until) WHERE meter_id = :meter_id ORDER BY hour"
    )
    return connection.execute(statement, {"meter_id": meter_id, "since": since, "until": until}).all()


def point_code_at(connection: Connection, meter_id: int, at: datetime) -> str | None:
    """Return the code of the point at which a meter hung at an instant."""
    statement = text(
        """
        SELECT p.point_code FROM installation i JOIN metering_point p ON p.id = i.metering_point_id
        WHERE i.meter_id = :meter_id AND (i.valid @> :at OR upper(i.valid) = :at)
        ORDER BY i.valid @> :at DESC LIMIT 1
        """
    )
    return connection.execute(statement, {"meter_id": meter_id, "at": at}).scalar()


def newest_reads(connection: Connection, point_id: int, now: datetime, limit: int) -> Sequence[AnyRow]:
    """Return the newest reads of the meters at a point, also those that are set aside."""
    statement = text(
        """
        SELECT r.id, r.at, r.volume_ml, r.source, m.manufacturer, m.serial,
               EXISTS (
                   SELECT FROM read_set_aside a WHERE a.meter_id = r.meter_id AND a.read_id = r.id
               ) AS set_aside
        FROM installation i
        JOIN meter m ON m.id = i.meter_id
        CROSS JOIN LATERAL (
            SELECT * FROM register_read r
            WHERE r.meter_id = i.meter_id AND r.at >= lower(i.valid) AND r.at <= coalesce(upper(i.valid), :now)
            ORDER BY r.at DESC, r.id DESC LIMIT :limit
        ) r
        WHERE i.metering_point_id = :point ORDER BY r.at DESC, r.id DESC LIMIT :limit
        """
    )
    return connection.execute(statement, {"point": point_id, "now": now, "limit": limit}).all()
