"""What to try next when a telegram was not read, or not well: one or two sentences for each reason."""

from collections.abc import Callable
from typing import NamedTuple

from meterhub.commands._decode_requests import Outcome, Request
from meterhub.wmbus import FormatStore, FrameError, SecurityResult, Telegram, decode, strip_crc
from meterhub.wmbus.dll import HEADER, add_crc_a
from meterhub.wmbus.model import Address, Diagnostic
from meterhub.wmbus.roles import block_is_sound, crc_blocks

_WIRED_START = 0x68


class Case(NamedTuple):
    """One thing that was noticed, about which frame, and how keys were given: "", "key" or "file"."""

    request: Request
    note: Diagnostic
    telegram: Telegram | None
    keyed: str


def advice(request: Request, outcome: Outcome, keyed: str) -> tuple[str, ...]:
    """Return what to try next, the most pressing first; empty where all is well."""
    if isinstance(outcome, Diagnostic):
        return tuple(filter(None, (_for(Case(request, outcome, None, keyed)),)))
    found = [_for(Case(request, note, outcome, keyed)) for note in outcome.diagnostics]
    found += [_unencrypted(outcome, keyed), _unknown_model(outcome)]
    if not outcome.readings and not any(found):
        found.append("It is sound, but nothing in it has a name yet. With --annotate its bytes are shown.")
    return tuple(dict.fromkeys(filter(None, found)))


def _for(case: Case) -> str:
    answer = _BY_CODE.get(case.note.code, "")
    return answer if isinstance(answer, str) else answer(case)


def named(address: Address) -> str:
    """Return maker and serial."""
    return f"{address.manufacturer} {address.serial}"


def _whose(telegram: Telegram) -> str:
    """Return under which names a key may be filed."""
    if named(telegram.meter) == named(telegram.link):
        return named(telegram.meter)
    return f"{named(telegram.meter)} (sent by the radio module {named(telegram.link)}; the key is the meter's)"


def _key_missing(case: Case) -> str:
    if case.telegram is None:
        return ""
    whose = _whose(case.telegram)
    if case.keyed == "file":
        return f"The key file has no key for {whose}. Add a line manufacturer,serial,key for it."
    return (
        f"It is encrypted: give the key of {whose} with --key-file FILE (lines of manufacturer,serial,key) or "
        "--key HEX. Who sold the meter, or its manufacturer, hands the key out."
    )


def _key_wrong(case: Case) -> str:
    telegram = case.telegram
    if telegram is None:
        return ""
    if _opens_reversed(case):
        return "The key fits when its bytes are reversed: write them in the opposite order."
    trimmed = (
        ""
        if _checked(case.request.frame)
        else (" This frame came without CRCs, and a damaged byte looks the same: try another of its telegrams.")
    )
    return (
        f"The key does not open it. Is it the key of {_whose(telegram)}? Neighbouring lines of a key file are "
        f"easily swapped, and a meter may have been given a new key.{trimmed}"
    )


def _checked(frame: bytes) -> bool:
    return strip_crc(frame).crc == "checked"


def _opens_reversed(case: Case) -> bool:
    key, telegram = case.request.key, case.telegram
    if callable(key) and telegram is not None:
        key = key(telegram.meter) or key(telegram.link)
    if not isinstance(key, bytes):
        return False
    try:
        return decode(case.request.frame, key[::-1], FormatStore()).security is SecurityResult.DECRYPTED
    except FrameError:
        return False


def bad_blocks(frame: bytes) -> list[str]:
    """Return which blocks of a format A frame do not fit their CRCs, with their bytes counted from 0."""
    blocks = list(crc_blocks(len(frame), "A"))
    return [
        f"block {number} of {len(blocks)} (bytes {start} to {end + 1})"
        for number, (start, end) in enumerate(blocks, 1)
        if not block_is_sound(frame, start, end)
    ]


def _bad_crc(case: Case) -> str:
    found = bad_blocks(case.request.frame)
    what = "was" if len(found) == 1 else "were"
    which = ", ".join(found)
    return (
        f"{which[:1].upper()}{which[1:]} {what} damaged on the way, or edited. It cannot be repaired: take the "
        "next telegram. If many are damaged, move the antenna or look for a second receiver."
    )


def _truncated(case: Case) -> str:
    frame = case.request.frame
    if len(frame) > 3 and frame[0] == frame[3] == _WIRED_START:
        return "It starts like a wired M-Bus telegram (68 L L 68); this command reads wireless ones."
    if len(frame) < HEADER:
        return f"Only {_bytes(len(frame))} there, and the shortest frame has {HEADER}. Was a line broken in two?"
    trimmed, with_crcs = frame[0] + 1, len(add_crc_a(bytes(frame[0] + 1)))
    found = _sound_part(frame)
    if found is not None:
        return f"A sound frame stands within it, from byte {found}: leave out the {_bytes(found)} before it."
    if len(frame) < trimmed:
        return (
            f"{_bytes(trimmed - len(frame))} missing at the end ({with_crcs - len(frame)} if it has CRCs). "
            "Some receivers cut long telegrams; or the line was not copied whole."
        )
    if block_is_sound(frame, 0, HEADER) and len(frame) < with_crcs:
        return f"It has CRCs, and {_bytes(with_crcs - len(frame))} missing at the end. Was it copied whole?"
    return (
        f"{_bytes(len(frame) - trimmed)} too many for its L-field {frame[0]:02X}. Are two telegrams joined, or "
        "does something stand before it?"
    )


def _bytes(count: int) -> str:
    return "1 byte is" if count == 1 else f"{count} bytes are"


def _sound_part(frame: bytes) -> int | None:
    """Return where a frame whose CRCs prove it starts within other bytes."""
    for start in range(1, len(frame) - HEADER):
        try:
            if strip_crc(frame[start:]).format == "A":
                return start
        except FrameError:
            continue
    return None


def _unencrypted(telegram: Telegram, keyed: str) -> str:
    if keyed != "key" or telegram.security is not SecurityResult.PLAIN or telegram.diagnostics:
        return ""
    return "A key was given, but nothing in this telegram is encrypted. Did you expect that of this meter?"


def _unknown_model(telegram: Telegram) -> str:
    if telegram.driver != "generic" or not telegram.records:
        return ""
    meter = telegram.meter
    return (
        f"No driver knows {meter.manufacturer} version {meter.device_version:02X} type {meter.device_type:02X}; "
        "its readings are named by the standard alone. `meterhub driver new HEX` drafts one from this telegram "
        "(docs/contributing-meter.md)."
    )


_TAKE_ANOTHER = "Its headers break off or disagree: take another telegram of the meter."
_NOT_READ_YET = "This kind of telegram is not read. Keep it: docs/contributing-meter.md says how to send it in."

_BY_CODE: dict[str, str | Callable[[Case], str]] = {
    "key-missing": _key_missing,
    "key-size": "An AES-128 key has 32 hex digits. Was part of it lost when it was copied?",
    "key-wrong": _key_wrong,
    "mac-mismatch": _key_wrong,
    "already-plain": (
        "It is marked as encrypted, but its bytes are plain: another program has decrypted it before. No key is "
        "needed, and nothing proves who sent it."
    ),
    "no-check-bytes": "Compare the readings with the meter's display: the key could not be proven by check bytes.",
    "bad-crc": _bad_crc,
    "truncated": _truncated,
    "payload-truncated": "The end of the encrypted part is missing. Some receivers cut long telegrams.",
    "record-truncated": "The last record breaks off; what stands before it is read. Try another telegram.",
    "record-invalid": "One record breaks the rules of EN 13757-3; what stands before it is read.",
    "dif-reserved": "An unknown kind of record follows; what stands before it is read.",
    "format-unknown": (
        "It is a compact frame: values without their meaning. Give a full frame of the meter before it, as in "
        "`meterhub decode FULL COMPACT` or a file that holds both; meters send one every few telegrams."
    ),
    "compact-mismatch": "The values do not fill the format learned before. Give a full frame of this meter first.",
    "compact-truncated": "The compact frame breaks off. Take another telegram of the meter.",
    "full-frame-crc": "Its CRC does not match the rebuilt records. Give a full frame of this meter first.",
    "payload-crc": "The CRC of the extended link layer does not match: bytes are damaged, missing or too many.",
    "fragment": "A part of a longer message; parts are not joined. Whole messages of this meter are read.",
    "counter-missing": "Mode 7 needs the message counter, which stands before the part given: give it whole.",
    "message-length": "The message is cut or has bytes too many. Take another telegram of the meter.",
    "ell-truncated": _TAKE_ANOTHER,
    "tpl-truncated": _TAKE_ANOTHER,
    "afl-invalid": _TAKE_ANOTHER,
    **dict.fromkeys(
        (
            "ci-unknown",
            "dlms",
            "encryption-unsupported",
            "format-unreadable",
            "manufacturer-specific",
            "mode-unsupported",
            "network-layer",
            "obis",
            "variable-unsupported",
        ),
        _NOT_READ_YET,
    ),
    **dict.fromkeys(("no-ci", "transport-only"), "A sign of life without data. Wait for one with readings."),
    **dict.fromkeys(
        ("command-to-meter", "clock-to-meter", "dlms-to-meter", "foreign", "obis-to-meter"),
        "A collector sent it, not a meter. Look at the meter's own telegrams.",
    ),
    "mode-obsolete": "Its protection is obsolete and keeps no attacker out; this command does not open it.",
    "alarm-telegram": "An alarm without readings. Wait for an ordinary telegram.",
    "alarm-pending": "The meter asks to be read because of an alarm. Wait for an ordinary telegram.",
    "application-error": "The meter reports an error in place of data. Wait for an ordinary telegram.",
    "bad-hex": "Give a telegram in hex digits, or the name of a file that exists.",
    "bad-json": 'Lines for - are objects, {"frame": HEX, "key": HEX or null}. Captures are read from files.',
    "receiver-crc": "The receiver heard it damaged. If many are, move the antenna or look for a second receiver.",
    "unknown-line": (
        "Lines are read that hold hex, rtl_wmbus, wmbusmeters (telegram=|HEX|), JSON objects, or rows of a CSV "
        "file whose first line names the column (frame, telegram, ... or --column NAME)."
    ),
    "no-column": "Look at the first line of the file: --column takes one of its names, separated by , ; or tabs.",
}
