"""Engelmann FAW: the reporting day and fifteen monthly registers; there is no running total."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, Flags, match

DRIVER = Driver(
    name="engelmann-faw",
    detect=(match("EFE", "00", "07"),),
    fields=(
        *common.REGISTER,
        Field("reporting_date", "date", storage=1),
        Field("consumption_at_reporting_date_m3", "volume", storage=1),
        Field("consumption_{n}_months_ago_m3", "volume", storage=range(2, 17), shift=-1),
    ),
    flags=(
        Flags(
            {
                0x01: "sensor_error",
                0x02: "reset",
                0x04: "memory_error",
                0x08: "removed",
                0x10: "magnet",
                0x20: "leak",
                0x40: "blocked",
                0x80: "reverse_flow",
            }
        ),
    ),
)
