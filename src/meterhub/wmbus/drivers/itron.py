"""Itron water meters (Cyble radio).

Error flags come as 03FD971C; the VIFE 1C belongs to the record's name there.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Flags, match

DRIVER = Driver(
    name="itron-water",
    detect=(match("ITW", "00 03 33", "07"), match("ITW", "00", "16")),
    fields=(*common.REGISTER, common.TOTAL_BACKWARD, common.ENHANCED_ID),
    flags=(Flags({}, "03FD971C"),),
)
