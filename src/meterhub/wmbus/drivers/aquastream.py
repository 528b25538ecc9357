"""Aquastream (Imtech)."""

from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, Flags, match
from meterhub.wmbus.model import Reading, Value


def _years(value: Value) -> Reading | None:
    """Return days as years of 365 days, as the maker counts them."""
    return (value / 365).quantize(Decimal("0.000001")) if isinstance(value, Decimal) else None


DRIVER = Driver(
    name="imtech-aquastream",
    detect=(match("IMT", "01", "07"),),
    fields=(
        *common.REGISTER,
        Field("total_backwards_m3", "volume", tariff=1),
        Field("battery_y", "remaining battery", convert=_years),
    ),
    flags=(
        Flags(
            {
                0x01: "tamper",
                0x04: "burst",
                0x08: "leak",
                0x80: "no_flow",
                0x100: "low_battery",
                0x200: "reverse_flow",
                0x400: "overflow",
            }
        ),
    ),
)
