"""Sensus iPERL and Actislink."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, match

DRIVER = Driver(
    name="sensus-iperl",
    detect=(match("SEN", "68", "06 07"), match("SEN", "7C", "07"), match("ALK", "04", "07")),
    fields=(*common.REGISTER, common.MAX_FLOW, Field("max_flow_m3h", "volume flow")),
)
