"""Topas ES KR (Apator/AMT)."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, match

DRIVER = Driver(
    name="topas-es-kr",
    detect=(match("AMT", "F1", "06 07"),),
    fields=(
        common.TOTAL,
        common.FLOW,
        common.TARGET,
        common.TARGET_DATE,
        Field("access_counter", "access number"),
        Field("temperature_c", "flow temperature"),
        Field("current_flow_m3h", "volume flow"),
        Field("volume_year_period_m3", "volume", storage=1),
        Field("reverse_volume_year_period_m3", "volume", storage=1, tariff=1),
        Field("meter_year_period_end_date", "date", storage=1),
        Field("volume_month_period_m3", "volume", storage=3),
        Field("meter_month_period_end_datetime", "datetime", storage=3),
        common.BATTERY,
    ),
)
