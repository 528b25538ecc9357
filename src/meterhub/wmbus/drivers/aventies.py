"""Aventies water meters: the total and fourteen monthly registers."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, Flags, match

DRIVER = Driver(
    name="aventies-wm",
    detect=(match("AAA", "25", "07"),),
    fields=(
        *common.REGISTER,
        Field("consumption_at_set_date_{n}_m3", "volume", storage=range(1, 15)),
    ),
    flags=(
        Flags(
            {
                0x01: "measuring_error",
                0x02: "tamper",
                0x04: "low_battery",
                0x08: "software_error",
                0x10: "electronics_error",
                0x20: "reset",
            }
        ),
    ),
)
