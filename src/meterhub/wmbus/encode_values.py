"""Values to data fields of EN 13757-3, the counterpart of `values`."""

import struct
from datetime import date, datetime
from decimal import Decimal

from meterhub.wmbus.headers import Header
from meterhub.wmbus.model import Value

_UNSET_DATE = {2: b"\xff\xff", 3: b"\xff\xff\xff", 4: b"\x80\0\0\0", 6: b"\0\x80\0\0\0\0"}


def data_field(header: Header, value: Value | date | datetime | bytes) -> bytes:
    """Return the data field of a record; ValueError where the value does not fit it."""
    if isinstance(value, bytes):
        return value
    if header.size == 0:
        return b""
    if header.kind == "date":
        return moment(value, header.size)
    if header.size < 0:
        return _variable(value)
    try:
        if header.data_field >= 9:
            return _bcd(header, value)
        if header.data_field == 5:
            return _real(header, value)
        return _integer(header, value)
    except (OverflowError, struct.error):
        raise ValueError(f"{value} does not fit record {header.dif_vif}") from None


def moment(value: Value | date | datetime | bytes, size: int) -> bytes:
    """Return a date as type G (2 bytes), F (4), I (6), or a time of day as type J (3)."""
    if value is None:
        return _UNSET_DATE[size]
    if isinstance(value, str):
        if size == 3:
            hour, minute, second = map(int, value.split(":"))
            return bytes((second, minute, hour))
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if not isinstance(value, date):
        raise ValueError(f"a date is needed, not {value!r}")  # noqa: TRY004 - one kind of error for callers
    year = value.year % 100
    day = bytes((value.day | (year & 7) << 5, value.month | (year >> 3) << 4))
    if size == 2:
        return day
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a meter's clock has no zone
    if size == 4:
        return bytes((value.minute, value.hour | (0x20 if value.year >= 2000 else 0))) + day
    if size == 6:
        return bytes((value.second, value.minute, value.hour)) + day + b"\0"
    raise ValueError(f"no date type has {size} bytes")


def _scaled(header: Header, value: Value | date) -> int:
    """Return the raw number that stands for a value in the header's unit."""
    if isinstance(value, (int, Decimal)):
        raw = Decimal(value) / header.factor if header.factor is not None else Decimal(value)
        if raw == int(raw):
            return int(raw)
    raise ValueError(f"{value!r} is not a multiple of the step of record {header.dif_vif}")


def _integer(header: Header, value: Value | date) -> bytes:
    if value is None:
        return bytes(header.size - 1) + b"\x80"
    if header.kind == "identifier" and isinstance(value, str):
        return bytes.fromhex(value.rjust(2 * header.size, "0"))[::-1]
    return _scaled(header, value).to_bytes(header.size, "little", signed=header.kind != "flags")


def _bcd(header: Header, value: Value | date) -> bytes:
    digits = 2 * header.size
    if value is None:
        return b"\xff" * header.size
    if header.kind == "identifier" and isinstance(value, str):
        text = value.rjust(digits, "0")
    else:
        number = _scaled(header, value)
        text = f"{number:0{digits}}" if number >= 0 else f"F{-number:0{digits - 1}}"
    if len(text) != digits:
        raise ValueError(f"{value} does not fit the {digits} digits of record {header.dif_vif}")
    return bytes.fromhex(text)[::-1]


def _real(header: Header, value: Value | date) -> bytes:
    if value is None:
        return struct.pack("<f", float("nan"))
    if not isinstance(value, (int, Decimal)):
        raise ValueError(f"a number is needed, not {value!r}")  # noqa: TRY004 - one kind of error for callers
    return struct.pack("<f", float(Decimal(value) / header.factor if header.factor is not None else value))


def _variable(value: Value | date) -> bytes:
    """Return text with its length, last character first."""
    if not isinstance(value, str):
        raise ValueError(f"text is needed, not {value!r}")  # noqa: TRY004 - one kind of error for callers
    raw = value.encode("latin-1")
    if len(raw) > 0xBF:
        raise ValueError(f"{len(raw)} characters; 191 is the most")
    return bytes((len(raw),)) + raw[::-1]
