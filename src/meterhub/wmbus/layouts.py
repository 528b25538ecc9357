"""The quick way through telegrams whose layout is known: decrypt, compare with a mask, unpack.

A meter model sends the same few layouts for ever. The first telegram of a layout is read by the
general parser; what it found out (where the layers and records stand, which bytes never change) is
kept as a `Layout`, and later telegrams that fit are read by it. Whatever does not fit, for any reason,
goes to the general parser, so the quick way never has to explain an error.
"""

from collections.abc import Callable
from dataclasses import dataclass

from meterhub.wmbus import ell, security
from meterhub.wmbus.compact import SHIPPED, FormatStore
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import HEADER, address_of
from meterhub.wmbus.identity import HOP_AND_REPEATED, long_address
from meterhub.wmbus.model import Address, SecurityResult, Telegram
from meterhub.wmbus.records import read_records
from meterhub.wmbus.security import BLOCK
from meterhub.wmbus.steps import Steps, run_steps

KeyLookup = Callable[[Address], bytes | None]

_MODELS = 4096
_LAYOUTS_A_MODEL = 8
_ZERO_IV = bytes(BLOCK)
_PLAIN, _DECRYPTED = SecurityResult.PLAIN, SecurityResult.DECRYPTED


@dataclass(frozen=True, slots=True)
class Compact:
    """How the values of a compact frame fill the full frame: signature, template, data fields in order."""

    signature: int
    layout: bytes
    template: bytes
    fields: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands in frames of one layout.

    `mask` and `expected` cover the bytes between the link header and `head`, as far as they are the same
    in every frame.
    Positions are 0 where a frame has no such field; `tpl_at` is where the transport layer's CI stands.
    """

    head: int
    mask: int
    expected: int
    open: Callable[["Layout", bytes, bytes], bytes | None] | None
    mode: int
    tpl_at: int
    long_header: bool
    access_at: int
    status_at: int
    counter_at: int
    payload_at: int
    encrypted: int
    steps: Steps
    format: tuple[int, bytes] | None
    compact: Compact | None


_layouts: dict[bytes, list[Layout]] = {}


def keep(frame: bytes, layout: Layout) -> None:
    """Remember the layout of a frame; the oldest of its model goes when there are too many."""
    if len(_layouts) >= _MODELS:
        _layouts.clear()
    # what frames of one layout have in common: L, C, maker, version, type, first CI
    known = _layouts.setdefault(frame[:4] + frame[8:11], [])
    if len(known) >= _LAYOUTS_A_MODEL:
        del known[0]
    known.append(layout)


def forget() -> None:
    """Forget all layouts, as in a new process."""
    _layouts.clear()


def read_known(frame: bytes, key: KeyLookup | bytes | None, formats: FormatStore | None) -> Telegram | None:
    """Return the telegram of a CRC-free frame in a known layout, else None."""
    for layout in _layouts.get(frame[:4] + frame[8:11], ()):
        if int.from_bytes(frame[HEADER : layout.head], "big") & layout.mask == layout.expected:
            telegram = _read(layout, frame, key, formats)
            if telegram is not None:
                return telegram
    return None


def _read(
    layout: Layout, frame: bytes, key: KeyLookup | bytes | None, formats: FormatStore | None
) -> Telegram | None:
    link = meter = address_of(frame[2:HEADER])
    if layout.long_header:
        meter = long_address(frame[layout.tpl_at + 1 : layout.tpl_at + 9])
    if layout.open is None:
        result, payload = _PLAIN, _fitting(layout, frame[layout.payload_at :])
    else:
        own_key = key if key is None or isinstance(key, bytes) else key(meter)
        if own_key is None or len(own_key) != security.KEY_SIZE:
            return None
        result, payload = _DECRYPTED, layout.open(layout, frame, own_key)
    if payload is not None and layout.compact is not None:
        payload = _filled(layout.compact, payload, formats or SHIPPED)
    if payload is None:
        return None
    readings, alarms, meter_at = run_steps(
        layout.steps, payload, frame[layout.status_at] if layout.status_at else 0
    )
    if formats is not None and layout.format is not None:
        formats.learn(*layout.format)
    counter_at = layout.counter_at
    return Telegram(
        frame,
        frame[1],
        link,
        meter,
        layout.steps.driver.name,
        layout.mode,
        result,
        readings,
        alarms,
        meter_at,
        (),
        frame[layout.access_at] if layout.access_at else None,
        int.from_bytes(frame[counter_at : counter_at + 4], "little") if counter_at else None,
        payload,
        read_records,
    )


def _fitting(layout: Layout, payload: bytes) -> bytes | None:
    """Return the payload if all its record headers stand where they should."""
    steps = layout.steps
    if len(payload) == steps.size and int.from_bytes(payload, "big") & steps.mask == steps.expected:
        return payload
    return None


def _filled(compact: Compact, payload: bytes, formats: FormatStore) -> bytes | None:
    """Return the full records of a compact frame's payload (signature, CRC, values)."""
    if int.from_bytes(payload[:2], "little") != compact.signature:
        return None
    if formats.get(compact.signature) != compact.layout:
        return None
    filled = bytearray(compact.template)
    at = 4
    for start, end in compact.fields:
        filled[start:end] = payload[at : at + end - start]
        at += end - start
    full = bytes(filled)
    if crc16(full) != int.from_bytes(payload[2:4], "little"):
        return None
    return full


def open_mode_5(layout: Layout, frame: bytes, key: bytes) -> bytes | None:
    """Open AES-CBC whose initialisation vector is the meter's address and the access number."""
    meter = frame[2:HEADER]
    if layout.long_header:
        at = layout.tpl_at + 1
        meter = frame[at + 4 : at + 6] + frame[at : at + 4] + frame[at + 6 : at + 8]
    start, end = layout.payload_at, layout.payload_at + layout.encrypted
    iv = meter + frame[layout.access_at : layout.access_at + 1] * 8
    return _fitting(layout, security.cbc_decrypt(key, iv, frame[start:end]) + frame[end:])


def open_mode_7(layout: Layout, frame: bytes, key: bytes) -> bytes | None:
    """Open AES-CBC under the keys derived for this telegram, after checking its MAC."""
    at = layout.counter_at
    serial = frame[layout.tpl_at + 1 : layout.tpl_at + 5] if layout.long_header else frame[4:8]
    keys = security.session_keys(key, frame[at : at + 4], serial)
    message = frame[at - 1 : at + 4] + frame[layout.tpl_at :]
    if not security.mac_matches(keys.mac, message, frame[at + 4 : at + 12]):
        return None
    start, end = layout.payload_at, layout.payload_at + layout.encrypted
    opened = security.cbc_decrypt(keys.encryption, _ZERO_IV, frame[start:end])
    return _fitting(layout, opened + frame[end:])


def open_extended(layout: Layout, frame: bytes, key: bytes) -> bytes | None:
    """Open AES-CTR of the extended link layer; payload CRC and CI are inside."""
    counter = frame[2:HEADER] + bytes((frame[11] & ~HOP_AND_REPEATED,)) + frame[13:17] + bytes(3)
    plain = security.ctr_crypt(key, counter, frame[17:])
    if not ell.crc_matches(plain):
        return None
    if layout.compact is not None:
        return plain[3:] if plain[2] == 0x79 else None
    return _fitting(layout, plain[3:]) if plain[2] == 0x78 else None
