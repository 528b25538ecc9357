"""ista water meters: the set day is storage 2."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, match

DRIVER = Driver(
    name="ista-water",
    detect=(match("IST", "31", "07"),),
    fields=(
        common.TOTAL,
        common.METER_DATETIME,
        Field("target_m3", "volume", storage=2),
        Field("target_date", "date", storage=2),
    ),
)
