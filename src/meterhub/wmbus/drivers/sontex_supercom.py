"""Sontex Supercom 587 radio module: the total, and month-end registers as a profile."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, match
from meterhub.wmbus.drivers._dated_profiles import PROFILE_HEADERS, profile_history

DRIVER = Driver(
    name="sontex-supercom587",
    detect=(match("SON", "3C", "06 07"),),
    fields=(*common.REGISTER, common.SOFTWARE_VERSION, common.OPERATING_TIME),
    read_payload=profile_history,
    reads=PROFILE_HEADERS,
)
