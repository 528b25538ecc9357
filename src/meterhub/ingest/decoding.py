"""From a frame to a read or to the reason why there is none yet. Pure: meters and keys are given."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

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
from meterhub.wmbus.dll import HEADER
from meterhub.wmbus.model import Reading


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
    REPLAYED = "replayed"
    IMPLAUSIBLE = "implausible"
    FRAGMENT = "fragment"


NEXT_STEP: Mapping[Reason, str] = {
    Reason.DAMAGED: "Nothing to do for single frames; many from one gateway mean bad reception or a bad dongle.",
    Reason.UNKNOWN_METER: "Register the meter if it is yours; the frames are then read at once.",
    Reason.KEY_MISSING: "Enter or import the meter's key; the frames are then read at once.",
    Reason.KEY_WRONG: "Check the key against the manufacturer's list and enter it again.",
    Reason.UNSUPPORTED: "The meter's protection cannot be opened yet; frames are kept for later versions.",
    Reason.DOWNGRADED: "The meter has a key but sent this openly: check whether somebody imitates it.",
    Reason.FORMAT_UNKNOWN: "Waits for a full frame of the same meter model, which comes by itself.",
    Reason.UNDECODABLE: "Report the meter model: its frames open, but no register is found in them.",
    Reason.REPLAYED: "Nothing to do for single frames, which gateways with wrong clocks cause too; many mean that "
    "somebody sends recorded telegrams.",
    Reason.FRAGMENT: "Waits for the other parts of the message, which come within minutes or were not heard.",
    Reason.IMPLAUSIBLE: "Look at the meter: if its register was set back, retry this reason, which believes it.",
}

# The register is shown by `meterhub decode`, but nobody should be billed by it before a person has looked.
NOT_BILLABLE = frozenset({"unit-unverified"})

# A record may carry any 64-bit or floating number; no meter counts to a thousand million cubic metres.
MAX_REGISTER_M3 = 10**9

# Where the extended link layer of this CI has its session number: encryption (3 bits), minutes (25), session (4).
SESSION_CI, SESSION, TIME_AND_SESSION = 0x8D, slice(13, 17), 0x1FFF_FFFF
USUAL_C_FIELD = 0x44  # SND-NR (EN 13757-4): nearly every telegram
# Part of the conversation between meters and collectors: a sign of life, kept, but nothing to read in it.
WITHOUT_VALUES = frozenset({TelegramKind.ACCESS_NUMBER, TelegramKind.ALARM_PENDING, TelegramKind.FOREIGN})

_SECURITY_REASONS = {
    SecurityResult.KEY_MISSING: Reason.KEY_MISSING,
    SecurityResult.KEY_WRONG: Reason.KEY_WRONG,
    SecurityResult.UNSUPPORTED: Reason.UNSUPPORTED,
}


class Readable(NamedTuple):
    """A frame whose link layer is sound, with the addresses it may belong to."""

    raw: bytes
    link: LinkFrame
    candidates: tuple[Address, ...]

    @property
    def to_decode(self) -> bytes | LinkFrame:
        """What the decoder gets: it judges by the content where a frame may or may not end in a CRC."""
        return self.raw if self.link.format == "B" else self.link


class Damaged(NamedTuple):
    """A frame that the link layer cannot read."""

    detail: str


class MeterRead(NamedTuple):
    """The register that a telegram tells; `volume_ml` is None where it tells none (history only)."""

    meter_id: int
    volume_ml: int | None
    alarms: tuple[str, ...]
    meter_at: datetime | None
    digits: int = 9
    address: Address | None = None
    counter: int | None = None
    """What grows from telegram to telegram: the message counter, or the time in the session number."""


class Held(NamedTuple):
    """Why there is no read, and whose frame it seems to be."""

    reason: Reason
    detail: str
    address: Address | None = None


class Registered(NamedTuple):
    """A registered meter as ingest needs it: whole cubic metres in `digits`, keys newest first."""

    id: int
    digits: int
    keys: tuple[bytes, ...]


class Registry(NamedTuple):
    """Meters by manufacturer and serial."""

    meters: Mapping[tuple[str, str], Registered]


def open_link(raw: bytes) -> Readable | Damaged:
    """Return a frame without link-layer CRCs and its addresses, or what is wrong with it."""
    try:
        link = strip_crc(raw)
        return Readable(raw, link, addresses(link.frame))
    except FrameError as error:
        return Damaged(str(error))


def read_telegram(readable: Readable, registry: Registry, formats: FormatStore) -> MeterRead | Held:
    """Decrypt and decode a frame of a registered meter."""
    return read_with_telegram(readable, registry, formats)[0]


def read_with_telegram(
    readable: Readable, registry: Registry, formats: FormatStore
) -> tuple[MeterRead | Held, Telegram | None]:
    """Do the same, and return as well what was decoded; None where no registered meter sent the frame."""
    for address in readable.candidates:
        meter = registry.meters.get(address[:2])
        if meter is not None:
            telegram = _decoded(readable, meter.keys, formats)
            return _outcome(telegram, meter, address), telegram
    return _held(readable, Reason.UNKNOWN_METER, "the meter is not registered"), None


def _decoded(readable: Readable, keys: tuple[bytes, ...], formats: FormatStore) -> Telegram:
    telegram = decode(readable.to_decode, keys[0] if keys else None, formats)
    for older in keys[1:]:
        if telegram.security is not SecurityResult.KEY_WRONG:
            break
        telegram = decode(readable.to_decode, older, formats)
    return telegram


def _outcome(telegram: Telegram, meter: Registered, address: Address) -> MeterRead | Held:
    keys = meter.keys
    if telegram.c_field != USUAL_C_FIELD and telegram.kind in WITHOUT_VALUES:
        return MeterRead(meter.id, None, telegram.alarms, None)
    if keys and telegram.security is SecurityResult.PLAIN:
        return Held(Reason.DOWNGRADED, "unencrypted, although the meter has a key", address)
    outcome = _judge(telegram, meter, address)
    if not keys and isinstance(outcome, Held) and outcome.reason is Reason.KEY_WRONG:
        # some families leave the factory with a published key, which is tried when there is no other
        return outcome._replace(
            reason=Reason.KEY_MISSING, detail="no key is entered; the published one does not fit"
        )
    return outcome


def _judge(telegram: Telegram, meter: Registered, address: Address) -> MeterRead | Held:
    total = telegram.readings.get("total_m3")
    if telegram.diagnostics or telegram.security in _SECURITY_REASONS or (total is None and not telegram.readings):
        held = _fault(telegram, total, address)
        if held is not None:
            return held
    if total is None:
        return MeterRead(meter.id, None, telegram.alarms, telegram.meter_at)
    register = total if isinstance(total, Decimal) else Decimal(total)
    if abs(register) >= MAX_REGISTER_M3:
        return Held(Reason.UNDECODABLE, f"a register of {total} m3 is more than a meter can count", address)
    try:
        volume = volume_ml(register)
    except ValueError as error:
        return Held(Reason.UNDECODABLE, str(error), address)
    return MeterRead(
        meter.id, volume, telegram.alarms, telegram.meter_at, meter.digits, address, _counter(telegram)
    )


def _counter(telegram: Telegram) -> int | None:
    """Return the message counter, or time and session of an encrypted extended link layer (EN 13757-4, 13.2.10).

    Without encryption nothing vouches for the number, and nothing forbids a meter to repeat it.
    """
    if telegram.message_counter is not None:
        return telegram.message_counter
    frame = telegram.frame
    if telegram.security is SecurityResult.DECRYPTED and frame[HEADER] == SESSION_CI:
        return int.from_bytes(frame[SESSION], "little") & TIME_AND_SESSION
    return None


def _fault(telegram: Telegram, total: Reading | None, address: Address) -> Held | None:
    """Return why a telegram cannot be used, None where what was noticed does not matter."""
    notes = "; ".join(f"{d.layer}@{d.offset} {d.code}: {d.message}" for d in telegram.diagnostics)
    if any(d.code == "fragment" for d in telegram.diagnostics):
        return Held(Reason.FRAGMENT, notes, address)
    if reason := _SECURITY_REASONS.get(telegram.security):
        return Held(reason, notes, address)
    if any(d.code == "format-unknown" for d in telegram.diagnostics):
        return Held(Reason.FORMAT_UNKNOWN, notes, address)
    if any(d.code in NOT_BILLABLE for d in telegram.diagnostics):
        return Held(Reason.UNDECODABLE, notes, address)
    if total is None:
        return Held(Reason.UNDECODABLE, notes or "no register in this telegram", address)
    return None


def _held(readable: Readable, reason: Reason, detail: str) -> Held:
    return Held(reason, detail, readable.candidates[0] if readable.candidates else None)
