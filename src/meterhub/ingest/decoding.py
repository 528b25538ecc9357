"""From a frame to a read or to the reason why there is none yet. Pure: meters and keys are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from meterhub.assets.repository import MeterRow
from meterhub.kit.units import volume_ml
from meterhub.wmbus import (
    Address,
    FormatStore,
    FrameError,
    LinkFrame,
    SecurityResult,
    Telegram,
    TelegramKind,
    addresses,
    decode,
    strip_crc,
)


class Reason(StrEnum):
    """Why a frame waits in quarantine."""

    DAMAGED = "damaged"
    UNKNOWN_METER = "unknown-meter"
    KEY_MISSING = "key-missing"
    KEY_WRONG = "key-wrong"
    UNSUPPORTED = "unsupported"
    DOWNGRADED = "downgraded"
    FORMAT_UNKNOWN = "format-unknown"
    UNDECODABLE = "undecodable"


NEXT_STEP: Mapping[Reason, str] = {
    Reason.DAMAGED: "Nothing to do for single frames; many from one gateway mean bad reception or a bad dongle.",
    Reason.UNKNOWN_METER: "Register the meter if it is yours; the frames are then read at once.",
    Reason.KEY_MISSING: "Enter or import the meter's key; the frames are then read at once.",
    Reason.KEY_WRONG: "Check the key against the manufacturer's list and enter it again.",
    Reason.UNSUPPORTED: "The meter's protection cannot be opened yet; frames are kept for later versions.",
    Reason.DOWNGRADED: "The meter has a key but sent this openly: check whether somebody imitates it.",
    Reason.FORMAT_UNKNOWN: "Waits for a full frame of the same meter model, which comes by itself.",
    Reason.UNDECODABLE: "Report the meter model: its frames open, but no register is found in them.",
}

# The register is shown by `meterhub decode`, but nobody should be billed by it before a person has looked.
NOT_BILLABLE = frozenset({"unit-unverified"})

# A record may carry any 64-bit or floating number; no meter counts to a thousand million cubic metres.
MAX_REGISTER_M3 = 10**9

# Part of the conversation between meters and collectors: a sign of life, kept, but nothing to read in it.
WITHOUT_VALUES = frozenset({TelegramKind.ACCESS_NUMBER, TelegramKind.ALARM_PENDING, TelegramKind.FOREIGN})

_SECURITY_REASONS = {
    SecurityResult.KEY_MISSING: Reason.KEY_MISSING,
    SecurityResult.KEY_WRONG: Reason.KEY_WRONG,
    SecurityResult.UNSUPPORTED: Reason.UNSUPPORTED,
}


@dataclass(frozen=True, slots=True)
class Readable:
    """A frame whose link layer is sound, with the addresses it may belong to."""

    raw: bytes
    link: LinkFrame
    candidates: tuple[Address, ...]

    @property
    def to_decode(self) -> bytes | LinkFrame:
        """What the decoder gets: it judges by the content where a frame may or may not end in a CRC."""
        return self.raw if self.link.format == "B" else self.link


@dataclass(frozen=True, slots=True)
class Damaged:
    """A frame that the link layer cannot read."""

    detail: str


@dataclass(frozen=True, slots=True)
class MeterRead:
    """The register that a telegram tells; `volume_ml` is None where it tells none (history only)."""

    meter_id: int
    volume_ml: int | None
    alarms: tuple[str, ...]
    meter_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """Why there is no read, and whose frame it seems to be."""

    reason: Reason
    detail: str
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Registry:
    """Meters by manufacturer and serial, and their keys, newest first."""

    meters: Mapping[tuple[str, str], MeterRow]
    keys: Mapping[int, Sequence[bytes]]


def open_link(raw: bytes) -> Readable | Damaged:
    """Return a frame without link-layer CRCs and its addresses, or what is wrong with it."""
    try:
        link = strip_crc(raw)
        return Readable(raw, link, addresses(link.frame))
    except FrameError as error:
        return Damaged(str(error))


def read_telegram(readable: Readable, registry: Registry, formats: FormatStore) -> MeterRead | Held:
    """Decrypt and decode a frame of a registered meter."""
    found = next(
        ((a, m) for a in readable.candidates if (m := registry.meters.get((a.manufacturer, a.serial)))), None
    )
    if found is None:
        return _held(readable, Reason.UNKNOWN_METER, "the meter is not registered")
    address, meter = found
    keys: Sequence[bytes | None] = registry.keys.get(meter.id) or (None,)
    telegram = decode(readable.to_decode, keys[0], formats)
    for older in keys[1:]:
        if telegram.security is not SecurityResult.KEY_WRONG:
            break
        telegram = decode(readable.to_decode, older, formats)
    if telegram.kind in WITHOUT_VALUES:
        return MeterRead(meter.id, None, telegram.alarms, None)
    if telegram.security is SecurityResult.PLAIN and keys[0] is not None:
        return Held(Reason.DOWNGRADED, "unencrypted, although the meter has a key", address)
    return _judge(telegram, meter, address)


def _judge(telegram: Telegram, meter: MeterRow, address: Address) -> MeterRead | Held:
    notes = "; ".join(f"{d.layer}@{d.offset} {d.code}: {d.message}" for d in telegram.diagnostics)
    if reason := _SECURITY_REASONS.get(telegram.security):
        return Held(reason, notes, address)
    if any(d.code == "format-unknown" for d in telegram.diagnostics):
        return Held(Reason.FORMAT_UNKNOWN, notes, address)
    if any(d.code in NOT_BILLABLE for d in telegram.diagnostics):
        return Held(Reason.UNDECODABLE, notes, address)
    total = telegram.readings.get("total_m3")
    if total is None and (telegram.diagnostics or not telegram.readings):
        return Held(Reason.UNDECODABLE, notes or "no register in this telegram", address)
    if total is not None and abs(Decimal(total)) >= MAX_REGISTER_M3:
        return Held(Reason.UNDECODABLE, f"a register of {total} m3 is more than a meter can count", address)
    try:
        volume = None if total is None else volume_ml(Decimal(total))
    except ValueError as error:
        return Held(Reason.UNDECODABLE, str(error), address)
    return MeterRead(meter.id, volume, telegram.alarms, telegram.meter_at)


def _held(readable: Readable, reason: Reason, detail: str) -> Held:
    return Held(reason, detail, readable.candidates[0] if readable.candidates else None)
