"""Zenner version 0B: status, target and total behind DIF 0F, in 1/256,000 m³."""

from decimal import Decimal

from meterhub.wmbus.driver import Body, Driver, Extract, match

_STEPS, _SIZE, _FILLER = 256_000, 12, b"\x2f"


def _registers(body: Body) -> Extract | None:
    """Read the three little-endian numbers of the block."""
    block = body.manufacturer_data
    if len(block) < _SIZE or len(block.rstrip(_FILLER)) < _SIZE - 1:  # one byte of a total may look like a filler
        return None
    status, target, total = (int.from_bytes(block[at : at + 4], "little") for at in (0, 4, 8))
    readings = {"total_m3": _cubic_metres(total), "target_m3": _cubic_metres(target)}
    return Extract(readings, ("unspecified",) if status else ())


def _cubic_metres(steps: int) -> Decimal:
    """Return a register in m³ to the millilitre, as far as the display goes."""
    return (Decimal(steps) / _STEPS).quantize(Decimal("0.000001"))


DRIVER = Driver(
    name="zenner-0b",
    detect=(match("ZRI", "0B", "16"),),
    fields=(),
    read_payload=_registers,
)
