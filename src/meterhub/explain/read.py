"""One read: its frame byte by byte, how it was opened and decoded, what was checked, and what rests on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from meterhub.access import audit
from meterhub.access.principal import Principal
from meterhub.assets.keys import key_for
from meterhub.assets.sealing import identity
from meterhub.errors import MeterhubError, NotFound
from meterhub.explain import read_queries
from meterhub.explain.model import Step, Verdict, checked, differences, step_as_json
from meterhub.ingest.decoding import Damaged, Readable, open_link
from meterhub.ingest.history import told_at
from meterhub.ingest.history_queries import register_told
from meterhub.ingest.repository import load_formats
from meterhub.kit.db import AnyRow
from meterhub.kit.hours import ceil_hour, floor_hour
from meterhub.kit.money import ml_as_m3
from meterhub.kit.units import volume_ml
from meterhub.readings.hourly import Quality
from meterhub.settings import Settings
from meterhub.wmbus import FormatStore, FrameError, SecurityResult, Telegram, decode, fingerprint
from meterhub.wmbus.annotate import Role, annotate


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame decoded again; `key` names the key that opened it by number and day, never by value."""

    telegram: Telegram
    roles: tuple[Role, ...]
    key: str


@dataclass(frozen=True, slots=True)
class ReadExplanation:
    """Everything that is known about a read."""

    read: AnyRow
    frame: AnyRow | None
    heard: Sequence[AnyRow]
    opened: Opened | None
    steps: tuple[Step, ...]
    hours: Sequence[AnyRow]
    invoices: Sequence[str]

    @property
    def agrees(self) -> bool:
        """Whether no check differs."""
        return all(one.verdict is not Verdict.DIFFERS for step in self.steps for one in step.walk())

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        read = self.read
        return {
            "id": read.id,
            "agrees": self.agrees,
            "meter": {"manufacturer": read.manufacturer, "serial": read.serial, "model": read.model},
            "point_code": read.point_code,
            "at": read.at.isoformat(),
            "volume_m3": str(ml_as_m3(read.volume_ml)),
            "source": read.source,
            "alarms": read.alarms,
            "meter_at": read.meter_at.isoformat() if read.meter_at else None,
            "set_aside": read.set_aside,
            "frame": self._frame_as_json(),
            "checks": [step_as_json(step) for step in self.steps],
            "hours": [
                {
                    "hour": row.hour.isoformat(),
                    "volume_m3": str(ml_as_m3(row.volume_ml)),
                    "quality": Quality(row.quality).name.lower(),
                }
                for row in self.hours
            ],
            "invoices": list(self.invoices),
        }

    def _frame_as_json(self) -> dict[str, Any] | None:
        frame = self.frame
        if frame is None:
            return None
        told: dict[str, Any] = {
            "id": frame.id,
            "hex": bytes(frame.frame).hex(),
            "received_at": frame.received_at.isoformat(),
            "ingested_at": frame.ingested_at.isoformat(),
            "gateway": frame.gateway,
            "rssi_dbm": frame.rssi_dbm,
            "link_mode": frame.link_mode,
            "heard_again": [
                {"gateway": row.gateway, "received_at": row.received_at.isoformat(), "rssi_dbm": row.rssi_dbm}
                for row in self.heard
            ],
        }
        if self.opened is not None:
            telegram = self.opened.telegram
            told |= {
                "security": {
                    "mode": telegram.security_mode,
                    "result": telegram.security.value,
                    "key": self.opened.key,
                },
                "driver": telegram.driver,
                "readings": {name: str(value) for name, value in telegram.readings.items()},
                "bytes": [_role_as_json(role) for role in self.opened.roles],
            }
        return told


def _role_as_json(role: Role) -> dict[str, object]:
    return {
        "offset": role.offset,
        "layer": role.layer,
        "name": role.name,
        "hex": role.content.hex(),
        "value": role.value,
        "decrypted": role.decrypted,
    }


def read(
    connection: Connection, settings: Settings, read_id: int, *, with_invoices: bool = True
) -> ReadExplanation:
    """Explain a read; raise NotFound."""
    stored = read_queries.read(connection, read_id)
    if stored is None:
        raise NotFound(f"there is no read {read_id}, or it has left by retention")
    frame = read_queries.frame(connection, stored.raw_frame_id) if stored.raw_frame_id is not None else None
    window = timedelta(seconds=settings.dedupe_window_s)
    opened: Opened | None = None
    heard: Sequence[AnyRow] = ()
    steps: list[Step] = []
    if frame is not None:
        heard = read_queries.heard_again(connection, frame.id, frame.received_at, window)
        told = register_told(connection, stored.meter_id, stored.at, frame.id)
        opened, decoding = _decoded(connection, settings, stored, frame, told)
        steps = [_transmission(connection, stored, frame, window, told), decoding]
    elif stored.raw_frame_id is not None:
        steps = [Step(f"raw frame {stored.raw_frame_id}", Verdict.UNKNOWN, "its retention has ended")]
    around = read_queries.neighbours(connection, stored.meter_id, stored.at)
    steps += [_between(stored, around), *_validation(connection, stored)]
    since, until = _reach(stored.at, around)
    return ReadExplanation(
        stored,
        frame,
        heard,
        opened,
        tuple(steps),
        read_queries.hours(connection, stored.meter_id, since, until),
        read_queries.invoices(connection, stored.meter_id, read_id) if with_invoices else (),
    )


def record_look(connection: Connection, principal: Principal, found: ReadExplanation) -> None:
    """Put on record that somebody looked at a read, and that a key was used for it."""
    meter = f"meter:{identity(found.read.manufacturer, found.read.serial)}"
    subject = f"point:{found.read.point_code}" if found.read.point_code else meter
    detail = {"read": found.read.id, "meter": meter, "opened": found.opened is not None}
    audit.record(
        connection, principal, action="explain-read", purpose="operations", subject=subject, detail=detail
    )


def _transmission(
    connection: Connection, stored: AnyRow, frame: AnyRow, window: timedelta, told: str | None
) -> Step:
    """Check that the frame is the read's, and the only one of its transmission.

    A register of the past (`told` names it) was heard after its time.
    """
    link = open_link(bytes(frame.frame))
    content = link.link.frame if isinstance(link, Readable) else bytes(frame.frame)
    found = differences(
        {"time": stored.at if told is None else frame.received_at, "fingerprint": frame.fingerprint},
        {"time": frame.received_at, "fingerprint": fingerprint(content)},
    )
    if told is not None and stored.at >= frame.received_at:
        found.append(f"a register of the past cannot be of {stored.at} in a frame of {frame.received_at}")
    others = read_queries.twins(connection, frame, window)
    if others:
        found.append(f"the same bytes were stored within {window.seconds} s as frame {others[0]}")
    return checked(f"raw frame {frame.id} is the only one of its transmission", found)


def _decoded(
    connection: Connection, settings: Settings, stored: AnyRow, frame: AnyRow, told: str | None
) -> tuple[Opened | None, Step]:
    title = "decrypted and decoded again"
    link = open_link(bytes(frame.frame))
    if isinstance(link, Damaged):
        return None, Step(title, Verdict.DIFFERS, f"the frame is damaged: {link.detail}")
    formats = FormatStore(load_formats(connection))
    try:
        opened = _open(connection, settings, stored.meter_id, link, formats)
    except (FrameError, MeterhubError) as error:
        said = error.detail if isinstance(error, MeterhubError) else str(error)
        return None, Step(title, Verdict.UNKNOWN, f"cannot be opened here: {said}")
    if told is not None:
        return opened, _of_the_past(opened, settings, stored, frame, told)
    total = opened.telegram.readings.get("total_m3")
    register = None if total is None or isinstance(total, str) else volume_ml(Decimal(total))
    shown = "no register" if register is None else f"{ml_as_m3(register):f} m³"
    found = differences(
        {"volume [ml]": stored.volume_ml, "alarms": sorted(stored.alarms)},
        {"volume [ml]": register, "alarms": sorted(opened.telegram.alarms)},
    )
    return opened, checked(f"{title}: {shown}, {opened.key}", found)


def _of_the_past(opened: Opened, settings: Settings, stored: AnyRow, frame: AnyRow, told: str) -> Step:
    """Check that the frame tells the register for the time of the read, which is before it was heard."""
    register = told_at(opened.telegram, frame.received_at, stored.at, settings.tz)
    shown = "no register of that time" if register is None else f"{ml_as_m3(register):f} m³"
    title = f"historic register {told} of {stored.meter_at}, from the frame of {frame.received_at.isoformat()}"
    return checked(
        f"{title}, decoded again: {shown}, {opened.key}",
        differences({"volume [ml]": stored.volume_ml}, {"volume [ml]": register}),
    )


def _open(
    connection: Connection, settings: Settings, meter_id: int, link: Readable, formats: FormatStore
) -> Opened:
    """Try the meter's keys as ingest does, newest first."""
    numbered = read_queries.keys(connection, meter_id)
    kept = key_for(connection, settings, meter_id) if numbered else []
    for row, key in zip(numbered, kept, strict=True):
        telegram = decode(link.to_decode, key, formats)
        if telegram.security is SecurityResult.DECRYPTED:
            name = f"opened by key {row.id} of {row.created_at:%Y-%m-%d}"
            return Opened(telegram, annotate(link.raw, key, formats), name)
    telegram = decode(link.to_decode, None, formats)
    plain = telegram.security is SecurityResult.PLAIN
    return Opened(telegram, annotate(link.raw, None, formats), "not encrypted" if plain else "opened by no key")


def _between(stored: AnyRow, around: Sequence[AnyRow]) -> Step:
    """Check that the register lies between those of its neighbours in time."""
    found = [
        f"read {row.id} {'before' if row.at < stored.at else 'after'} it shows {ml_as_m3(row.volume_ml)} m³"
        for row in around
        if (row.volume_ml > stored.volume_ml) == (row.at < stored.at) and row.volume_ml != stored.volume_ml
    ]
    note = "; ".join(found)
    # not an error in itself: rollover, backflow and exchanges are judged by validation
    return Step(
        "its register lies between those before and after", Verdict.UNKNOWN if found else Verdict.AGREES, note
    )


def _validation(connection: Connection, stored: AnyRow) -> list[Step]:
    steps = []
    if stored.set_aside:
        steps.append(Step("a person has set it aside: it does not count", Verdict.UNKNOWN))
    for row in read_queries.findings(connection, stored.meter_id, stored.at):
        title = f"validation rule {row.rule}: {row.severity}, {row.state}"
        steps.append(Step(title, Verdict.UNKNOWN if row.state == "open" else Verdict.AGREES))
    return steps


def _reach(at: datetime, around: Sequence[AnyRow]) -> tuple[datetime, datetime]:
    """Return the hours that change with a read: up to those around its neighbours."""
    before = max((row.at for row in around if row.at < at), default=at)
    after = min((row.at for row in around if row.at > at), default=at)
    return floor_hour(before), ceil_hour(after)
