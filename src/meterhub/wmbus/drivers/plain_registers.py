"""Meters that send a register, its set day and nothing that needs a name of its own."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(
    name="plain-register",
    detect=(
        match("FIO", "01", "07"),
        match("WEH", "FE 03", "07"),
        match("WTT", "59", "07"),
    ),
    fields=(*common.REGISTER, common.BATTERY),
)
