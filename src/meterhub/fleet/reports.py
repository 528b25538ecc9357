"""What gateways report every minute, and what they are told in return."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access import repository as access
from meterhub.access.principal import Principal
from meterhub.errors import Conflict, NotFound
from meterhub.fleet import clock, enrolment, repository
from meterhub.fleet.schemas import GatewaySettings, MeterList, Orders, Report
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import floor_hour

# 13 bytes each: what a gateway on a mobile link can still fetch, and a small computer hold.
MOST_LISTED = 200_000


def take_report(
    connection: Connection, principal: Principal, report: Report, *, taken_at: datetime, now: datetime
) -> Orders:
    """Keep what a gateway says and return what it shall do; sending a report again counts nothing twice."""
    gateway_id = principal.gateway_id
    assert gateway_id is not None
    repository.lock_gateway(connection, gateway_id)
    before = repository.state_of(connection, gateway_id)
    last = None
    if report.last is not None:
        last = clock.Exchange(report.last.sent_at, report.last.hub_at, report.last.answered_at)
    measured = clock.measure(report.sent_at, taken_at, last)
    channels = _by_channel(report)
    heard, noise = sum(c[0] for c in channels.values()), sum(c[1] for c in channels.values())
    same_run = before is not None and before.run == report.run
    since = before if same_run else None
    values: dict[str, object] = {
        "reported_at": now,
        "run": report.run,
        "clock_ahead_s": measured.ahead_s,
        "round_trip_s": measured.round_trip_s,
        "heard": heard,
        "noise": noise,
        "frames_a_minute": _a_minute(since, heard, now),
        "spool_oldest_at": report.spool.oldest_at,
        "spool_bytes": report.spool.used_bytes,
        "spool_limit_bytes": report.spool.limit_bytes,
        "disk_free_bytes": report.spool.disk_free_bytes,
        "thinned": report.thinned,
        "dropped": report.spool.dropped,
        "lost": report.spool.lost,
        "keeps": report.keep,
        "listed_only": report.listed_only,
        "trouble": report.trouble,
        "dongles": [dongle.model_dump() for dongle in report.dongles],
        "channels": {mode: list(counts) for mode, counts in channels.items()},
    }
    repository.keep_state(connection, gateway_id, values)
    repository.keep_clock(connection, gateway_id, measured.ahead_s)
    access.gateway_seen(connection, gateway_id, now, report.version, report.spool.depth)
    counts = {
        "heard": _grown(heard, since and since.heard),
        "noise": _grown(noise, since and since.noise),
        "thinned": _grown(report.thinned, since and since.thinned),
        # counted since the spool began, which outlives the process; a gateway heard first brings an old sum
        "dropped": _grown(report.spool.dropped, before.dropped if before else report.spool.dropped),
        "depth": report.spool.depth,
        "disk_free": report.spool.disk_free_bytes,
        "ahead_s": measured.ahead_s,
    }
    repository.add_hour(connection, gateway_id, floor_hour(now), counts, _grown_channels(channels, since))
    enrolment.settle_tokens(connection, principal)
    return _orders(connection, principal, gateway_id, now)


def _orders(connection: Connection, principal: Principal, gateway_id: int, now: datetime) -> Orders:
    setting = repository.setting_of(connection, gateway_id)
    return Orders(
        hub_at=now,
        keep=setting.keep if setting else None,
        listed_only=setting.listed_only if setting else None,
        meters_revision=repository.meters_revision(connection),
        rotate_token=enrolment.must_rotate(connection, principal, now),
    )


def _by_channel(report: Report) -> dict[str, tuple[int, int]]:
    """Return (heard, noise) by what the dongles listen to."""
    channels: dict[str, tuple[int, int]] = {}
    for dongle in report.dongles:
        heard, noise = channels.get(dongle.link_mode, (0, 0))
        channels[dongle.link_mode] = heard + dongle.heard, noise + dongle.noise
    return channels


def _grown(now: int, before: int | None) -> int:
    """Return by how much a counter has grown; one that fell has begun anew."""
    return now if before is None or now < before else now - before


def _grown_channels(channels: Mapping[str, tuple[int, int]], since: AnyRow | None) -> dict[str, tuple[int, int]]:
    known: Mapping[str, list[int]] = since.channels if since is not None else {}
    grown = {}
    for mode, (heard, noise) in channels.items():
        heard_before, noise_before = known.get(mode, (0, 0))
        grown[mode] = _grown(heard, heard_before), _grown(noise, noise_before)
    return grown


def _a_minute(since: AnyRow | None, heard: int, now: datetime) -> float | None:
    """Return the frames a minute since the last report, None without one."""
    if since is None or now <= since.reported_at:
        return None
    minutes: float = (now - since.reported_at) / timedelta(minutes=1)
    return _grown(heard, since.heard) / minutes


def meter_list(connection: Connection) -> MeterList:
    """Return the meters that a gateway with `listed_only` keeps."""
    revision = repository.meters_revision(connection)
    meters = repository.registered_meters(connection, MOST_LISTED + 1)
    if len(meters) > MOST_LISTED:
        raise Conflict(f"more than {MOST_LISTED} meters are registered: too many for a list at a gateway")
    return MeterList(revision=revision, meters=meters)


def change_settings(
    connection: Connection, principal: Principal, name: str, wanted: GatewaySettings, now: datetime
) -> None:
    """Say what a gateway shall keep; it learns of it with its next report."""
    row = access.find_gateway(connection, name)
    if row is None:
        raise NotFound(f"there is no gateway {name!r}")
    values = wanted.model_dump()
    repository.change_setting(connection, row.id, values, now=now, by=principal.name)
    audit.record(
        connection,
        principal,
        action="change-gateway-settings",
        purpose="operations",
        subject=f"gateway:{name}",
        detail=values,
    )
