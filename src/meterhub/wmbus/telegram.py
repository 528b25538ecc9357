"""From frame to telegram: peel the layers, open what the key opens, name the values."""

from meterhub.wmbus import afl, ell
from meterhub.wmbus.application import NOTHING, read_application
from meterhub.wmbus.compact import FormatStore
from meterhub.wmbus.control import TelegramKind, control
from meterhub.wmbus.dll import HEADER, address_of, strip_crc
from meterhub.wmbus.driver import Body, Driver, Extract
from meterhub.wmbus.identity import ELL_SIZE, swapped_address
from meterhub.wmbus.layouts import read_known
from meterhub.wmbus.learning import learn
from meterhub.wmbus.legacy import Legacy
from meterhub.wmbus.model import Address, LinkFrame, SecurityResult, Telegram
from meterhub.wmbus.naming import Named, name_items
from meterhub.wmbus.opening import KeyLookup, Opened, Work, find_key, open_transport
from meterhub.wmbus.records import Parsed, parse, read_records
from meterhub.wmbus.registry import find_driver, generic
from meterhub.wmbus.security import KEY_SIZE

_GOOD = (SecurityResult.PLAIN, SecurityResult.DECRYPTED)


def decode(
    frame: bytes | LinkFrame,
    key: KeyLookup | bytes | None = None,
    formats: FormatStore | None = None,
    legacy: Legacy | None = None,
) -> Telegram:
    """Decode a frame, with or without CRCs; raises `FrameError` only for damage at the link layer.

    `key` is the meter's key, or a function that is asked for one address after the other. What is
    wrong further up (no key, wrong key, a cut record) is told by `security` and `diagnostics`, and
    the readings before it are kept. `formats` carries what compact frames need from frame to frame.
    Obsolete protection (modes 2, 3 and 4) is opened only where `legacy` consents to it.
    """
    if isinstance(frame, LinkFrame):
        return read_known(frame.frame, key, formats) or _decode(frame.frame, key, formats, legacy)
    known = read_known(frame, key, formats) if frame and len(frame) == frame[0] + 1 else None
    if known is not None:
        return known
    link = strip_crc(frame)
    telegram = (read_known(link.frame, key, formats) if link.format != "trimmed" else None) or _decode(
        link.frame, key, formats, legacy
    )
    if link.format == "B" and not _sound(telegram):
        # one trimmed frame in 65,536 ends in two bytes that look like the CRC of format B
        other = _decode(bytes(frame), key, formats, legacy)
        if _sound(other):
            return other
    return telegram


def _sound(telegram: Telegram) -> bool:
    return telegram.security in _GOOD and not telegram.diagnostics


def _decode(
    frame: bytes, key: KeyLookup | bytes | None, formats: FormatStore | None, legacy: Legacy | None
) -> Telegram:
    """Decode a CRC-free frame."""
    work = Work(frame, address_of(frame[2:HEADER]), key, legacy)
    name, kind = control(frame[1])
    if kind is TelegramKind.FOREIGN:
        work.note("dll", "foreign", 1, f"{name} of a collector: no data of a meter")
        return _telegram(work, None, Opened(SecurityResult.PLAIN, 0, frame[HEADER:]), NOTHING, Named({}, (), None))
    if kind is TelegramKind.ALARM_PENDING:
        work.note("dll", "alarm-pending", 1, f"{name}: the meter asks to be read because of an alarm")
    elif kind is TelegramKind.UNKNOWN:
        work.note("dll", "c-field-unknown", 1, f"C-field {frame[1]:02X} is none that meters send")
    taken = _own_protocol(work)
    if taken is not None:
        return taken
    if len(frame) <= HEADER:
        work.note("dll", "no-ci", HEADER, "the frame ends after the link header")
        return _telegram(work, None, Opened(SecurityResult.PLAIN, 0), NOTHING, Named({}, (), None))
    opened = _open(work)
    payload, parsed = read_application(work, opened, formats)
    driver = find_driver(work.meter) or find_driver(work.link) or generic()
    telegram = _finish(work, driver, opened._replace(payload=payload), parsed)
    learn(telegram, driver, parsed)
    return telegram


def _own_protocol(work: Work) -> Telegram | None:
    """Let a driver with a protocol of its own take the whole frame."""
    for address, swapped in ((work.link, False), (swapped_address(work.frame), True)):
        driver = find_driver(address, swapped=swapped)
        if driver is None or driver.open_frame is None:
            continue
        try:
            extract = driver.open_frame(work.frame, find_key(work.key, (address, work.link)))
        except (ValueError, IndexError) as error:
            work.note("driver", "driver-failed", HEADER, f"{driver.name}: {error}")
            continue
        if extract is None:
            continue
        work.meter = extract.meter or address
        work.diagnostics.extend(extract.diagnostics)
        opened = Opened(extract.security, extract.mode, extract.payload or b"")
        parsed = parse(opened.payload)
        work.diagnostics.extend(parsed.diagnostics)
        return _finish(work, driver, opened, parsed, extract)
    return None


def _open(work: Work) -> Opened:
    """Read the layers down to the application layer's plain bytes."""
    at = HEADER
    below: Opened | None = None
    if work.frame[at] == ell.VARIABLE:
        return _unread_extended(work, at)
    if work.frame[at] in ELL_SIZE:
        try:
            header = ell.parse(work.frame, at)
        except IndexError:
            work.note("ell", "ell-truncated", at, "the extended link layer is cut off")
            return Opened(SecurityResult.UNSUPPORTED, 0)
        work.access_number = header.access_number
        if header.session:
            below = _open_extended(work, at, header)
            if below.result not in _GOOD:
                return below
        at += ELL_SIZE[header.ci]
    authentication: afl.AFLHeader | None = None
    if at < len(work.frame) and work.frame[at] == afl.CI:
        try:
            authentication, at = afl.parse(work.frame, at)
        except ValueError as error:
            work.note("afl", "afl-invalid", at, str(error))
            return Opened(SecurityResult.UNSUPPORTED, 0)
        if authentication.counter:
            work.message_counter = int.from_bytes(authentication.counter, "little")
        if authentication.fragmented:
            work.note("afl", "fragment", at, f"fragment {authentication.fragment} of a longer message")
            return Opened(SecurityResult.UNSUPPORTED, 0)
        if not authentication.fits(work.frame[at:]):
            work.note("afl", "message-length", at, "the message is not as long as this layer says")
            return Opened(SecurityResult.UNSUPPORTED, 0)
    opened = open_transport(work, at, authentication)
    if below is not None and opened.result is SecurityResult.PLAIN:
        return opened._replace(result=below.result)
    return opened


def _unread_extended(work: Work, at: int) -> Opened:
    """Report the variable type, whose layout no published telegram confirms; it starts like the others."""
    if len(work.frame) > at + 2:
        work.access_number = work.frame[at + 2]
    work.note("ell", "variable-unsupported", at, "an extended link layer of type V (variable) is not read")
    return Opened(SecurityResult.UNSUPPORTED, 0, work.frame[at:], at)


def _open_extended(work: Work, at: int, header: ell.ELLHeader) -> Opened:
    """Open an extended link layer with payload CRC; the frame goes on with the plain bytes."""
    if header.encryption > 1:
        work.note("ell", "encryption-unsupported", at, f"encryption {header.encryption} is reserved")
        return Opened(SecurityResult.UNSUPPORTED, 0)
    key = find_key(work.key, (work.link,)) if header.encryption else None
    if key is not None and len(key) != KEY_SIZE:
        work.note("ell", "key-size", at, f"AES-128 needs a key of {KEY_SIZE} bytes, not {len(key)}")
        key = None
    plain = ell.open_payload(work.frame, at, header, key)
    start = at + ELL_SIZE[header.ci]
    if plain is None:
        if not header.encryption:
            work.note("ell", "payload-crc", start - 2, "the payload CRC does not match")
            return Opened(SecurityResult.UNSUPPORTED, 0)
        if key is None:
            work.note("ell", "key-missing", start - 2, "encrypted at the extended link layer; no key given")
            return Opened(SecurityResult.KEY_MISSING, 0)
        work.note("ell", "key-wrong", start - 2, "the payload CRC does not match after decryption")
        return Opened(SecurityResult.KEY_WRONG, 0)
    body, decrypted = plain
    work.checked = True
    if header.encryption and not decrypted:
        work.note("ell", "already-plain", start, "marked as encrypted, but the bytes are plain")
    work.frame = work.frame[:start] + body
    return Opened(SecurityResult.DECRYPTED if decrypted else SecurityResult.PLAIN, 0)


def _finish(
    work: Work, driver: Driver, opened: Opened, parsed: Parsed, extract: Extract | None = None
) -> Telegram:
    """Name the readings and add what the driver's own functions found."""
    named = name_items(driver, parsed.items, opened.status)
    if extract is None and opened.result in _GOOD and opened.payload:
        extract = _look_further(work, driver, opened, parsed)
    if work.alarms:
        named = named._replace(alarms=tuple(dict.fromkeys(work.alarms + named.alarms)))
    if extract is not None:
        named = Named(
            {**named.readings, **extract.readings},
            tuple(dict.fromkeys(named.alarms + extract.alarms)),
            extract.meter_at or named.meter_at,
        )
    return _telegram(work, driver, opened, parsed, named)


def _look_further(work: Work, driver: Driver, opened: Opened, parsed: Parsed) -> Extract | None:
    """Call the driver's own function for what stands beside the records."""
    if driver.read_payload is None or not driver.looks_further(item.header.dif_vif for item in parsed.items):
        return None
    records = tuple(item.record() for item in parsed.items)
    body = Body(work.frame, work.meter, opened.status, opened.payload, parsed.manufacturer_data, records)
    try:
        extract = driver.read_payload(body)
    except (ValueError, IndexError) as error:
        work.note("driver", "driver-failed", opened.at, f"{driver.name}: {error}")
        return None
    if extract is not None:
        work.diagnostics.extend(extract.diagnostics)
    return extract


def _telegram(work: Work, driver: Driver | None, opened: Opened, parsed: Parsed, named: Named) -> Telegram:
    if named.readings or named.alarms:
        named.readings["status"] = " ".join(named.alarms).upper() or "OK"
    return Telegram(
        frame=work.received,
        c_field=work.received[1],
        link=work.link,
        meter=work.meter,
        driver=driver.name if driver is not None else None,
        security_mode=opened.mode,
        security=opened.result,
        readings=named.readings,
        alarms=named.alarms,
        meter_at=named.meter_at,
        diagnostics=tuple(work.diagnostics),
        access_number=work.access_number,
        message_counter=work.message_counter,
        payload=opened.payload,
        parsed=read_records if parsed.items else (),
    )


__all__ = ["Address", "KeyLookup", "decode"]
