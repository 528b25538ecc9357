"""What stands behind the transport header: records, compact and format frames, errors, alarms, the rest."""

from meterhub.wmbus.compact import SHIPPED, FormatStore
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.headers import header_end, resolve
from meterhub.wmbus.identity import SWAPPED
from meterhub.wmbus.model import SecurityResult
from meterhub.wmbus.opening import Opened, Work
from meterhub.wmbus.records import Parsed, layout_of, parse, rebuild

NOTHING = Parsed((), b"", ())
_GOOD = (SecurityResult.PLAIN, SecurityResult.DECRYPTED)
_FILLER = b"\x2f"
_ALARM_WITHOUT_HEADER = 0x71
# EN 13757-3, 10: codes of the application error telegram
_ERRORS = (
    "unspecified",
    "CI-field not implemented",
    "buffer too long, truncated",
    "too many records",
    "premature end of record",
    "more than ten DIFEs",
    "more than ten VIFEs",
    "reserved",
    "application too busy",
    "too many readouts",
)
_KEPT = {
    "dlms": "a DLMS application",
    "obis": "an OBIS or SML application",
    "select-response": "an answer to a selection",
}


def read_application(work: Work, opened: Opened, formats: FormatStore | None) -> tuple[bytes, Parsed]:
    """Parse the records of an opened payload; compact frames are rebuilt to full ones first."""
    payload, at = opened.payload, opened.at
    if opened.result not in _GOOD:
        return payload, NOTHING
    if opened.content == "full":
        parsed = parse(payload, at)
        if formats is not None and parsed.items and not parsed.diagnostics:
            layout = layout_of(parsed)
            formats.learn(crc16(layout), layout)
        work.diagnostics.extend(parsed.diagnostics)
        return payload, parsed
    if opened.content == "compact":
        full = _expand(work, opened, formats or SHIPPED)
        return (full, parse(full, at)) if full is not None else (payload, NOTHING)
    if opened.content == "format":
        _learn(work, opened, formats)
    elif opened.content == "transport-only":
        work.note("tpl", "transport-only", at, f"a sign of life without data, status {opened.status:02X}")
    elif opened.content == "application-error":
        _report_error(work, opened)
    elif opened.content == "alarm":
        _report_alarm(work, opened)
    else:
        work.note("apl", opened.content, at, f"{_KEPT[opened.content]}; kept as it is")
    return payload, NOTHING


def _report_error(work: Work, opened: Opened) -> None:
    """Name the error that a meter reports in place of data."""
    code = opened.payload.strip(_FILLER)[:1]
    name = "without a code" if not code else _ERRORS[code[0]] if code[0] < len(_ERRORS) else f"code {code[0]:02X}"
    work.alarms += ("application_error",)
    work.note("apl", "application-error", opened.at, f"the meter reports an application error: {name}")


def _report_alarm(work: Work, opened: Opened) -> None:
    """Surface an alarm telegram; the meaning of its bits is the maker's."""
    bits = opened.payload.strip(_FILLER)
    if work.frame[2:4] in SWAPPED and opened.ci == _ALARM_WITHOUT_HEADER:
        work.note("apl", "manufacturer-specific", opened.at, "Diehl uses this CI for a protocol of its own")
        return
    if any(bits):
        work.alarms += ("unspecified",)
    work.note(
        "apl", "alarm-telegram", opened.at, f"an alarm telegram, alarm state {bits.hex().upper() or 'absent'}"
    )


def _learn(work: Work, opened: Opened, formats: FormatStore | None) -> None:
    """Learn the format that a format frame announces.

    No published telegram confirms the layout. A list of record headers behind their own signature, with or
    without a length before both, cannot be anything else.
    """
    payload = opened.payload
    if payload[:2] == _FILLER * 2:
        payload = payload[2:]
    for start in (0, 1):
        signature = int.from_bytes(payload[start : start + 2], "little")
        for layout in (payload[start + 2 :], payload[start + 2 :].rstrip(_FILLER)):
            if layout and crc16(layout) == signature and _is_layout(layout):
                if formats is not None:
                    formats.learn(signature, layout)
                return
    work.note("apl", "format-unreadable", opened.at, "a format frame whose layout is not recognised")


def _is_layout(layout: bytes) -> bool:
    """Tell whether bytes are record headers, one behind the other."""
    at = 0
    try:
        while at < len(layout):
            end = header_end(layout, at)
            resolve(layout[at:end])
            at = end
    except (IndexError, ValueError):
        return False
    return True


def _expand(work: Work, opened: Opened, formats: FormatStore) -> bytes | None:
    """Rebuild the full records of a compact frame; None where the format is unknown or does not fit.

    Some meters send a full-frame CRC over records they do not show; where the layer below has already
    proven the bytes, values that fill the format exactly are taken all the same.
    """
    payload = opened.payload.lstrip(b"\x2f") if opened.payload[:2] == b"\x2f\x2f" else opened.payload
    if len(payload) < 4:
        work.note("apl", "compact-truncated", opened.at, "a compact frame starts with four bytes")
        return None
    signature, expected = int.from_bytes(payload[:2], "little"), int.from_bytes(payload[2:4], "little")
    layout = formats.get(signature)
    if layout is None:
        work.note("apl", "format-unknown", opened.at, f"no full frame of format {signature:04X} was seen yet")
        return None
    try:
        full = rebuild(layout, payload[4:])
    except ValueError as error:
        work.note("apl", "compact-mismatch", opened.at, str(error))
        return None
    if crc16(full) != expected:
        work.note("apl", "full-frame-crc", opened.at, "the CRC of the rebuilt full frame does not match")
        return full if work.checked else None
    return full
