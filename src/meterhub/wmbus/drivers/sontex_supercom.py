"""Sontex Supercom 587 radio module."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(
    name="sontex-supercom587",
    detect=(match("SON", "3C", "06 07"),),
    fields=(*common.REGISTER, common.SOFTWARE_VERSION, common.OPERATING_TIME),
)
