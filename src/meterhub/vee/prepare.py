"""From rows to a window; pure."""

from collections.abc import Sequence

from meterhub.readings.hourly import capacity_ml
from meterhub.vee.window import Day, Hour, Installed, Read, Window, falls, one_an_instant

# Q4 = 1.25 x Q3 (ISO 4064-1); homes have Q3 2.5 m³/h. A register of more digits belongs to a larger meter.
HOME_LIMIT_ML_H = 3_125_000
HOME_DIGITS = 5


def prepare(
    rows: Sequence[Read],
    *,
    from_s: int,
    until_s: int,
    digits: int = HOME_DIGITS,
    hours: Sequence[Hour] = (),
    days: Sequence[Day] = (),
    installed: Sequence[Installed] = (),
) -> Window:
    """Return the window of one meter; reads of one instant in the order in which they were stored."""
    reads, twins = one_an_instant(rows)
    capacity = capacity_ml(digits)
    return Window(
        from_s=from_s,
        until_s=until_s,
        capacity_ml=capacity,
        limit_ml_h=HOME_LIMIT_ML_H * 10 ** max(0, digits - HOME_DIGITS),
        reads=reads,
        twins=twins,
        hours=hours,
        days=days,
        installed=installed,
        falls=falls(reads, capacity),
    )
