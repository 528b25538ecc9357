"""The fields of the layers in words, for people who look at a frame (EN 13757-3, -4, -7)."""

from meterhub.wmbus.afl import AFLHeader
from meterhub.wmbus.control import content_of, control
from meterhub.wmbus.ell import ELLHeader
from meterhub.wmbus.model import Address
from meterhub.wmbus.tpl import TPLHeader

_PURPOSES = {
    "ACK": "acknowledged",
    "NACK": "refused",
    "CNF-IR": "confirms an installation",
    "RSP-UD": "an answer with user data",
    "SND-NKE": "link reset",
    "SND-UD": "user data to the meter",
    "SND-UD2": "user data to the meter",
    "SND-NR": "needs no reply",
    "SND-IR": "installation request",
    "ACC-NR": "sign of life without data",
    "ACC-DMD": "the meter asks to be read",
    "REQ-UD1": "asks for alarms",
    "REQ-UD2": "asks for user data",
}
_CI_FIELDS = {
    0x66: "answer to a selection, no header",
    0x67: "answer to a selection, short header",
    0x68: "answer to a selection, long header",
    0x69: "format frame, no header",
    0x6A: "format frame, short header",
    0x6B: "format frame, long header",
    0x6E: "application error, short header",
    0x6F: "application error, long header",
    0x70: "application error, no header",
    0x71: "alarm, no header",
    0x72: "records, long header",
    0x73: "compact frame, long header",
    0x74: "alarm, short header",
    0x75: "alarm, long header",
    0x78: "records, no header",
    0x79: "compact frame, no header",
    0x7A: "records, short header",
    0x7B: "compact frame, short header",
    0x7C: "DLMS, long header",
    0x7D: "DLMS, short header",
    0x7E: "OBIS or SML, long header",
    0x7F: "OBIS or SML, short header",
    0x86: "extended link layer of variable size",
    0x8A: "transport layer only, short header",
    0x8B: "transport layer only, long header",
    0x8C: "extended link layer I",
    0x8D: "extended link layer II",
    0x8E: "extended link layer III",
    0x8F: "extended link layer IV",
    0x90: "authentication and fragmentation layer",
}
_CC_BITS = (
    (0x80, "bidirectional"),
    (0x40, "fast response"),
    (0x20, "synchronous"),
    (0x10, "relayed"),
    (0x08, "priority"),
    (0x04, "accessible"),
    (0x02, "repeated access"),
    (0x01, "extension"),
)
_STATUS = ("", "busy", "application error", "abnormal or alarm")
_STATUS_BITS = (
    (0x04, "power low"),
    (0x08, "permanent error"),
    (0x10, "temporary error"),
    (0x20, "maker's bit 20"),
    (0x40, "maker's bit 40"),
    (0x80, "maker's bit 80"),
)
_MODES = {
    0: "not encrypted",
    1: "mode 1, the maker's own",
    2: "mode 2, DES-CBC",
    3: "mode 3, DES-CBC",
    4: "mode 4, AES-CBC with a fixed start",
    5: "mode 5, AES-128-CBC",
    7: "mode 7, AES-128-CBC under a key of this telegram",
    8: "mode 8, AES-CTR with CMAC",
    9: "mode 9, AES-GCM",
    10: "mode 10, AES-CCM",
    13: "mode 13, TLS",
}
_AUTHENTICATION = {
    0: "no MAC",
    3: "CMAC of 2 bytes",
    4: "CMAC of 4 bytes",
    5: "CMAC of 8 bytes",
    6: "CMAC of 12 bytes",
    7: "CMAC of 16 bytes",
    8: "GMAC of 12 bytes",
}
_FCL_BITS = (
    (0x4000, "more fragments follow"),
    (0x2000, "MCL"),
    (0x1000, "message length"),
    (0x0800, "message counter"),
    (0x0400, "MAC"),
    (0x0200, "key information"),
)
_MAKERS_OWN = range(0xA0, 0xB8)


def _bits(value: int, names: tuple[tuple[int, str], ...], nothing: str = "") -> str:
    return ", ".join(name for bit, name in names if value & bit) or nothing


def c_field(value: int) -> str:
    """Return what kind of transmission this is."""
    name = control(value)[0]
    return f"{name}, {_PURPOSES[name]}" if name in _PURPOSES else name


def ci_field(value: int) -> str:
    """Return what follows a CI-field."""
    if value in _MAKERS_OWN:
        return "the maker's own protocol"
    return _CI_FIELDS.get(value) or content_of(value).meaning


def manufacturer(on_air: bytes, address: Address) -> str:
    """Return the letters of an M-field and whether the address is only locally unique."""
    return address.manufacturer + (", address unique only locally" if on_air[-1] & 0x80 else "")


def communication_control(value: int) -> str:
    """Return the flags of CC in the extended link layer."""
    return _bits(value, _CC_BITS, "no flags")


def session_number(header: ELLHeader) -> str:
    """Return session, time and encryption of the extended link layer."""
    number = int.from_bytes(header.session, "little")
    encryption = {0: "not encrypted", 1: "AES-128-CTR"}.get(header.encryption, f"encryption {header.encryption}")
    return f"{encryption}, session {number & 15}, minute {number >> 4 & 0x1FFFFFF}"


def status(value: int) -> str:
    """Return the bits of a transport header's status."""
    return ", ".join(filter(None, (_STATUS[value & 3], _bits(value, _STATUS_BITS)))) or "no error"


def configuration(header: TPLHeader) -> str:
    """Return security mode and size of the encrypted part."""
    words = _MODES.get(header.mode, f"mode {header.mode}, the maker's own" if header.mode > 15 else "reserved")
    if header.mode in (5, 7):
        return f"{words}, {header.encrypted_blocks} blocks of 16 bytes"
    return words


def fragmentation_control(header: AFLHeader) -> str:
    """Return which fields the authentication layer has, and the fragment."""
    fields = _bits(header.fcl, _FCL_BITS, "no fields")
    return f"fragment {header.fragment}: {fields}" if header.fragment else fields


def message_control(value: int) -> str:
    """Return how the message is authenticated."""
    return _AUTHENTICATION.get(value & 15, f"authentication type {value & 15}")
