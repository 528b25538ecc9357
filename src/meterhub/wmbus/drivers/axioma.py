"""Axioma Qalcosonic W1 (Q400).

A temperature of -100 °C stands for no sensor; it is passed on as sent. Record 01FD74 counts percent.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, match

DRIVER = Driver(
    name="axioma-w1",
    detect=(match("AXI", "01 10 20", "07"),),
    fields=(
        common.TOTAL,
        common.TARGET,
        common.TARGET_DATETIME,
        common.METER_DATETIME,
        Field("set_datetime", "datetime", storage=1),
        Field("consumption_at_set_date_m3", "volume", storage=1),
        common.TOTAL_FORWARD,
        common.TOTAL_BACKWARD,
        Field("forward_at_set_date_m3", "volume", storage=1, qualifiers=("forward",)),
        Field("backward_at_set_date_m3", "volume", storage=1, qualifiers=("backward",)),
        common.VOLUME_FLOW,
        common.FLOW,
        common.FLOW_TEMPERATURE,
        common.ON_TIME,
        Field("error_free_time_h", "operating time"),
        Field("error_code_counter", dif_vif="34FD17"),
        Field("battery_pct", dif_vif="01FD74", convert=common.count),
    ),
    status={0x10: "dry"},
)
