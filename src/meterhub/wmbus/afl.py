"""Authentication and fragmentation layer of EN 13757-7 (CI 90)."""

from dataclasses import dataclass

CI = 0x90
USUAL_MCL = 0x25  # counter in the message, CMAC of eight bytes
MORE_FRAGMENTS = 0x4000
_MCL, _ML, _MCR, _MAC, _KI = 0x2000, 0x1000, 0x0800, 0x0400, 0x0200
_MAC_SIZES = {3: 2, 4: 4, 5: 8, 6: 12, 7: 16, 8: 12}
_CMAC_TYPES = frozenset((3, 4, 5, 6, 7))


@dataclass(frozen=True, slots=True)
class AFLHeader:
    """Fields of the layer, byte strings as on air; empty where the layer leaves them out."""

    fcl: int
    mcl: int = 0
    key_information: bytes = b""
    counter: bytes = b""
    mac: bytes = b""
    message_length: bytes = b""

    @property
    def fragment(self) -> int:
        """Return the fragment id; 0 is an unfragmented message."""
        return self.fcl & 0xFF

    @property
    def more_follow(self) -> bool:
        """Tell whether a fragment with a higher id follows."""
        return bool(self.fcl & MORE_FRAGMENTS)

    @property
    def fragmented(self) -> bool:
        """Tell whether other frames carry the rest of the message."""
        return self.fragment != 0 or self.more_follow

    @property
    def uses_cmac(self) -> bool:
        """Tell whether the MAC is an AES-CMAC that this package checks."""
        return self.mcl & 15 in _CMAC_TYPES

    def authenticated(self, rest: bytes) -> bytes:
        """Return the message the MAC covers; `rest` runs from the transport layer's CI to the end."""
        return bytes((self.mcl,)) + self.counter + self.message_length + rest

    def fits(self, rest: bytes) -> bool:
        """Tell whether the message has the length that the layer announces, if it does."""
        return not self.message_length or int.from_bytes(self.message_length, "little") == len(rest)


def parse(frame: bytes, at: int) -> tuple[AFLHeader, int]:
    """Read the layer at `at`; returns it and the offset behind. ValueError where lengths disagree.

    The last fragment of a message has a MAC whose size only the first one tells; there it is what AFLL
    leaves for it.
    """
    if len(frame) < at + 4:
        raise ValueError("the layer is cut off")
    end = at + 2 + frame[at + 1]
    if end > len(frame):
        raise ValueError(f"AFLL asks for {frame[at + 1]} bytes, {len(frame) - at - 2} are left")
    fcl = int.from_bytes(frame[at + 2 : at + 4], "little")
    used = at + 4

    def take(present: int, size: int) -> bytes:
        nonlocal used
        if not present:
            return b""
        field = frame[used : min(used + size, end)]
        if len(field) < size:
            raise ValueError("AFLL is shorter than the fields that FCL announces")
        used += size
        return field

    mcl = take(fcl & _MCL, 1)
    authentication = mcl[0] & 15 if mcl else 0
    size = _MAC_SIZES.get(authentication, 0)
    key_information = take(fcl & _KI, 2)
    counter = take(fcl & _MCR, 4)
    if fcl & _MAC and not mcl and fcl & 0xFF:
        size = end - used - (2 if fcl & _ML else 0)
    if fcl & _MAC and size not in _MAC_SIZES.values():
        raise ValueError(f"authentication type {authentication} has no MAC of known size")
    mac = take(fcl & _MAC, size)
    length = take(fcl & _ML, 2)
    return AFLHeader(fcl, mcl[0] if mcl else 0, key_information, counter, mac, length), end


def build(header: AFLHeader) -> bytes:
    """Return the layer with the fields that are not empty; of `fcl` only fragment id and MF are taken."""
    present = (
        (bool(header.mcl), _MCL),
        (bool(header.key_information), _KI),
        (bool(header.counter), _MCR),
        (bool(header.mac), _MAC),
        (bool(header.message_length), _ML),
    )
    fcl = header.fcl & (MORE_FRAGMENTS | 0xFF) | sum(bit for there, bit in present if there)
    fields = bytes((header.mcl,)) if header.mcl else b""
    fields += header.key_information + header.counter + header.mac + header.message_length
    return bytes((CI, 2 + len(fields))) + fcl.to_bytes(2, "little") + fields
