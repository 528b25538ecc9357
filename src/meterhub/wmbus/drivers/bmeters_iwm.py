"""BMeters IWM-TX5 radio module."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(
    name="bmeters-iwm-tx5",
    detect=(match("BMT", "18", "06 07"),),
    fields=common.REGISTER,
    status={0x40: "tamper"},
)
