"""When something about a gateway needs somebody. Pure: what it said, what was usual, and what is raised already.

What is raised holds until things are clearly better, so that nothing is raised and closed in turn.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

SILENT_AFTER = timedelta(minutes=15)
CLOCK_WRONG_S, CLOCK_RIGHT_S, CLOCK_VERY_WRONG_S = 60.0, 30.0, 1800.0
SPOOL_FULL, SPOOL_EASY = 0.8, 0.6
DISK_SCARCE_BYTES, DISK_EASY_BYTES = 400 * 2**20, 600 * 2**20
# A channel is judged by hours like the last week's, once it has so many of them and heard so much in one.
HISTORY_HOURS = 24
USUAL_FRAMES = 20
FEWER, MORE_NOISE, LEAST_NOISE = 0.3, 5.0, 60


class Kind(StrEnum):
    """What is wrong."""

    SILENT_GATEWAY = "silent-gateway"
    SILENT_METER = "silent-meter"
    IMITATED_METER = "imitated-meter"
    JAMMED_CHANNEL = "jammed-channel"
    DEAF_CHANNEL = "deaf-channel"
    CLOCK_WRONG = "clock-wrong"
    SPOOL_FILLING = "spool-filling"
    TELEGRAMS_DROPPED = "telegrams-dropped"
    DONGLE_LOST = "dongle-lost"
    TROUBLE = "gateway-trouble"


# While one of these holds, meters that only this gateway hears are not to blame for their silence.
EXPLAINS_SILENCE = (Kind.SILENT_GATEWAY, Kind.JAMMED_CHANNEL, Kind.DEAF_CHANNEL, Kind.DONGLE_LOST)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now; `part` names the dongle or channel."""

    kind: Kind
    severity: str
    detail: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Channel:
    """What dongles of one link mode heard, by the hour: now, and in hours before."""

    link_mode: str
    heard_an_hour: float
    noise_an_hour: float
    usual_heard: Sequence[int]
    usual_noise: Sequence[int]


@dataclass(frozen=True, slots=True)
class GatewayNow:
    """A gateway as the rules see it."""

    last_seen_at: datetime | None
    reported_at: datetime | None
    clock_ahead_s: float
    spool_bytes: int
    spool_limit_bytes: int
    disk_free_bytes: int
    dropped_lately: int
    lost: int
    trouble: str
    lost_dongles: Collection[str]
    channels: Sequence[Channel]


def judge(gateway: GatewayNow, raised: Mapping[tuple[Kind, str], str], now: datetime) -> list[Finding]:
    """Return what is wrong with a gateway; `raised` are details by kind and part of what is raised already.

    Of a gateway that is silent only that is known: what was raised before stays as it is.
    """
    if gateway.last_seen_at is None:
        return []
    if now - gateway.last_seen_at > SILENT_AFTER:
        silent = Finding(Kind.SILENT_GATEWAY, "high", "does not report and uploads nothing")
        before = [
            Finding(kind, "", detail, part) for (kind, part), detail in raised.items() if kind != silent.kind
        ]
        return [silent, *before]
    if gateway.reported_at is None or now - gateway.reported_at > SILENT_AFTER:
        return []  # an older gateway that only uploads
    open_kinds = {kind for kind, _ in raised}
    return [
        *_clock(gateway, Kind.CLOCK_WRONG in open_kinds),
        *_room(gateway, Kind.SPOOL_FILLING in open_kinds),
        *_own_words(gateway),
        *(finding for channel in gateway.channels for finding in _channel(channel, raised)),
    ]


def _clock(gateway: GatewayNow, was_wrong: bool) -> Iterator[Finding]:
    off_s = abs(gateway.clock_ahead_s)
    if off_s >= (CLOCK_RIGHT_S if was_wrong else CLOCK_WRONG_S):
        side = "ahead" if gateway.clock_ahead_s > 0 else "behind"
        severity = "high" if off_s >= CLOCK_VERY_WRONG_S else "medium"
        yield Finding(Kind.CLOCK_WRONG, severity, f"the clock is {off_s:.0f} s {side}: see to its time server")


def _room(gateway: GatewayNow, was_filling: bool) -> Iterator[Finding]:
    share = gateway.spool_bytes / max(1, gateway.spool_limit_bytes)
    scarce = DISK_EASY_BYTES if was_filling else DISK_SCARCE_BYTES
    if share >= (SPOOL_EASY if was_filling else SPOOL_FULL):
        yield Finding(Kind.SPOOL_FILLING, "medium", f"{share:.0%} of the spool is used")
    elif gateway.disk_free_bytes < scarce:
        free_mb = gateway.disk_free_bytes // 2**20
        yield Finding(Kind.SPOOL_FILLING, "medium", f"{free_mb} MB of the disk are left")
    if gateway.dropped_lately:
        detail = f"{gateway.dropped_lately} telegrams were given up for want of room in the last hours"
        yield Finding(Kind.TELEGRAMS_DROPPED, "high", detail)
    elif gateway.lost:
        detail = f"{gateway.lost} telegrams fitted neither on the disk nor in memory since the gateway's start"
        yield Finding(Kind.TELEGRAMS_DROPPED, "high", detail)


def _own_words(gateway: GatewayNow) -> Iterator[Finding]:
    for name in sorted(gateway.lost_dongles):
        yield Finding(Kind.DONGLE_LOST, "medium", f"{name} does not answer", name)
    if gateway.trouble:
        yield Finding(Kind.TROUBLE, "low", gateway.trouble)


def _channel(channel: Channel, raised: Mapping[tuple[Kind, str], str]) -> Iterator[Finding]:
    """Judge a channel by its own hours of the last week."""
    if len(channel.usual_heard) < HISTORY_HOURS:
        return
    usual, noise = median(channel.usual_heard), median(channel.usual_noise)
    mode = channel.link_mode
    was_wrong = (Kind.JAMMED_CHANNEL, mode) in raised or (Kind.DEAF_CHANNEL, mode) in raised
    if usual < USUAL_FRAMES or channel.heard_an_hour >= usual * (2 * FEWER if was_wrong else FEWER):
        return
    heard = f"{channel.heard_an_hour:.0f} telegrams an hour instead of {usual:.0f}"
    if channel.noise_an_hour >= max(LEAST_NOISE, noise * MORE_NOISE):
        detail = f"{mode}: {heard}, and noise {channel.noise_an_hour:.0f} instead of {noise:.0f} an hour"
        yield Finding(Kind.JAMMED_CHANNEL, "high", detail, mode)
    elif channel.heard_an_hour < usual * FEWER or (Kind.DEAF_CHANNEL, mode) in raised:
        yield Finding(Kind.DEAF_CHANNEL, "medium", f"{mode}: {heard}: antenna, cable, or a hung dongle", mode)
