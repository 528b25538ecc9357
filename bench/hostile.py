"""How long the worst telegrams take: no frame that anybody can send may stop the hub for long."""

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from meterhub.wmbus import Address, FormatStore, FrameError, Legacy, decode
from meterhub.wmbus.dll import address_bytes
from meterhub.wmbus.encode import DataRecord, ExtendedLink, Message, encode, on_air
from meterhub.wmbus.registry import all_drivers

_FRAMES = 100_000
_RUNS = 5
_KEY = bytes(range(16))
_CLOCK = datetime.fromisoformat("2026-11-01 12:00")
_RECORDS = (
    DataRecord.of("0413", Decimal("7.704")),
    DataRecord.of("046D", _CLOCK),
    DataRecord.of("04933C", Decimal(0)),
    DataRecord.of("02FD17", 0),
    DataRecord.of("0D78", b"\x05abcde"),
)
_SESSION = bytes.fromhex("01020320")
# what makes parsers loop: endless extensions, long texts, records without data, profiles of many slots
_SPITEFUL = tuple(
    bytes.fromhex(text)
    for text in ("84" * 60, "0013" * 60, "8080808080808080808000" * 9, "04FF" * 50, "0DFF5F" * 30, "0D931EB0")
)


def _frame(body: bytes) -> bytes:
    body = body[:255]
    return bytes((len(body),)) + body


def _links() -> list[bytes]:
    """Return a link address of every family with a driver."""
    return [
        address_bytes(
            Address(entry.manufacturer, "12345678", min(entry.versions or (1,)), min(entry.types or (7,)))
        )
        for driver in all_drivers()
        for entry in driver.detect
    ]


def _good(links: list[bytes]) -> list[bytes]:
    """Return telegrams that decode, in every protection and for every family."""
    meter = Address("SEN", "12345678", 0x68, 0x07)
    ell = ExtendedLink(0x8D, session=_SESSION)
    sent = [encode(Message(meter, _RECORDS, mode=mode, key=_KEY)) for mode in (0, 4, 5, 7)]
    sent += [encode(Message(meter, _RECORDS, mode=2, key=_KEY[:8]))]
    sent += [
        encode(Message(meter, _RECORDS, "none", extended=ell, key=_KEY, compact=short)) for short in (False, True)
    ]
    sent += [on_air(frame, kind) for frame in sent for kind in ("A", "B")]  # type: ignore[misc]  # both literals
    plain = encode(Message(meter, _RECORDS))
    sent += [plain[:2] + link + plain[10:] for link in links]
    return sent


def _hostile(count: int) -> list[bytes]:
    """Return random frames, changed copies of good ones, and spiteful records, a third each."""
    chance = random.Random(20261121)
    links = _links()
    good = _good(links)
    frames = []
    for number in range(count):
        if number % 3 == 0:
            head = b"\x44" + chance.choice(links) if chance.random() < 0.7 else chance.randbytes(9)
            frames.append(_frame(head + chance.randbytes(chance.randrange(245))))
        elif number % 3 == 1:
            changed = bytearray(chance.choice(good))
            for _ in range(chance.randint(1, 8)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            frames.append(bytes(changed))
        else:
            body = b"".join(chance.choice(_SPITEFUL) for _ in range(chance.randint(1, 6)))
            frames.append(_frame(b"\x44" + chance.choice(links) + b"\x78" + body))
    return frames


def _seconds_each(frames: list[bytes]) -> list[float]:
    """Return the processor time of each frame, its records read too."""
    formats, consent = FormatStore(), Legacy(_CLOCK.date())
    clock = time.thread_time
    times = []
    for number, frame in enumerate(frames):
        key = _KEY if number & 1 else _KEY[:8]
        start = clock()
        with suppress(FrameError):
            _ = decode(frame, key, formats, consent).records
        times.append(clock() - start)
    return times


def run() -> Iterator[dict[str, Any]]:
    """Yield how much the slowest of a thousand frames costs beside the median one."""
    frames = _hostile(_FRAMES)
    # the least of several runs is what the frame costs, not what neighbours cost
    each = sorted(map(min, zip(*(_seconds_each(frames) for _ in range(_RUNS)), strict=True)))
    median, tail = each[len(each) // 2], each[len(each) * 999 // 1000]
    yield {
        "bench": "decode-hostile",
        "rate": round(1 / median),
        "unit": "frames/s",
        "against": f"the 99.9th percentile, {tail * 1e6:.0f} us; the worst takes {each[-1] * 1e6:.0f} us",
        "ratio": round(tail / median, 1),
        "frames": len(frames),
        "runs": _RUNS,
        "clock": "processor",
    }
