"""Diehl meters of version 63 (mode 7)."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, match

DRIVER = Driver(
    name="diehl-63",
    detect=(match("DME", "63", "07"),),
    fields=(
        common.TOTAL,
        common.FLOW_TEMPERATURE,
        common.BATTERY,
        Field("total_at_set_date_m3", "volume", storage=1),
        Field("set_date", "date", storage=1),
        Field("target_m3", "volume", storage=8),
        Field("target_datetime", "datetime", storage=8),
    ),
)
