"""Apator OP-041A radio module."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match

DRIVER = Driver(name="apator-op041", detect=(match("APA", "1A", "07"),), fields=common.REGISTER)
