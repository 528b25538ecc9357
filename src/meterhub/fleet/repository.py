"""Queries on codes, states, settings and history of gateways."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from meterhub.access.tables import gateway
from meterhub.fleet.tables import enrolment_code, gateway_setting, gateway_state
from meterhub.kit.db import AnyRow


def add_code(
    connection: Connection,
    *,
    hashed: bytes,
    gateway_id: int,
    created_by: str,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Store a code's hash; codes given out for the gateway before end."""
    connection.execute(
        update(enrolment_code)
        .where(enrolment_code.c.gateway_id == gateway_id, enrolment_code.c.used_at.is_(None))
        .values(expires_at=created_at)
    )
    connection.execute(
        insert(enrolment_code).values(
            code_hash=hashed,
            gateway_id=gateway_id,
            created_by=created_by,
            created_at=created_at,
            expires_at=expires_at,
        )
    )


def use_code(connection: Connection, hashed: bytes, now: datetime) -> AnyRow | None:
    """Mark a code as used and return its gateway; None for one that does not hold now.

    Of two that come at the same moment the second waits for the first and finds the code used.
    """
    used = connection.execute(
        update(enrolment_code)
        .where(
            enrolment_code.c.code_hash == hashed,
            enrolment_code.c.used_at.is_(None),
            enrolment_code.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(enrolment_code.c.gateway_id)
    ).first()
    if used is None:
        return None
    return connection.execute(select(gateway).where(gateway.c.id == used.gateway_id)).first()


def place_gateway(connection: Connection, gateway_id: int, place: str) -> None:
    """Change where a gateway stands."""
    connection.execute(update(gateway).where(gateway.c.id == gateway_id).values(place=place))


def end_tokens(
    connection: Connection, gateway_id: int, *, before: int | None = None, after: int | None = None
) -> int:
    """End a gateway's tokens that were given out before or after one of them; return how many."""
    statement = text(
        """
        UPDATE access_token SET revoked_at = now()
        WHERE gateway_id = :gateway_id AND revoked_at IS NULL
            AND (id < CAST(:before AS bigint) OR id > CAST(:after AS bigint))
        """
    )
    return connection.execute(statement, {"gateway_id": gateway_id, "before": before, "after": after}).rowcount


def token_created_at(connection: Connection, token_id: int) -> datetime:
    """Return when a token was given out."""
    created: datetime = connection.execute(
        text("SELECT created_at FROM access_token WHERE id = :id"), {"id": token_id}
    ).scalar_one()
    return created


def lock_gateway(connection: Connection, gateway_id: int) -> None:
    """Hold a gateway's row until the transaction ends, so that its reports come one after the other."""
    connection.execute(select(gateway.c.id).where(gateway.c.id == gateway_id).with_for_update())


def state_of(connection: Connection, gateway_id: int) -> AnyRow | None:
    """Return what a gateway said last."""
    return connection.execute(select(gateway_state).where(gateway_state.c.gateway_id == gateway_id)).first()


def keep_state(connection: Connection, gateway_id: int, values: Mapping[str, object]) -> None:
    """Store what a gateway says now in the place of what it said before."""
    statement = upsert(gateway_state).values(gateway_id=gateway_id, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[gateway_state.c.gateway_id], set_=dict(values))
    )


def keep_clock(connection: Connection, gateway_id: int, ahead_s: float) -> None:
    """Note how far a gateway's clock is ahead, for telegrams that come with it."""
    connection.execute(update(gateway).where(gateway.c.id == gateway_id).values(clock_ahead_s=ahead_s))


def setting_of(connection: Connection, gateway_id: int) -> AnyRow | None:
    """Return what an operator wants of a gateway."""
    return connection.execute(select(gateway_setting).where(gateway_setting.c.gateway_id == gateway_id)).first()


def change_setting(
    connection: Connection, gateway_id: int, values: Mapping[str, object], *, now: datetime, by: str
) -> None:
    """Store what an operator wants; what is not given stays."""
    statement = upsert(gateway_setting).values(gateway_id=gateway_id, changed_at=now, changed_by=by, **values)
    changes = {**values, "changed_at": now, "changed_by": by}
    connection.execute(
        statement.on_conflict_do_update(index_elements=[gateway_setting.c.gateway_id], set_=changes)
    )


_ADD_HOUR = text(
    """
    INSERT INTO gateway_hour AS old (gateway_id, hour, reports, heard, noise, thinned, dropped, spool_depth_max,
        disk_free_bytes_min, clock_ahead_s_worst)
    VALUES (:gateway_id, :hour, 1, :heard, :noise, :thinned, :dropped, :depth, :disk_free, :ahead_s)
    ON CONFLICT (gateway_id, hour) DO UPDATE SET
        reports = old.reports + 1, heard = old.heard + excluded.heard, noise = old.noise + excluded.noise,
        thinned = old.thinned + excluded.thinned, dropped = old.dropped + excluded.dropped,
        spool_depth_max = greatest(old.spool_depth_max, excluded.spool_depth_max),
        disk_free_bytes_min = least(old.disk_free_bytes_min, excluded.disk_free_bytes_min),
        clock_ahead_s_worst = CASE WHEN abs(excluded.clock_ahead_s_worst) > abs(old.clock_ahead_s_worst)
            THEN excluded.clock_ahead_s_worst ELSE old.clock_ahead_s_worst END
    """
)
_ADD_CHANNEL = text(
    """
    INSERT INTO channel_hour AS old (gateway_id, link_mode, hour, heard, noise)
    VALUES (:gateway_id, :link_mode, :hour, :heard, :noise)
    ON CONFLICT (gateway_id, link_mode, hour) DO UPDATE SET
        heard = old.heard + excluded.heard, noise = old.noise + excluded.noise
    """
)


def add_hour(
    connection: Connection,
    gateway_id: int,
    hour: datetime,
    counts: Mapping[str, float],
    channels: Mapping[str, tuple[int, int]],
) -> None:
    """Add what came since the last report to a gateway's hour; `channels` are (heard, noise) by link mode."""
    connection.execute(_ADD_HOUR, {"gateway_id": gateway_id, "hour": hour, **counts})
    for link_mode, (heard, noise) in sorted(channels.items()):
        values = {"gateway_id": gateway_id, "hour": hour, "link_mode": link_mode, "heard": heard, "noise": noise}
        connection.execute(_ADD_CHANNEL, values)


def hours_of(connection: Connection, gateway_ids: Sequence[int], since: datetime) -> Sequence[AnyRow]:
    """Return the hours of some gateways from an instant on, in order of time."""
    statement = text(
        "SELECT * FROM gateway_hour WHERE gateway_id = ANY(:ids) AND hour >= :since ORDER BY gateway_id, hour"
    )
    return connection.execute(statement, {"ids": list(gateway_ids), "since": since}).all()


def meters_revision(connection: Connection) -> str:
    """Return what differs after a change of the registered meters (and after some other changes)."""
    # numbers are given out before commit: the count differs when an earlier one becomes visible later
    statement = text("SELECT coalesce(max(id), 0) || '-' || count(*) FROM registry_change")
    return str(connection.execute(statement).scalar_one())


def registered_meters(connection: Connection, limit: int) -> list[str]:
    """Return up to `limit` registered meters as `MMM 12345678`."""
    statement = text("SELECT manufacturer || ' ' || serial FROM meter ORDER BY 1 LIMIT :limit")
    return list(connection.execute(statement, {"limit": limit}).scalars())


_FLEET = text(
    """
    SELECT g.id, g.name, g.place, g.last_seen_at, g.software, g.spool_depth, s.reported_at, g.clock_ahead_s,
        s.round_trip_s, s.frames_a_minute, s.spool_oldest_at, s.spool_bytes, s.spool_limit_bytes,
        s.disk_free_bytes, s.thinned, s.dropped, s.lost, s.keeps, s.listed_only, s.trouble, s.dongles,
        (SELECT count(*) FROM access_token t WHERE t.gateway_id = g.id AND t.revoked_at IS NULL
            AND (t.expires_at IS NULL OR t.expires_at > :now)) AS tokens,
        (SELECT max(t.created_at) FROM access_token t WHERE t.gateway_id = g.id AND t.revoked_at IS NULL)
            AS token_created_at,
        (SELECT max(c.expires_at) FROM enrolment_code c WHERE c.gateway_id = g.id AND c.used_at IS NULL
            AND c.expires_at > :now) AS code_expires_at,
        (SELECT count(*) FROM fleet_alarm a WHERE a.gateway_id = g.id AND a.state <> 'closed') AS alarms
    FROM gateway g LEFT JOIN gateway_state s ON s.gateway_id = g.id
    WHERE CAST(:name AS text) IS NULL OR g.name = :name ORDER BY g.name
    """
)


def fleet(connection: Connection, now: datetime, name: str | None = None) -> Sequence[AnyRow]:
    """Return gateways as they are now, all or the one by that name."""
    return connection.execute(_FLEET, {"now": now, "name": name}).all()
