"""Opens the transport layer: finds the key, decrypts what the configuration field says, judges the result."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NamedTuple

from meterhub.wmbus import security, tpl
from meterhub.wmbus.afl import AFLHeader
from meterhub.wmbus.model import Address, Diagnostic, SecurityResult
from meterhub.wmbus.records import Item, parse
from meterhub.wmbus.registry import find_driver
from meterhub.wmbus.security import BLOCK

KeyLookup = Callable[[Address], bytes | None]

_CHECK = b"\x2f\x2f"
_ZERO_IV = bytes(BLOCK)
_COUNTED = frozenset(("energy", "heat cost units", "volume"))
_ORDINARY = _COUNTED | {
    "actuality duration",
    "date",
    "datetime",
    "enhanced identification",
    "error flags",
    "external temperature",
    "fabrication number",
    "flow temperature",
    "on time",
    "operating time",
    "power",
    "remaining battery",
    "return temperature",
    "temperature difference",
    "voltage",
    "volume flow",
}


class Opened(NamedTuple):
    """The application layer's bytes as far as they could be opened; `at` is where they start in the frame."""

    result: SecurityResult
    mode: int
    payload: bytes = b""
    at: int = 0
    content: str = "full"
    status: int = 0


class Work:
    """What is known so far about the frame in hand."""

    __slots__ = (
        "access_number",
        "checked",
        "diagnostics",
        "frame",
        "key",
        "link",
        "message_counter",
        "meter",
        "received",
    )

    def __init__(self, frame: bytes, link: Address, key: KeyLookup | bytes | None) -> None:
        self.received = frame
        self.frame = frame
        self.link = link
        self.meter = link
        self.key = key
        self.checked = False  # a CRC over the application layer has matched
        self.diagnostics: list[Diagnostic] = []
        self.access_number: int | None = None
        self.message_counter: int | None = None

    def note(self, layer: str, code: str, offset: int, message: str) -> None:
        """Add a diagnostic."""
        self.diagnostics.append(Diagnostic(layer, code, offset, message))


def find_key(key: KeyLookup | bytes | None, wanted: Iterable[Address]) -> bytes | None:
    """Return the key given, or the first that the lookup knows for one of the addresses."""
    if key is None or isinstance(key, bytes):
        return key
    for address in wanted:
        found = key(address)
        if found is not None:
            return found
    return None


def open_transport(work: Work, at: int, authentication: AFLHeader | None) -> Opened:
    """Read the transport layer at `at` and decrypt what stands behind it."""
    frame = work.frame
    if at >= len(frame):
        work.note("tpl", "no-ci", at, "no transport layer follows")
        return Opened(SecurityResult.PLAIN, 0)
    if frame[at] not in tpl.LAYOUTS:
        work.note("tpl", "ci-unsupported", at, f"CI {frame[at]:02X} is not read")
        return Opened(SecurityResult.UNSUPPORTED, 0)
    try:
        header = tpl.parse(frame, at)
    except IndexError:
        work.note("tpl", "tpl-truncated", at, "the transport header is cut off")
        return Opened(SecurityResult.UNSUPPORTED, 0)
    if header.address is not None:
        work.meter = header.address
    if header.access_number is not None:
        work.access_number = header.access_number
    at += header.size
    opened = Opened(SecurityResult.PLAIN, header.mode, frame[at:], at, header.content, header.status)
    if header.mode == 0:
        return opened
    if header.mode == 5:
        return _open_mode_5(work, header, opened)
    if header.mode == 7:
        return _open_mode_7(work, header, opened, authentication)
    if _is_plain(opened.payload):
        work.note("tpl", "already-plain", at, f"marked as mode {header.mode}, but the bytes are plain")
        return opened
    work.note("tpl", "mode-unsupported", at, f"security mode {header.mode} is not read")
    return opened._replace(result=SecurityResult.UNSUPPORTED, payload=b"")


def _is_plain(payload: bytes) -> bool:
    """Tell whether bytes that should be encrypted are readable records behind two fillers."""
    return payload[:2] == _CHECK and not parse(payload).diagnostics


def _is_plausible(payload: bytes) -> bool:
    """Tell whether bytes without the two leading fillers are records all the same.

    A wrong key gives random bytes, and those pass for records far too often unless each record is an
    ordinary one and a register is among them: see `_is_ordinary` and `_is_register`.
    """
    parsed = parse(payload)
    return (
        not parsed.diagnostics
        and not parsed.manufacturer_data
        and len(parsed.items) > 2
        and all(map(_is_ordinary, parsed.items))
        and any(map(_is_register, parsed.items))
    )


def _is_ordinary(item: Item) -> bool:
    """Tell whether a record is one that water and heat meters send in practice."""
    header = item.header
    return (
        header.quantity in _ORDINARY
        and header.storage <= 32
        and header.tariff_register <= 3
        and header.subunit <= 1
        and len(header.raw) <= 5
        and not any(name.startswith(("unknown", "manufacturer", "duration")) for name in header.qualifiers)
        and item.value is not None
    )


def _is_register(item: Item) -> bool:
    """Tell whether a record is a present total of credible size."""
    header, value = item.header, item.value
    return (
        header.quantity in _COUNTED
        and header.function == "instantaneous"
        and not (header.storage or header.tariff_register or header.subunit or header.qualifiers)
        and isinstance(value, Decimal)
        and 0 <= value < 10_000_000
    )


def _iv_mode_5(work: Work, header: tpl.TPLHeader) -> bytes:
    """Return the initialisation vector: the meter's address, then the access number eight times."""
    return (header.on_air or work.frame[2:10]) + bytes((header.access_number or 0,)) * 8


def _open_mode_5(work: Work, header: tpl.TPLHeader, opened: Opened) -> Opened:
    payload = opened.payload
    size = header.encrypted_blocks * BLOCK
    if size == 0:
        if _is_plain(payload) or _is_plausible(payload) or len(payload) < BLOCK:
            return opened
        size = len(payload) // BLOCK * BLOCK
    key = _checked_key(work, opened)
    if key is None or size > len(payload):
        return _unopened(work, opened, size, key is None)
    plain = security.cbc_decrypt(key, _iv_mode_5(work, header), payload[:size]) + payload[size:]
    return _judge(work, opened, plain)


def _open_mode_7(work: Work, header: tpl.TPLHeader, opened: Opened, authentication: AFLHeader | None) -> Opened:
    payload = opened.payload
    size = header.encrypted_blocks * BLOCK
    if authentication is None or not authentication.counter:
        if _is_plain(payload):
            return _already_plain(work, opened)
        work.note("afl", "counter-missing", opened.at, "mode 7 needs the message counter of the layer below")
        return opened._replace(result=SecurityResult.UNSUPPORTED, payload=b"")
    key = _checked_key(work, opened)
    if key is None or size > len(payload):
        return _unopened(work, opened, size, key is None)
    serial = header.on_air[2:6] if header.on_air else work.frame[4:8]
    keys = security.session_keys(key, authentication.counter, serial)
    if authentication.mac and authentication.uses_cmac:
        message = authentication.authenticated(work.frame[opened.at - header.size :])
        if not security.mac_matches(keys.mac, message, authentication.mac):
            if _is_plain(payload):
                return _already_plain(work, opened)
            work.note("afl", "mac-mismatch", opened.at, "wrong key, or the frame was changed on its way")
            return opened._replace(result=SecurityResult.KEY_WRONG, payload=b"")
        plain = payload
        if size:
            plain = security.cbc_decrypt(keys.encryption, _ZERO_IV, payload[:size], once=True) + payload[size:]
        return opened._replace(result=SecurityResult.DECRYPTED, payload=plain)
    if not size:
        return opened
    plain = security.cbc_decrypt(keys.encryption, _ZERO_IV, payload[:size], once=True) + payload[size:]
    return _judge(work, opened, plain)


def _checked_key(work: Work, opened: Opened) -> bytes | None:
    """Return the key for the meter; one of the wrong size counts as wrong, not as missing."""
    key = find_key(work.key, dict.fromkeys((work.meter, work.link))) or _factory_key(work)
    if key is not None and len(key) != security.KEY_SIZE:
        work.note("tpl", "key-size", opened.at, f"AES-128 needs a key of 16 bytes, this one has {len(key)}")
        return None
    return key


def _factory_key(work: Work) -> bytes | None:
    """Return the key with which the meter's family leaves the factory."""
    driver = find_driver(work.meter)
    return driver.default_key if driver is not None else None


def _already_plain(work: Work, opened: Opened) -> Opened:
    work.note("tpl", "already-plain", opened.at, f"marked as mode {opened.mode}, but the bytes are plain")
    return opened


def _unopened(work: Work, opened: Opened, size: int, no_key: bool) -> Opened:
    """Answer for a payload that cannot be decrypted."""
    if _is_plain(opened.payload):
        return _already_plain(work, opened)
    if no_key:
        work.note("tpl", "key-missing", opened.at, f"encrypted with mode {opened.mode}; no usable key given")
        return opened._replace(result=SecurityResult.KEY_MISSING, payload=b"")
    message = f"{size} encrypted bytes are announced, {len(opened.payload)} are left"
    work.note("tpl", "payload-truncated", opened.at, message)
    return opened._replace(result=SecurityResult.UNSUPPORTED, payload=b"")


def _judge(work: Work, opened: Opened, plain: bytes) -> Opened:
    """Tell by the decrypted bytes whether the key was right; some meters leave the two fillers out."""
    if plain[:2] == _CHECK:
        return opened._replace(result=SecurityResult.DECRYPTED, payload=plain)
    if _is_plain(opened.payload):
        return _already_plain(work, opened)
    if _is_plausible(plain):
        work.note("tpl", "no-check-bytes", opened.at, "decrypted records without the two leading fillers")
        return opened._replace(result=SecurityResult.DECRYPTED, payload=plain)
    work.note("tpl", "key-wrong", opened.at, "the decrypted bytes do not start with 2F2F")
    return opened._replace(result=SecurityResult.KEY_WRONG, payload=b"")
