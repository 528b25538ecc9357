"""Fields that many meter families share, by the names that users of wmbusmeters know."""

from decimal import Decimal

from meterhub.wmbus.driver import Field
from meterhub.wmbus.model import Reading, Value


def count(value: Value) -> Reading | None:
    """Return a number as it was sent, without the unit that its VIF claims."""
    return int(value) if isinstance(value, Decimal) else value


def unless_all_ones(value: Value) -> Reading | None:
    """Return a 32-bit register in litres; FFFFFFFF stands for none."""
    return None if value == Decimal("-0.001") else value


def litres(number: int) -> Decimal:
    """Return litres in m³."""
    return Decimal(number).scaleb(-3)


def history(*, first: int = 2, last: int = 16, unset: bool = False) -> Field:
    """Return the field for registers kept month by month; storage `first` is history 1."""
    return Field(
        "consumption_at_history_{n}_m3",
        "volume",
        storage=range(first, last + 1),
        shift=1 - first,
        convert=unless_all_ones if unset else None,
    )


TOTAL = Field("total_m3", "volume")
TARGET = Field("target_m3", "volume", storage=1)
TARGET_DATE = Field("target_date", "date", storage=1)
TARGET_DATETIME = Field("target_datetime", "datetime", storage=1)
METER_DATETIME = Field("meter_datetime", "datetime")
METER_DATE = Field("meter_date", "date")
FLOW = Field("flow_m3h", "volume flow")
VOLUME_FLOW = Field("volume_flow_m3h", "volume flow")
MAX_FLOW = Field("max_flow_m3h", "volume flow", function="maximum")
FLOW_TEMPERATURE = Field("flow_temperature_c", "flow temperature")
RETURN_TEMPERATURE = Field("return_temperature_c", "return temperature")
EXTERNAL_TEMPERATURE = Field("external_temperature_c", "external temperature")
TOTAL_FORWARD = Field("total_forward_m3", "volume", qualifiers=("forward",))
TOTAL_BACKWARD = Field("total_backward_m3", "volume", qualifiers=("backward",))
BATTERY = Field("battery_y", "remaining battery")
BATTERY_VOLTAGE = Field("battery_v", "voltage")
ON_TIME = Field("on_time_h", "on time")
OPERATING_TIME = Field("operating_time_h", "operating time")
ACTUALITY = Field("actuality_duration_s", "actuality duration")
FABRICATION_NUMBER = Field("fabrication_no", "fabrication number")
ENHANCED_ID = Field("enhanced_id", "enhanced identification")
MODEL_VERSION = Field("model_version", "model version")
SOFTWARE_VERSION = Field("software_version", "other firmware version")
PARAMETER_SET = Field("parameter_set", "parameter set")

REGISTER = (TOTAL, TARGET, TARGET_DATE, TARGET_DATETIME, METER_DATETIME)
"""What nearly every water meter sends."""
