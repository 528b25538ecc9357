"""Transport layer of EN 13757-7: long, short and no header; status and configuration field."""

from dataclasses import dataclass

from meterhub.wmbus.identity import long_address
from meterhub.wmbus.model import Address

# CI -> (header kind, what the application layer carries)
LAYOUTS = {
    0x72: ("long", "full"),
    0x7A: ("short", "full"),
    0x78: ("none", "full"),
    0x73: ("long", "compact"),
    0x7B: ("short", "compact"),
    0x79: ("none", "compact"),
    0x6B: ("long", "format"),
    0x6A: ("short", "format"),
    0x69: ("none", "format"),
    0x6E: ("short", "application-error"),
    0x6F: ("long", "application-error"),
    0x70: ("none", "application-error"),
    0x74: ("short", "alarm"),
    0x75: ("long", "alarm"),
    0x71: ("none", "alarm"),
    0x66: ("none", "select-response"),
    0x67: ("short", "select-response"),
    0x68: ("long", "select-response"),
    0x7C: ("long", "dlms"),
    0x7D: ("short", "dlms"),
    0x7E: ("long", "obis"),
    0x7F: ("short", "obis"),
    0x8A: ("short", "transport-only"),
    0x8B: ("long", "transport-only"),
}
_SIZES = {"long": 13, "short": 5, "none": 1}
_WITH_EXTENSION = frozenset((7, 8, 9, 10, 13))


@dataclass(frozen=True, slots=True)
class TPLHeader:
    """Fields of the layer; `address` and `on_air` (M, ID, version, type) only with a long header."""

    ci: int
    kind: str
    content: str
    size: int
    address: Address | None = None
    on_air: bytes = b""
    access_number: int | None = None
    status: int = 0
    configuration: int = 0
    extension: int | None = None

    @property
    def mode(self) -> int:
        """Return the security mode."""
        return self.configuration >> 8 & 31

    @property
    def encrypted_blocks(self) -> int:
        """Return N, the number of encrypted 16-byte blocks behind the header."""
        return self.configuration >> 4 & 15


def parse(frame: bytes, at: int) -> TPLHeader:
    """Read the header whose CI stands at `at`; IndexError where the frame ends first."""
    ci = frame[at]
    kind, content = LAYOUTS[ci]
    size = _SIZES[kind]
    if len(frame) < at + size:
        raise IndexError(at)
    if kind == "none":
        return TPLHeader(ci, kind, content, size)
    address = None
    on_air = b""
    fields = at + 1
    if kind == "long":
        address = long_address(frame[fields : fields + 8])
        on_air = frame[fields + 4 : fields + 6] + frame[fields : fields + 4] + frame[fields + 6 : fields + 8]
        fields += 8
    configuration = frame[fields + 2] | frame[fields + 3] << 8
    extension = None
    if configuration >> 8 & 31 in _WITH_EXTENSION:
        extension = frame[at + size]
        size += 1
    return TPLHeader(
        ci, kind, content, size, address, on_air, frame[fields], frame[fields + 1], configuration, extension
    )
