"""Meters that no other driver knows: every standard record that can only mean one thing."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field

DRIVER = Driver(
    name="generic",
    detect=(),
    fields=(
        *common.REGISTER,
        common.METER_DATE,
        common.FLOW,
        common.VOLUME_FLOW,
        common.MAX_FLOW,
        common.FLOW_TEMPERATURE,
        common.RETURN_TEMPERATURE,
        common.EXTERNAL_TEMPERATURE,
        common.TOTAL_FORWARD,
        common.TOTAL_BACKWARD,
        common.BATTERY,
        common.BATTERY_VOLTAGE,
        common.ON_TIME,
        common.OPERATING_TIME,
        common.ACTUALITY,
        common.FABRICATION_NUMBER,
        common.ENHANCED_ID,
        common.MODEL_VERSION,
        common.SOFTWARE_VERSION,
        common.PARAMETER_SET,
        Field("total_energy_consumption_kwh", "energy"),
        Field("target_energy_kwh", "energy", storage=1),
        Field("power_kw", "power"),
        Field("temperature_difference_k", "temperature difference"),
        Field("relative_humidity_rh", "relative humidity"),
        Field("pressure_bar", "pressure"),
        Field("consumption_hca", "heat cost units"),
        Field("consumption_at_set_date_hca", "heat cost units", storage=1),
    ),
)
