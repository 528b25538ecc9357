"""A role for every byte of a frame: layer, field, value, as far as the key opens it.

`annotate` reads the layers as `decode` does, with the same functions, and puts down what each byte is for.
Keys and what is derived from them are used and never shown.
"""

from dataclasses import replace
from typing import NamedTuple

from meterhub.wmbus import afl, ell, tpl
from meterhub.wmbus import field_words as words
from meterhub.wmbus.annotate_records import put_compact, put_records
from meterhub.wmbus.compact import FormatStore
from meterhub.wmbus.control import TelegramKind, control
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import HEADER, address_of, strip_crc
from meterhub.wmbus.driver import Extract
from meterhub.wmbus.identity import ELL_SIZE, swapped_address
from meterhub.wmbus.media import medium_of
from meterhub.wmbus.model import Address, LinkFrame, SecurityResult
from meterhub.wmbus.opening import KeyLookup, Opened, Work, find_key, open_transport
from meterhub.wmbus.registry import find_driver
from meterhub.wmbus.roles import Layer, Painter, Role, on_air
from meterhub.wmbus.security import BLOCK, KEY_SIZE
from meterhub.wmbus.telegram import decode

__all__ = ["Role", "annotate"]

_READABLE = (SecurityResult.PLAIN, SecurityResult.DECRYPTED)
_SURPLUS, _LEFT = "surplus bytes", "left by the receiver"


def annotate(
    frame: bytes | LinkFrame, key: KeyLookup | bytes | None = None, formats: FormatStore | None = None
) -> tuple[Role, ...]:
    """Return the roles of all bytes in order, without gaps; raises `FrameError` where `decode` does.

    Offsets count the frame as given, with its CRCs where it has them. Decrypted bytes are shown plain and
    say so. A key of the wrong size opens nothing.
    """
    if isinstance(key, bytes) and len(key) != KEY_SIZE:
        key = None
    if isinstance(frame, LinkFrame):
        return tuple(_layers(frame.frame, key, formats))
    raw = bytes(frame)
    inner = decode(raw, key, formats).frame
    roles = _layers(inner, key, formats)
    link = strip_crc(raw)
    if link.format != "trimmed" and link.frame == inner:
        # format B counts the CRCs in the L-field, so the byte is not that of the CRC-free frame
        roles[0] = replace(roles[0], content=raw[:1], value=_following(raw[0]))
        return on_air(raw, link.format, roles)
    surplus = raw[len(inner) :]
    if surplus:
        roles.append(Role("dll", _SURPLUS, len(inner), len(surplus), _LEFT, surplus))
    return tuple(roles)


def _following(count: int) -> str:
    return f"{count} byte{'' if count == 1 else 's'} follow"


def _layers(frame: bytes, key: KeyLookup | bytes | None, formats: FormatStore | None) -> list[Role]:
    """Return the roles of a CRC-free frame."""
    painter = Painter(frame)
    work = Work(frame, address_of(frame[2:HEADER]), key)
    foreign = control(frame[1])[1] is TelegramKind.FOREIGN
    own = None if foreign else _own_protocol(work)
    _put_link(painter, swapped=own is not None and own.swapped)
    if foreign:
        painter.put_rest("apl", "unread", "what collectors say is not read")
    if len(frame) <= HEADER or foreign:
        return painter.roles
    if own is not None:
        _put_own_protocol(painter, own)
        return painter.roles
    if frame[painter.at] == ell.VARIABLE:
        painter.put("ell", "CI-field", 1, words.ci_field(ell.VARIABLE))
        painter.put_rest("ell", "unread", "its layout is not confirmed by any telegram")
        return painter.roles
    if frame[painter.at] in ELL_SIZE and not _put_extended(painter, work):
        return painter.roles
    authentication: afl.AFLHeader | None = None
    if painter.at < len(work.frame) and work.frame[painter.at] == afl.CI:
        authentication = _put_authentication(painter, work)
        if authentication is None:
            return painter.roles
    if painter.at < len(work.frame):
        _put_transport(painter, work, authentication, formats)
    painter.put_rest("dll", _SURPLUS, _LEFT)
    return painter.roles


class _Own(NamedTuple):
    """A driver that reads the whole frame, whether the address is in Diehl's order, and what was read."""

    driver: str
    swapped: bool
    extract: Extract


def _own_protocol(work: Work) -> _Own | None:
    """Let a driver with a protocol of its own take the whole frame."""
    if len(work.frame) <= HEADER:
        return None
    for address, swapped in ((work.link, False), (swapped_address(work.frame), True)):
        driver = find_driver(address, swapped=swapped)
        if driver is None or driver.open_frame is None:
            continue
        try:
            extract = driver.open_frame(work.frame, find_key(work.key, (address, work.link)))
        except (ValueError, IndexError):
            continue
        if extract is not None:
            return _Own(driver.name, swapped, extract)
    return None


def _put_link(painter: Painter, *, swapped: bool) -> None:
    frame = painter.data
    painter.put("dll", "L-field", 1, _following(frame[0]))
    painter.put("dll", "C-field", 1, words.c_field(frame[1]))
    if swapped:
        address = swapped_address(frame)
        painter.put("dll", "M-field", 2, words.manufacturer(frame[2:4], address))
        _put_version_and_type(painter, "dll", address)
        painter.put("dll", "serial", 4, address.serial)
    else:
        address = address_of(frame[2:HEADER])
        painter.put("dll", "M-field", 2, words.manufacturer(frame[2:4], address))
        painter.put("dll", "serial", 4, address.serial)
        _put_version_and_type(painter, "dll", address)


def _put_version_and_type(painter: Painter, layer: Layer, address: Address) -> None:
    painter.put(layer, "device version", 1, f"{address.device_version:02X}")
    painter.put(layer, "device type", 1, medium_of(address))


def _put_own_protocol(painter: Painter, own: _Own) -> None:
    """Put down what a driver reads by itself; where it finds records, they are the end of the frame."""
    painter.put("tpl", "CI-field", 1, words.ci_field(painter.data[HEADER]))
    payload = own.extract.payload or b""
    start = len(painter.data) - len(payload)
    if not payload or start < painter.at:
        painter.put_rest("apl", "maker's protocol", f"read by the driver {own.driver}")
        return
    painter.put("tpl", "maker's header", start - painter.at)
    if own.extract.security is SecurityResult.DECRYPTED:
        painter.replace_tail(start, payload, len(payload))
    put_records(painter)


def _put_extended(painter: Painter, work: Work) -> bool:
    """Put the extended link layer down; False where nothing behind it can be read."""
    at = painter.at
    painter.put("ell", "CI-field", 1, words.ci_field(work.frame[at]))
    try:
        header = ell.parse(work.frame, at)
    except IndexError:
        painter.put_rest("ell", "cut-off header")
        return False
    painter.put("ell", "communication control", 1, words.communication_control(header.cc))
    painter.put("ell", "access number", 1, str(header.access_number))
    if header.partner:
        partner = address_of(header.partner)
        painter.put("ell", "M-field of the partner", 2, partner.manufacturer)
        painter.put("ell", "serial of the partner", 4, partner.serial)
        _put_version_and_type(painter, "ell", partner)
    if not header.session:
        return True
    painter.put("ell", "session number", 4, words.session_number(header))
    key = find_key(work.key, (work.link,)) if header.encryption == 1 else None
    plain = ell.open_payload(work.frame, at, header, key) if header.encryption <= 1 else None
    if plain is None and header.encryption:
        painter.put_rest("ell", "encrypted", "payload CRC and all that follows")
        return False
    if plain is None:
        painter.put("ell", "payload CRC", 2, "does not match")
        painter.put_rest("apl", "unread", "the payload CRC does not match")
        return False
    body, decrypted = plain
    if decrypted:
        protected = crc16(body).to_bytes(2, "little") + body
        painter.replace_tail(painter.at, protected, len(protected))
    painter.put("ell", "payload CRC", 2, "matches")
    work.frame = work.frame[: painter.at] + body
    return True


def _put_authentication(painter: Painter, work: Work) -> afl.AFLHeader | None:
    """Put the authentication and fragmentation layer down; None where nothing behind it can be read."""
    at = painter.at
    painter.put("afl", "CI-field", 1, words.ci_field(afl.CI))
    try:
        header, end = afl.parse(work.frame, at)
    except ValueError as error:
        painter.put_rest("afl", "unread", str(error))
        return None
    painter.put("afl", "length", 1, _following(work.frame[at + 1]))
    painter.put("afl", "fragmentation control", 2, words.fragmentation_control(header))
    if header.fcl & 0x2000:
        painter.put("afl", "message control", 1, words.message_control(header.mcl))
    painter.put("afl", "key information", len(header.key_information), "which key, not the key")
    counter = int.from_bytes(header.counter, "little")
    painter.put("afl", "message counter", len(header.counter), str(counter))
    painter.put("afl", "MAC", len(header.mac), "proves sender and content")
    length = int.from_bytes(header.message_length, "little")
    painter.put("afl", "message length", len(header.message_length), str(length))
    painter.put("afl", "unread", end - painter.at)
    if header.fragmented:
        painter.put_rest("apl", "fragment", "part of a longer message; it is not joined")
        return None
    if not header.fits(work.frame[painter.at :]):
        painter.put_rest("apl", "unread", "the message is not as long as the layer says")
        return None
    return header


def _put_transport(
    painter: Painter, work: Work, authentication: afl.AFLHeader | None, formats: FormatStore | None
) -> None:
    """Put the transport header down, and what it protects."""
    at = painter.at
    end = len(work.frame)
    painter.put("tpl", "CI-field", 1, words.ci_field(work.frame[at]))
    try:
        header = tpl.parse(work.frame, at)
    except KeyError:
        painter.put("apl", "unread", end - painter.at, f"CI {work.frame[at]:02X} is not read")
        return
    except IndexError:
        painter.put("tpl", "cut-off header", end - painter.at)
        return
    _put_transport_header(painter, header)
    opened = open_transport(work, at, authentication)
    surplus = painter.data[end:]
    painter.data = painter.data[:end]
    _put_application(painter, header, opened, formats)
    painter.data += surplus


def _put_transport_header(painter: Painter, header: tpl.TPLHeader) -> None:
    if header.address is not None:
        painter.put("tpl", "serial", 4, header.address.serial)
        painter.put("tpl", "M-field", 2, words.manufacturer(header.on_air[:2], header.address))
        _put_version_and_type(painter, "tpl", header.address)
    if header.access_number is not None:
        painter.put("tpl", "access number", 1, str(header.access_number))
        painter.put("tpl", "status", 1, words.status(header.status))
        painter.put("tpl", "configuration field", 2, words.configuration(header))
    if header.extension is not None:
        painter.put("tpl", "configuration extension", 1)


def _put_application(painter: Painter, header: tpl.TPLHeader, opened: Opened, formats: FormatStore | None) -> None:
    """Put the application layer down, decrypted as far as the key opens it."""
    size = header.encrypted_blocks * BLOCK
    if header.mode == 5 and not size:
        size = (len(painter.data) - painter.at) // BLOCK * BLOCK
    if opened.result not in _READABLE:
        if header.mode in (5, 7):
            painter.put("apl", "encrypted", size, f"with mode {header.mode}")
            painter.put_rest("apl", "unread", "not encrypted, behind what is")
        else:
            painter.put_rest("apl", "encrypted", words.configuration(header))
        return
    if opened.result is SecurityResult.DECRYPTED:
        painter.replace_tail(painter.at, opened.payload, size)
    if opened.content == "full":
        put_records(painter)
    elif opened.content == "compact":
        put_compact(painter, formats)
    else:
        painter.put_rest("apl", opened.content.replace("-", " "))
