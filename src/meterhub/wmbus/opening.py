"""Opens the transport layer: finds the key, decrypts what the configuration field says, judges the result."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meterhub.wmbus import legacy, security, tpl
from meterhub.wmbus.afl import AFLHeader
from meterhub.wmbus.control import content_of
from meterhub.wmbus.legacy import Legacy
from meterhub.wmbus.model import Address, Diagnostic, SecurityResult
from meterhub.wmbus.plausible import CHECK, is_plain, is_plausible
from meterhub.wmbus.registry import find_driver
from meterhub.wmbus.security import BLOCK

KeyLookup = Callable[[Address], bytes | None]

_ZERO_IV = bytes(BLOCK)
# EN 13757-7, 7.6: modes 16 to 31 belong to makers
_FIRST_OF_MAKERS = 16
_MODES = {
    1: "the maker's own",
    2: "DES-CBC",
    3: "DES-CBC with the date in its vector",
    4: "AES-CBC with a static vector",
    8: "AES-CTR with CMAC",
    9: "AES-GCM",
    10: "AES-CCM",
    13: "TLS",
}


class Opened(NamedTuple):
    """The application layer's bytes as far as they could be opened; `at` is where they start in the frame."""

    result: SecurityResult
    mode: int
    payload: bytes = b""
    at: int = 0
    content: str = "full"
    status: int = 0
    ci: int = 0


class Work:
    """What is known so far about the frame in hand."""

    __slots__ = (
        "access_number",
        "alarms",
        "checked",
        "diagnostics",
        "frame",
        "key",
        "legacy",
        "link",
        "message_counter",
        "meter",
        "received",
    )

    def __init__(
        self, frame: bytes, link: Address, key: KeyLookup | bytes | None, legacy: Legacy | None = None
    ) -> None:
        self.received = frame
        self.frame = frame
        self.link = link
        self.meter = link
        self.key = key
        self.legacy = legacy
        self.alarms: tuple[str, ...] = ()
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
        content = content_of(frame[at])
        work.note("tpl", content.code, at, f"CI {frame[at]:02X} is not read: {content.meaning}")
        return Opened(SecurityResult.UNSUPPORTED, 0, frame[at:], at)
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
    opened = Opened(SecurityResult.PLAIN, header.mode, frame[at:], at, header.content, header.status, header.ci)
    if header.mode == 0:
        return opened
    if header.mode == 5:
        return _open_mode_5(work, header, opened)
    if header.mode == 7:
        return _open_mode_7(work, header, opened, authentication)
    if is_plain(opened.payload):
        return _already_plain(work, opened)
    name = _MODES.get(header.mode, "reserved" if header.mode < _FIRST_OF_MAKERS else "the maker's own")
    if header.mode in legacy.MODES:
        if work.legacy is not None:
            return _open_legacy(work, header, opened, work.legacy)
        work.note("tpl", "mode-obsolete", at, f"security mode {header.mode}, {name}, is opened only on request")
    else:
        work.note("tpl", "mode-unsupported", at, f"security mode {header.mode}, {name}, is not read")
    return opened._replace(result=SecurityResult.UNSUPPORTED, payload=b"")


def _iv_mode_5(work: Work, header: tpl.TPLHeader) -> bytes:
    """Return the initialisation vector: the meter's address, then the access number eight times."""
    return (header.on_air or work.frame[2:10]) + bytes((header.access_number or 0,)) * 8


def _open_mode_5(work: Work, header: tpl.TPLHeader, opened: Opened) -> Opened:
    payload = opened.payload
    size = header.encrypted_blocks * BLOCK
    if size == 0:
        if is_plain(payload) or is_plausible(payload) or len(payload) < BLOCK:
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
        if is_plain(payload):
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
            if is_plain(payload):
                return _already_plain(work, opened)
            work.note("afl", "mac-mismatch", opened.at, "wrong key, or the frame was changed on its way")
            return opened._replace(result=SecurityResult.KEY_WRONG, payload=b"")
        plain = payload
        if size:
            plain = security.cbc_decrypt(keys.encryption, _ZERO_IV, payload[:size]) + payload[size:]
        return opened._replace(result=SecurityResult.DECRYPTED, payload=plain)
    if not size:
        return opened
    plain = security.cbc_decrypt(keys.encryption, _ZERO_IV, payload[:size]) + payload[size:]
    return _judge(work, opened, plain)


def _open_legacy(work: Work, header: tpl.TPLHeader, opened: Opened, consent: Legacy) -> Opened:
    """Open obsolete protection that the caller consents to."""
    payload, mode = opened.payload, header.mode
    size = legacy.encrypted_size(mode, header.configuration, len(payload))
    key = _checked_key(work, opened, legacy.key_size(mode))
    if key is None or size > len(payload):
        return _unopened(work, opened, size, key is None)
    plain = b""
    for vector, day in legacy.vectors(mode, header.on_air or work.frame[2:10], consent.on):
        plain = legacy.decrypt(mode, key, vector, payload[:size]) + payload[size:]
        if day is None or legacy.proves(plain, day):
            return _judge(work, opened, plain)
    if plain and plain[:2] != CHECK:
        return _judge(work, opened, plain)
    work.note("tpl", "date-unproven", opened.at, "mode 3 mixes the date into its vector; it is not known for sure")
    return opened._replace(result=SecurityResult.UNSUPPORTED, payload=b"")


def _checked_key(work: Work, opened: Opened, size: int = security.KEY_SIZE) -> bytes | None:
    """Return the key for the meter; one of the wrong size counts as missing."""
    key = find_key(work.key, dict.fromkeys((work.meter, work.link))) or _factory_key(work)
    if key is not None and len(key) != size:
        work.note("tpl", "key-size", opened.at, f"mode {opened.mode} needs a key of {size} bytes, not {len(key)}")
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
    if is_plain(opened.payload):
        return _already_plain(work, opened)
    if no_key:
        work.note("tpl", "key-missing", opened.at, f"encrypted with mode {opened.mode}; no usable key given")
        return opened._replace(result=SecurityResult.KEY_MISSING, payload=b"")
    message = f"{size} encrypted bytes are announced, {len(opened.payload)} are left"
    work.note("tpl", "payload-truncated", opened.at, message)
    return opened._replace(result=SecurityResult.UNSUPPORTED, payload=b"")


def _judge(work: Work, opened: Opened, plain: bytes) -> Opened:
    """Tell by the decrypted bytes whether the key was right; some meters leave the two fillers out."""
    if plain[:2] == CHECK:
        return opened._replace(result=SecurityResult.DECRYPTED, payload=plain)
    if is_plain(opened.payload):
        return _already_plain(work, opened)
    if is_plausible(plain):
        work.note("tpl", "no-check-bytes", opened.at, "decrypted records without the two leading fillers")
        return opened._replace(result=SecurityResult.DECRYPTED, payload=plain)
    work.note("tpl", "key-wrong", opened.at, "the decrypted bytes do not start with 2F2F")
    return opened._replace(result=SecurityResult.KEY_WRONG, payload=b"")
