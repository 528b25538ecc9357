"""Maddalena single-jet meters with built-in radio."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(
    name="maddalena-sj",
    detect=(match("MAD", "01", "06 07"),),
    fields=(*common.REGISTER, common.FABRICATION_NUMBER),
)
