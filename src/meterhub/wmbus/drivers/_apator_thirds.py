"""Apator's short radio telegrams without security: CI A0 and a counter of three pulses a unit."""

from decimal import Decimal

from meterhub.wmbus.dll import HEADER

_CI = 0xA0
_MICRO = Decimal("0.000001")


def thirds(frame: bytes) -> Decimal | None:
    """Return the counter behind CI A0 in units; None for other telegrams."""
    if len(frame) < HEADER + 5 or frame[HEADER] != _CI:
        return None
    return Decimal(int.from_bytes(frame[HEADER + 1 : HEADER + 5], "little")) / 3


def rounded(value: Decimal) -> Decimal:
    """Return a volume to the millionth."""
    return value.quantize(_MICRO)
