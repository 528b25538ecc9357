"""Qundis walk-by block (0DFF5F): a register with its year and month ends, and month by month before.

Nine bytes nobody explains, the VIF of the register, error date, the register (BCD), then date and
register of the set day and of the last month end, then what was used in each month before it.
"""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from meterhub.wmbus import values
from meterhub.wmbus.driver import Body
from meterhub.wmbus.headers import resolve
from meterhub.wmbus.profiles import months_before

HEADER = "0DFF5F"
_VIF_AT, _TOTAL_AT, _YEAR_AT, _MONTH_AT, _DELTAS_AT = 9, 12, 16, 22, 28
_DELTAS = 12
_REGISTERS = frozenset(("volume", "energy", "heat cost units"))


class Block(NamedTuple):
    """What a block says; registers are in `unit`, absent ones None.

    `months` are date and register of the month ends before the last, newest first.
    """

    unit: str
    total: Decimal | None
    year: tuple[str | None, Decimal | None]
    month: tuple[str | None, Decimal | None]
    deltas: tuple[Decimal | None, ...]
    months: tuple[tuple[str, Decimal], ...]


def read_block(body: Body) -> Block | None:
    """Return the block of a telegram; None where there is none that can be read."""
    block = next((record.raw[1:] for record in body.records if record.dif_vif == HEADER), b"")
    if len(block) < _DELTAS_AT or block[_VIF_AT] & 0x80:
        return None
    header = resolve(bytes((0x0C, block[_VIF_AT])))
    if header.quantity not in _REGISTERS or header.factor is None:
        return None
    factor = header.factor

    def register(at: int) -> Decimal | None:
        number = values.bcd(block[at : at + 4])
        return None if number is None else number * factor

    deltas = tuple(
        None if delta is None else delta * factor
        for delta in (
            values.integer(block[at : at + 2])
            for at in range(_DELTAS_AT, min(len(block) - 1, _DELTAS_AT + 2 * _DELTAS), 2)
        )
    )
    month = values.moment_text(block[_MONTH_AT : _MONTH_AT + 2]), register(_MONTH_AT + 2)
    return Block(
        unit=header.unit,
        total=register(_TOTAL_AT),
        year=(values.moment_text(block[_YEAR_AT : _YEAR_AT + 2]), register(_YEAR_AT + 2)),
        month=month,
        deltas=deltas,
        months=_months(month, deltas),
    )


def _months(
    month: tuple[str | None, Decimal | None], deltas: tuple[Decimal | None, ...]
) -> tuple[tuple[str, Decimal], ...]:
    """Count back from the last month end until a month is missing."""
    day, register = month
    if day is None or register is None:
        return ()
    found = []
    for back, delta in enumerate(deltas, 1):
        if delta is None or delta > register:
            break
        register -= delta
        found.append((months_before(date.fromisoformat(day), back).isoformat(), register))
    return tuple(found)
