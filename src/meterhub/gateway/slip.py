"""SLIP framing (RFC 1055), as some dongles use it on the serial line."""

END, ESCAPE = b"\xc0", b"\xdb"
_ESCAPED_END, _ESCAPED_ESCAPE = b"\xdb\xdc", b"\xdb\xdd"


def slip_encode(packet: bytes) -> bytes:
    """Return a packet between two END bytes, with both special bytes escaped."""
    return END + packet.replace(ESCAPE, _ESCAPED_ESCAPE).replace(END, _ESCAPED_END) + END


def slip_decode(framed: bytes) -> bytes | None:
    """Return the packet that stood between two END bytes; None where an escape is broken."""
    if framed.count(ESCAPE) != framed.count(_ESCAPED_END) + framed.count(_ESCAPED_ESCAPE):
        return None
    return framed.replace(_ESCAPED_END, END).replace(_ESCAPED_ESCAPE, ESCAPE)
