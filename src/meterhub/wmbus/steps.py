"""What remains to be done with a payload once its record headers are known: values at known offsets.

`Steps` is compiled from a payload that the general parser has read. The header bytes become a mask,
which one comparison of integers checks, and each data field becomes a step: plain integers are
unpacked together, all else goes through the same readers that the parser uses.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from meterhub.wmbus import values
from meterhub.wmbus.driver import Driver
from meterhub.wmbus.headers import Header
from meterhub.wmbus.model import Reading, Value
from meterhub.wmbus.naming import Convert, flag_alarms, plan_for, status_alarms
from meterhub.wmbus.records import Parsed

# data field -> struct code and the marker for "no value"
_INTEGERS: dict[int, tuple[str, int | None]] = {
    1: ("b", None),
    2: ("h", -(1 << 15)),
    4: ("i", -(1 << 31)),
    7: ("q", -(1 << 63)),
}


class NotCompiled(Exception):
    """The payload needs the general parser each time."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How to read payloads of one layout by one driver. Offsets count from the payload's start."""

    driver: Driver
    size: int
    mask: int
    expected: int
    unpack: Callable[[bytes], tuple[int, ...]]
    integers: tuple[tuple[int | None, Decimal, str], ...]
    others: tuple[tuple[int, int, Callable[[bytes], Value], tuple[tuple[str, Convert | None], ...]], ...]
    flags: tuple[tuple[int, int, dict[int, str], int], ...]
    clock: tuple[int, int] | None


def compile_steps(driver: Driver, payload: bytes, parsed: Parsed) -> Steps:
    """Return the steps for payloads laid out like this one; NotCompiled where a driver looks further."""
    if driver.looks_further(item.header.dif_vif for item in parsed.items):
        raise NotCompiled
    fixed = bytearray(b"\xff" * len(payload))
    if parsed.manufacturer_data:
        fixed[len(payload) - len(parsed.manufacturer_data) :] = bytes(len(parsed.manufacturer_data))
    layout = ["<"]
    at = 0
    names: set[str] = set()
    integers: list[tuple[int | None, Decimal, str]] = []
    others: list[tuple[int, int, Callable[[bytes], Value], tuple[tuple[str, Convert | None], ...]]] = []
    flags: list[tuple[int, int, dict[int, str], int]] = []
    clock: tuple[int, int] | None = None
    for item in parsed.items:
        header, start, end = item.header, item.offset, item.offset + len(item.raw)
        free = start + (header.size < 0)  # the byte that tells the length belongs to the layout
        fixed[free:end] = bytes(end - free)
        plan = plan_for(driver, header)
        _claim(names, plan.readings)
        code = _integer_code(header)
        if len(plan.readings) == 1 and plan.readings[0][1] is None and code and header.factor is not None:
            layout.append(f"{start - at}x{code[0]}")
            at = end
            integers.append((code[1], header.factor, plan.readings[0][0]))
        elif plan.readings:
            others.append((start, end, header.read, plan.readings))
        if plan.flags is not None and header.size > 0:
            flags.append((start, end, dict(plan.flags.bits), plan.flags.ignored))
        if plan.clock:
            if clock is not None:
                raise NotCompiled
            clock = (start, end)
    layout.append(f"{len(payload) - at}x")
    mask = int.from_bytes(fixed, "big")
    return Steps(
        driver=driver,
        size=len(payload),
        mask=mask,
        expected=int.from_bytes(payload, "big") & mask,
        unpack=struct.Struct("".join(layout)).unpack,
        integers=tuple(integers),
        others=tuple(others),
        flags=tuple(flags),
        clock=clock,
    )


def _claim(names: set[str], readings: tuple[tuple[str, Convert | None], ...]) -> None:
    """Refuse layouts in which two records compete for a name; the parser takes the first with a value."""
    for name, _ in readings:
        if name in names:
            raise NotCompiled
        names.add(name)


def _integer_code(header: Header) -> tuple[str, int | None] | None:
    """Return how to unpack a record that is a plain scaled integer, not one whose VIFE says "no value"."""
    code = _INTEGERS.get(header.data_field)
    if header.kind != "number" or code is None or header.read(bytes(header.size)) is None:
        return None
    return code


def run_steps(
    steps: Steps, payload: bytes, status: int
) -> tuple[dict[str, Reading], tuple[str, ...], datetime | None]:
    """Return readings, alarms and clock of a payload that the mask of `steps` has let through."""
    readings: dict[str, Reading] = {}
    for value, (absent, factor, name) in zip(steps.unpack(payload), steps.integers, strict=True):
        if value != absent:
            readings[name] = Decimal(value) * factor
    for start, end, read, targets in steps.others:
        found = read(payload[start:end])
        if found is not None:
            for name, convert in targets:
                reading = found if convert is None else convert(found)
                if reading is not None:
                    readings[name] = reading
    alarms = _alarms(steps, payload, status) if status or steps.flags else ()
    if readings or alarms:
        readings["status"] = " ".join(alarms).upper() if alarms else "OK"
    when = None
    if steps.clock is not None:
        when = values.moment(payload[steps.clock[0] : steps.clock[1]])
    return readings, alarms, when if isinstance(when, datetime) else None


def _alarms(steps: Steps, payload: bytes, status: int) -> tuple[str, ...]:
    """Return the alarms of the flag records and of the transport layer's status byte."""
    alarms: tuple[str, ...] = ()
    for start, end, bits, ignored in steps.flags:
        number = int.from_bytes(payload[start:end], "little")
        if number:
            alarms += flag_alarms(number, bits, ignored)
    if status:
        alarms += status_alarms(steps.driver, status)
    return tuple(dict.fromkeys(alarms)) if alarms else alarms
