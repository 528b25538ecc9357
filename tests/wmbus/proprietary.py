"""Builds telegrams of makers' own protocols for fixtures: the counterparts of the drivers that read them."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from meterhub.wmbus import Address, encode
from meterhub.wmbus.dll import address_bytes, manufacturer_bytes
from meterhub.wmbus.drivers import bmeters_rfmtx1
from meterhub.wmbus.drivers._lfsr import FACTORY_KEYS, decipher
from meterhub.wmbus.encode_values import moment
from meterhub.wmbus.security import cbc_encrypt

Record = Callable[[str, str], encode.DataRecord]


def framed(link: bytes, body: bytes) -> bytes:
    return bytes((9 + len(body), 0x44)) + link + body


def diehl_order(meter: Address) -> bytes:
    version_type = bytes((meter.device_version, meter.device_type))
    return manufacturer_bytes(meter.manufacturer) + version_type + bytes.fromhex(meter.serial)[::-1]


def enciphered(frame: bytes, key: bytes) -> bytes:
    """The cipher adds a stream to the bytes from 15 on, so doing it twice undoes it."""
    return frame[:15] + decipher(frame, key)


def izar(link: bytes, status: str, total: int, last_month: int, day: str, key: bytes = FACTORY_KEYS[0]) -> bytes:
    plain = b"\x4b" + total.to_bytes(4, "little") + last_month.to_bytes(4, "little")
    plain += moment(date.fromisoformat(day), 2)
    return enciphered(framed(link, b"\xa2" + bytes.fromhex(status) + b"\x13" + plain), key)


def real_data(link: bytes, records: bytes, key: bytes = FACTORY_KEYS[1]) -> bytes:
    mark = sum(records) & 0xEF | 0x10
    return enciphered(framed(link, bytes((0x7A, 42, 0, 0, mark)) + records), key)


def apator_na1(
    link: bytes, litres: int, used: int, now: str, age: int, alarms: tuple[int, int], key: bytes
) -> bytes:
    mantissa = (litres >> 4) << 8 | litres & 15
    seconds = int((datetime.fromisoformat(now) - datetime.fromisoformat("2000-01-01")).total_seconds())
    plain = b"\x2f" + mantissa.to_bytes(4, "little") + seconds.to_bytes(4, "little")
    plain += bytes((age & 255, age >> 8 << 2 | used & 3)) + (used >> 2).to_bytes(3, "little") + bytes(alarms)
    access = 0x5A
    return framed(link, bytes((0xA0, access, 0)) + cbc_encrypt(key, link + bytes((access,)) * 8, plain))


def rfmtx1(link: bytes, access: int, total: int, clock: str, months: list[int]) -> bytes:
    digits = bytes.fromhex(f"{total:08}")[::-1]
    rows = zip(digits, bmeters_rfmtx1._TABLES, strict=True)
    hidden = bytes(digit ^ access ^ row[access & 15] for digit, row in rows)
    when = datetime.fromisoformat(clock)
    bcd = bytes.fromhex(f"{when:%S%M%H%d%m%y}")
    body = bytes((0x7A, access, 0, 6, 0x10, 0x11, 0x15)) + hidden + b"\x0f" + bytes(6) + bcd
    return framed(link, body + b"".join(number.to_bytes(3, "little") for number in months))


def build(
    description: dict[str, Any], address: Callable[[str], Address], record: Record, key: bytes | None
) -> bytes:
    """Build the frame of a description that names a protocol or spells its body out."""
    known = dict(description)
    meter = address(known.pop("link"))
    link = address_bytes(meter)
    if "body" in known:
        return framed(link, bytes.fromhex(known["body"].replace(" ", "")))
    protocol = known.pop("protocol")
    if known.pop("swapped", False):
        link = diehl_order(meter)
    if protocol == "izar":
        return izar(link, **known)
    if protocol == "real-data":
        return real_data(link, encode.encode_records(record(*pair) for pair in known["records"]))
    if protocol == "apator-na1":
        return apator_na1(link, **known, key=key or bytes(16))
    if protocol == "rfmtx1":
        return rfmtx1(link, **known)
    raise ValueError(f"no builder for {protocol}")
