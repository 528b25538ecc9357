"""Telegrams in the spool on the clock as it is now, however it was set meanwhile.

A computer without a battery clock starts with a wrong time and is set right once the network is there. What it
heard until then carries the wrong time. The counter since the start of the machine does not jump: when the clock
does, the telegrams heard since that start are moved by the same amount. What was heard before the machine was
started anew keeps its time.
"""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Setting a clock gradually moves it by less than this between two looks.
JUMP_US = 2_000_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Clock:
    """The wall clock less the counter since the start of the machine [us], and which start that was."""

    boot: str
    wall_less_up_us: int


def now() -> Clock:
    """Return the clock at this moment."""
    return Clock(_boot(), (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1000)


@cache
def _boot() -> str:
    """Return which start of the machine this is; without Linux's word for it, each process is one."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return f"process {time.time_ns()}"


def jump_us(before: Clock, after: Clock) -> int:
    """Return by how much the clock was set between two looks within one start of the machine, 0 for hardly."""
    if before.boot != after.boot:
        return 0
    moved = after.wall_less_up_us - before.wall_less_up_us
    return moved if abs(moved) > JUMP_US else 0
