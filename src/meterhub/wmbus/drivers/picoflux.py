"""Picoflux."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(
    name="picoflux",
    detect=(match("ECM", "05", "07"),),
    fields=(*common.REGISTER, common.TOTAL_BACKWARD, common.ACTUALITY),
    status={0x20: "leak", 0x40: "leak"},
)
