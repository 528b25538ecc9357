"""Elster/Honeywell V200H and emerlin868.

The emerlin868 reports device type 37 (radio converter) but sends a short header: the link address is
the meter's.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(
    name="elster-water",
    detect=(match("ELR", "0D", "07"), match("ELR", "11 12", "37")),
    fields=(*common.REGISTER, common.BATTERY),
)
