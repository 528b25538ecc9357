"""Meters behind Techem's mk-radio 4a: the set day's register is plain, the rest a block nobody explains."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(name="techem-mkradio4a", detect=(match("HYD", "FE", "06 07"),), fields=common.REGISTER)
