"""Roles of the bytes of the application layer: DIF, VIF and value of each record, fillers, compact frames."""

from collections.abc import Iterator
from decimal import Decimal

from meterhub.wmbus.compact import SHIPPED, FormatStore
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.headers import Header
from meterhub.wmbus.model import Value
from meterhub.wmbus.records import FILLER, MANUFACTURER, MORE_FOLLOW, Item, parse, rebuild
from meterhub.wmbus.roles import Painter

_FIELDS = (
    "no data",
    "8 bit integer",
    "16 bit integer",
    "24 bit integer",
    "32 bit integer",
    "32 bit real",
    "48 bit integer",
    "64 bit integer",
    "selection for readout",
    "2 digit BCD",
    "4 digit BCD",
    "6 digit BCD",
    "8 digit BCD",
    "variable length",
    "12 digit BCD",
    "special",
)
_COMPACT_HEAD = 4
_PLAIN_TEXT, _EXTENDED_PLAIN_TEXT = 0x7C, 0xFC
_MAKERS_OWN = "manufacturer specific"
_TABLES = (0xFB, 0xFD, 0xEF)


def put_records(painter: Painter) -> None:
    """Give the rest of the data, which are records, their roles."""
    start = painter.at
    payload = painter.data[start:]
    for number, item in enumerate(parse(payload).items):
        head = start + item.offset - len(item.header.raw)
        _put_fillers(painter, head - painter.at)
        for name, size, value in _header_parts(item.header):
            painter.put("apl", name, size, value, number)
        _put_value(painter, item, number)
    _put_tail(painter)


def put_compact(painter: Painter, formats: FormatStore | None) -> None:
    """Give the rest of the data, which is a compact frame, its roles; values only where the format is known."""
    if painter.data[painter.at : painter.at + 2] == bytes((FILLER, FILLER)):
        _put_fillers(painter, _leading_fillers(painter))
    payload = painter.data[painter.at :]
    signature = int.from_bytes(payload[:2], "little")
    layout = (formats or SHIPPED).get(signature) if len(payload) >= _COMPACT_HEAD else None
    known = "" if layout is None else ", known"
    painter.put("apl", "format signature", 2, f"{signature:04X}{known}")
    try:
        full = rebuild(layout, payload[_COMPACT_HEAD:]) if layout is not None else None
    except ValueError:
        full = None
    if full is None:
        painter.put("apl", "full-frame CRC", 2)
        painter.put_rest("apl", "values of a full frame", "their format is not known" if layout is None else "")
        return
    matches = crc16(full) == int.from_bytes(payload[2:4], "little")
    painter.put("apl", "full-frame CRC", 2, "matches the rebuilt records" if matches else "does not match")
    for number, item in enumerate(parse(full).items):
        _put_value(painter, item, number)
    painter.put_rest("apl", "values of a full frame", "not read")


def _leading_fillers(painter: Painter) -> int:
    rest = painter.data[painter.at :]
    return len(rest) - len(rest.lstrip(bytes((FILLER,))))


def _put_fillers(painter: Painter, size: int) -> None:
    """Put fillers down; the two that lead a decrypted payload prove the key."""
    before = painter.roles[-1] if painter.roles else None
    if size >= 2 and painter.at in painter.decrypted and (before is None or before.layer != "apl"):
        painter.put("apl", "check bytes", 2, "2F2F as they should be")
        size -= 2
    painter.put("apl", "filler", size)


def _put_tail(painter: Painter) -> None:
    """Put down what follows the last readable record."""
    _put_fillers(painter, _leading_fillers(painter))
    if painter.at >= len(painter.data):
        return
    dif = painter.data[painter.at]
    if dif in (MANUFACTURER, MORE_FOLLOW):
        more = "" if dif == MANUFACTURER else ", more records in the next telegram"
        painter.put("apl", "DIF", 1, f"the maker's own data follow{more}")
        painter.put_rest("apl", "manufacturer data")
    else:
        painter.put_rest("apl", "unread", "not a complete record")


def _put_value(painter: Painter, item: Item, number: int) -> None:
    header = item.header
    if header.size < 0 and item.raw:
        painter.put("apl", "LVAR", 1, f"{len(item.raw) - 1} bytes follow", number)
    name = ", ".join(filter(None, (header.quantity, _qualifiers(header))))
    size = len(item.raw) - (header.size < 0)
    painter.put("apl", "value", size, f"{name} = {shown(item.value, header.unit)}", number)


def shown(value: Value, unit: str) -> str:
    """Return a value with its unit as people write it."""
    if value is None:
        return "no value"
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"{text} {unit}".rstrip()


def _header_parts(header: Header) -> Iterator[tuple[str, int, str]]:
    """Yield name, size and value of the bytes of a record header."""
    raw = header.raw
    places = [
        f"{name} {number}"
        for name, number in (
            ("storage", header.storage),
            ("tariff", header.tariff_register),
            ("subunit", header.subunit),
        )
        if number
    ]
    yield "DIF", 1, ", ".join((_FIELDS[header.data_field], header.function, *places))
    at = 1
    while raw[at - 1] & 0x80:
        at += 1
    if at > 1:
        yield "DIFE", at - 1, ", ".join(places)
    vif = raw[at]
    unit = f" in {header.unit}" if header.unit else ""
    scale = f", times {header.factor:f}" if header.factor is not None and header.factor != 1 else ""
    meaning = f"{header.quantity}{unit}{scale}"
    size = 2 if vif in _TABLES else 1
    if raw[at : at + 2] == b"\xfd\xfd":
        size = 3
    yield "VIF", size, meaning
    at += size
    if vif in (_PLAIN_TEXT, _EXTENDED_PLAIN_TEXT):
        yield "unit in text", 1 + raw[at], header.unit
        at += 1 + raw[at]
    if at < len(raw):
        yield "VIFE", len(raw) - at, _qualifiers(header)


def _qualifiers(header: Header) -> str:
    """Return what the VIFEs say; behind a manufacturer specific VIF they are the maker's own code."""
    if header.quantity == _MAKERS_OWN:
        return f"code {header.dif_vif}"
    return ", ".join(header.qualifiers)
