"""What a fuzzer, or a test, feeds with any bytes: each target checks what must hold whatever arrives."""

import struct
from collections.abc import Callable
from dataclasses import fields
from datetime import date
from decimal import Decimal
from unittest.mock import patch

from meterhub.wmbus import (
    Address,
    FormatStore,
    FrameError,
    Legacy,
    LinkFrame,
    Reassembler,
    Telegram,
    addresses,
    decode,
    fingerprint,
    strip_crc,
    telegram,
)
from meterhub.wmbus.coding import decode_3of6, decode_manchester
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import add_crc_a, add_crc_b, address_bytes
from meterhub.wmbus.encode import DataRecord, Message, encode_fragments
from meterhub.wmbus.history import dated_registers
from meterhub.wmbus.layouts import forget
from meterhub.wmbus.records import layout_of, parse, rebuild
from meterhub.wmbus.registry import all_drivers
from meterhub.wmbus.security import cbc_encrypt, cmac, ctr_crypt, session_keys

KEY = bytes(range(16))
_COUNTER = bytes.fromhex("B30A0000")
_COMPARED = tuple(entry.name for entry in fields(Telegram) if entry.name != "parsed")


_LONG = Message(
    Address("SEN", "12345678", 0x68, 0x07),
    tuple(
        DataRecord.of(header, Decimal(1)) for header in ("0413", "4413", "840113", "C40113", "840213", "C40213")
    ),
    mode=7,
    key=KEY,
    plain_tail=(DataRecord.of("0D78", b"\xb0" + bytes(176)),),
)
_DAY = date.fromisoformat("2026-11-21")


def _links() -> tuple[bytes, ...]:
    """Return a link address of each family that has a driver, in the byte order it is sent in."""
    found = [bytes.fromhex("AE0C785634120107")]
    for driver in all_drivers():
        for entry in driver.detect:
            version = min(entry.versions or (1,))
            device_type = min(entry.types or (7,))
            on_air = address_bytes(Address(entry.manufacturer, "12345678", version, device_type))
            found.append(on_air[:2] + on_air[6:] + on_air[2:6] if entry.swapped else on_air)
    return tuple(found)


_LINKS = _links()


def _sized(body: bytes) -> bytes:
    """Return the C-field and what follows as a CRC-free frame."""
    body = body[:255]
    return bytes((len(body),)) + body


def _look_at(found: Telegram) -> None:
    """Use all that a telegram offers."""
    assert all(record.raw is not None for record in found.records)
    assert isinstance(found.diagnostics, tuple)
    dated_registers(found)


def _answer(raw: bytes | LinkFrame, key: bytes | None, formats: FormatStore) -> object:
    try:
        found = decode(raw, key, formats)
    except FrameError as error:
        return error.code, error.layer, error.offset
    _look_at(found)
    return [getattr(found, name) for name in _COMPARED], found.records, formats.learned()


def _refusal(work: Callable[[], object]) -> FrameError | None:
    """Return the error of a function that may refuse its input."""
    try:
        work()
    except FrameError as error:
        return error
    return None


def strip(data: bytes) -> None:
    """The link layer recognises what it has built, and knows no other failure than its own."""
    refusal = _refusal(lambda: strip_crc(data))
    assert refusal is None or 0 <= refusal.offset <= len(data)
    frame = _sized(data.ljust(9, b"\0"))
    assert strip_crc(add_crc_a(frame)).frame == frame
    if len(frame) <= 252:
        assert strip_crc(add_crc_b(frame)).frame == frame
    addresses(frame)
    fingerprint(frame)


def chips(data: bytes) -> None:
    """Line codes end in bytes or in their own errors."""
    for size in (len(data) // 2, len(data) * 2 // 3):
        refusal = _refusal(lambda size=size: decode_3of6(data, size))
        assert refusal is None or refusal.layer == "coding"
    refusal = _refusal(lambda: decode_manchester(data))
    assert refusal is None or refusal.layer == "coding"


def records(data: bytes) -> None:
    """Records lie where they say; values and formats put together again are the records."""
    parsed = parse(data)
    for item in parsed.items:
        assert data[item.offset : item.offset + len(item.raw)] == item.raw
        item.record()
    fixed = b"".join(item.raw for item in parsed.items)
    whole = b"".join(item.header.raw + item.raw for item in parsed.items)
    assert rebuild(layout_of(parsed), fixed) == whole
    try:
        rebuild(data[: len(data) // 2], data[len(data) // 2 :])
    except ValueError:
        return


def plain(data: bytes) -> None:
    """Frames of any content, as received and trimmed, without a key, with one and with one of a wrong size."""
    for key in (None, KEY, KEY[:7]):
        _answer(data, key, FormatStore())
        _answer(_sized(data), key, FormatStore())


def family(data: bytes) -> None:
    """Frames of a family that has a driver, up to the family's own protocol."""
    if len(data) < 2:
        return
    link = _LINKS[int.from_bytes(data[:2], "little") % len(_LINKS)]
    _answer(_sized(b"\x44" + link + data[2:]), KEY, FormatStore())


def keyed(data: bytes) -> None:
    """Payloads of any content behind encryption that the key opens."""
    if len(data) < 4:
        return
    link = _LINKS[data[0] % len(_LINKS)]
    kind, access, status = data[1] % 4, data[2], data[3]
    body = b"\x2f\x2f" + data[4:210]
    padded = body + b"\x2f" * (-len(body) % 16)
    blocks = len(padded) // 16
    if kind == 0:
        sealed = cbc_encrypt(KEY, link + bytes((access,)) * 8, padded)
        frame = bytes((0x7A, access, status, blocks << 4 & 0xF0, 0x05)) + sealed
    elif kind == 1:
        keys = session_keys(KEY, _COUNTER, link[2:6])
        rest = bytes((0x7A, access, status, blocks << 4 & 0xF0, 0x07, 0x10))
        rest += cbc_encrypt(keys.encryption, bytes(16), padded)
        mac = cmac(keys.mac, b"\x25" + _COUNTER + rest)[:8]
        frame = bytes.fromhex("900F002C25") + _COUNTER + mac + rest
    else:
        inner = bytes((0x78 if kind == 2 else data[3],)) + body
        session = bytes((access, 0, 0, 0x20))
        protected = crc16(inner).to_bytes(2, "little") + inner
        counter = link + b"\x20" + session + bytes(3)
        frame = b"\x8d\x20" + bytes((access,)) + session + ctr_crypt(KEY, counter, protected)
    _answer(_sized(b"\x44" + link + frame), KEY, FormatStore())


def quick(data: bytes) -> None:
    """The quick way and the general parser agree on a frame and on changed copies of it."""
    if len(data) < 8:
        return
    link = _LINKS[data[0] % len(_LINKS)]
    changes = struct.unpack("<4B", data[1:5])
    first = _sized(b"\x44" + link + b"\x7a\x01\x00\x00\x00" + data[5:])
    second = bytearray(first)
    second[10 + changes[0] % (len(first) - 10)] ^= changes[1]
    second[10 + changes[2] % (len(first) - 10)] ^= changes[3]
    forget()
    formats = FormatStore()
    _answer(first, None, formats)
    fast = _answer(bytes(second), None, formats)
    formats = FormatStore()
    with patch.object(telegram, "read_known", return_value=None):
        _answer(first, None, formats)
        general = _answer(bytes(second), None, formats)
    assert fast == general


def formats(data: bytes) -> None:
    """Full frames teach formats, compact frames of any content are filled with them or refused."""
    store = FormatStore(limit=16)
    cut = len(data) // 2
    link = b"\x44" + _LINKS[0]
    _answer(_sized(link + b"\x78" + data[:cut]), None, store)
    signatures = [*store.learned(), 0xA8ED, 0xD2F7]
    for signature in signatures:
        layout = store.get(signature)
        assert layout is not None
        try:
            full = rebuild(layout, data[cut:])
        except ValueError:
            full = b""
        body = signature.to_bytes(2, "little") + crc16(full).to_bytes(2, "little") + data[cut:]
        _answer(_sized(link + b"\x79" + body), None, store)
    assert len(store.learned()) <= 16


def fragments(data: bytes) -> None:
    """Fragments of any content in any order are joined to frames that decode, within bounds."""
    collected = Reassembler(timeout_s=50, limit=4)
    at, clock = 0, 0
    while at + 6 < len(data):
        meter, fcl, clock_step, size = data[at], data[at + 1 : at + 3], data[at + 3], data[at + 4] & 31
        clock += clock_step >> 4
        link = b"\x44" + _LINKS[meter & 7]
        body = data[at + 5 : at + 5 + size]
        at += 5 + size
        layer = b"\x90" + bytes((2 + min(meter >> 3, len(body)),)) + fcl + body
        joined = collected.add(_sized(link + layer), clock)
        assert len(collected) <= 4
        if joined is not None:
            _answer(joined, KEY, FormatStore())
    frames = encode_fragments(_LONG, 8 + len(data) % 90)
    order = sorted(range(len(frames)), key=lambda number: data[number % len(data)] if data else number)
    found = [frame for number in order if (frame := collected.add(frames[number], clock)) is not None]
    assert [decode(frame, KEY).readings["total_m3"] for frame in found] == [1]


def obsolete(data: bytes) -> None:
    """Modes 2, 3 and 4 with any content and the caller's consent."""
    if len(data) < 4:
        return
    link = _LINKS[data[0] % len(_LINKS)]
    mode = 2 + data[1] % 3
    head = b"\x44" + link + b"\x7a" + data[2:5] + bytes((mode,))
    for key in (None, KEY, KEY[:8]):
        try:
            _look_at(decode(_sized(head + data[5:]), key, None, Legacy(_DAY)))
        except FrameError:
            continue


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (strip, chips, records, plain, family, keyed, quick, formats, fragments, obsolete)
}
