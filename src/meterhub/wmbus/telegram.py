"""From frame to telegram: peel the layers, open what the key opens, name the values."""

from collections.abc import Callable

from meterhub.wmbus.compact import FormatStore
from meterhub.wmbus.dll import address_of, strip_crc
from meterhub.wmbus.model import Address, Diagnostic, LinkFrame, SecurityResult, Telegram

KeyLookup = Callable[[Address], bytes | None]


def decode(
    frame: bytes | LinkFrame,
    key: KeyLookup | bytes | None = None,
    formats: FormatStore | None = None,
) -> Telegram:
    """Decode a frame; raises `FrameError` only for damage at the link layer."""
    del key, formats
    link = frame if isinstance(frame, LinkFrame) else strip_crc(frame)
    address = address_of(link.frame[2:10])
    return Telegram(
        frame=link.frame,
        c_field=link.frame[1],
        link=address,
        meter=address,
        driver=None,
        security_mode=0,
        security=SecurityResult.UNSUPPORTED,
        readings={},
        alarms=(),
        meter_at=None,
        diagnostics=(Diagnostic("tpl", "unsupported-ci", 10, "only the link layer was read"),),
        access_number=None,
        message_counter=None,
    )
