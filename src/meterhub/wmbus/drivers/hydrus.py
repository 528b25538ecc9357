"""Diehl Hydrus and other Diehl (Hydrometer) meters with standard records.

Some leave the factory with a published key.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, match

DRIVER = Driver(
    name="diehl-hydrus",
    detect=(
        match("DME", "70 76", "06 07 16"),
        match("HYD", "24", "07"),
        match("HYD", "8B", "06 07"),
        match("DME", "7B", "07"),
    ),
    fields=(
        common.TOTAL,
        common.METER_DATETIME,
        common.FLOW,
        common.FLOW_TEMPERATURE,
        common.EXTERNAL_TEMPERATURE,
        Field("remaining_battery_life_y", "remaining battery"),
        common.OPERATING_TIME,
        common.ACTUALITY,
        Field("total_tariff1_m3", "volume", tariff=1),
        Field("total_tariff2_m3", "volume", tariff=2),
        Field("total_at_date_m3", "volume", storage=1),
        Field("total_tariff1_at_date_m3", "volume", storage=1, tariff=1),
        Field("total_tariff2_at_date_m3", "volume", storage=1, tariff=2),
        Field("at_date", "date", storage=1),
        Field("target_m3", "volume", storage=3),
        Field("target_datetime", "datetime", storage=3),
    ),
    default_key=bytes.fromhex("51728910E66D83F851728910E66D83F8"),
)
