"""Turns a frame that the general parser has read into a `Layout` for the next ones like it."""

from collections.abc import Callable

from meterhub.wmbus import afl, tpl
from meterhub.wmbus.crc import crc16
from meterhub.wmbus.dll import HEADER, address_of
from meterhub.wmbus.driver import Driver
from meterhub.wmbus.identity import ELL_SIZE, swapped_address
from meterhub.wmbus.layouts import Compact, Layout, keep, open_extended, open_mode_5, open_mode_7
from meterhub.wmbus.model import SecurityResult, Telegram
from meterhub.wmbus.records import Parsed, layout_of
from meterhub.wmbus.registry import find_driver
from meterhub.wmbus.steps import NotCompiled, compile_steps

_USUAL_AFL = bytes((afl.CI, 15, 0x00, 0x2C, afl.USUAL_MCL))
_AFL_SIZE = 17
_EXTENDED_HEAD = 17
_ENCRYPTED_SESSION = 0xE0


def learn(telegram: Telegram, driver: Driver, parsed: Parsed) -> None:
    """Keep the layout of a telegram that was read without any diagnostic, where one can be made."""
    if telegram.diagnostics or not parsed.items:
        return
    if driver.looks_further(item.header.dif_vif for item in parsed.items):
        return  # known at once; making the layout would find it out as well
    frame = telegram.frame
    for found in (
        find_driver(address_of(frame[2:HEADER])),
        find_driver(swapped_address(frame), swapped=True),
    ):
        if found is not None and found.open_frame is not None:
            return
    try:
        keep(frame, _layout(telegram, driver, parsed))
    except NotCompiled:
        return


def _layout(telegram: Telegram, driver: Driver, parsed: Parsed) -> Layout:
    frame = telegram.frame
    if frame[HEADER] == 0x8D:
        return _extended(telegram, driver, parsed)
    at = HEADER + {0x8C: ELL_SIZE[0x8C], 0x8E: ELL_SIZE[0x8E]}.get(frame[HEADER], 0)
    fixed = {HEADER}
    counter_at = 0
    if frame[at] == afl.CI:
        if frame[at : at + len(_USUAL_AFL)] != _USUAL_AFL or telegram.security_mode != 7:
            raise NotCompiled
        fixed |= set(range(at, at + len(_USUAL_AFL)))
        counter_at = at + len(_USUAL_AFL)
        at += _AFL_SIZE
    if frame[at] not in tpl.LAYOUTS or tpl.LAYOUTS[frame[at]][1] != "full":
        raise NotCompiled
    header = tpl.parse(frame, at)
    payload_at = at + header.size
    fixed.add(at)
    access_at = HEADER + 2 if frame[HEADER] in ELL_SIZE else 0
    status_at = 0
    if header.kind != "none":
        access_at = at + 9 if header.kind == "long" else at + 1
        status_at = access_at + 1
        fixed |= set(range(access_at + 2, payload_at))
    if header.kind == "long":
        fixed |= set(range(at + 5, at + 9))
    mask = _mask(fixed, payload_at)
    encrypted = header.encrypted_blocks * 16 if header.mode else 0
    return Layout(
        head=payload_at,
        mask=mask,
        expected=int.from_bytes(frame[HEADER:payload_at], "big") & mask,
        open=_opener(telegram, header.mode, encrypted),
        mode=header.mode,
        tpl_at=at,
        long_header=header.kind == "long",
        access_at=access_at,
        status_at=status_at,
        counter_at=counter_at,
        payload_at=payload_at,
        encrypted=encrypted,
        steps=compile_steps(driver, telegram.payload, parsed),
        format=_format(parsed),
        compact=None,
    )


def _opener(
    telegram: Telegram, mode: int, encrypted: int
) -> Callable[[Layout, bytes, bytes], bytes | None] | None:
    """Return how the payload is opened."""
    if mode == 0 and telegram.security is SecurityResult.PLAIN:
        return None
    if telegram.security is SecurityResult.DECRYPTED and encrypted:
        if mode == 5:
            return open_mode_5
        if mode == 7 and telegram.message_counter is not None:
            return open_mode_7
    raise NotCompiled


def _mask(fixed: set[int], size: int) -> int:
    """Return the integer that leaves of `size` bytes only those at fixed positions."""
    return int.from_bytes(bytes(0xFF if at in fixed else 0 for at in range(size)), "big")


def _format(parsed: Parsed) -> tuple[int, bytes]:
    layout = layout_of(parsed)
    return crc16(layout), layout


def _extended(telegram: Telegram, driver: Driver, parsed: Parsed) -> Layout:
    """Return the layout of an encrypted extended link layer with records right behind the CI."""
    frame, payload = telegram.frame, telegram.payload
    if telegram.security is not SecurityResult.DECRYPTED:
        raise NotCompiled
    steps = compile_steps(driver, payload, parsed)
    inner = len(frame) - _EXTENDED_HEAD - 3
    signature, layout = _format(parsed)
    compact = None
    if inner != len(payload):
        if inner != 4 + len(payload) - len(layout) or any(item.header.size < 0 for item in parsed.items):
            raise NotCompiled
        fields = tuple((item.offset, item.offset + len(item.raw)) for item in parsed.items)
        compact = Compact(signature, layout, payload, fields)
    mask = _mask({HEADER}, _EXTENDED_HEAD) | _ENCRYPTED_SESSION
    return Layout(
        head=_EXTENDED_HEAD,
        mask=mask,
        expected=int.from_bytes(frame[HEADER:_EXTENDED_HEAD], "big") & mask,
        open=open_extended,
        mode=0,
        tpl_at=0,
        long_header=False,
        access_at=HEADER + 2,
        status_at=0,
        counter_at=0,
        payload_at=_EXTENDED_HEAD + 3,
        encrypted=0,
        steps=steps,
        format=None if compact else (signature, layout),
        compact=compact,
    )
