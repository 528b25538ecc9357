"""Kamstrup Multical 21, flowIQ and KWM2230/3230 water meters.

Alarms come from the info code alone, the transport layer's status byte is not used. Info code 02FF20
also counts, in three bits an alarm, how long it has lasted; those bits stay set when it is over.
"""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, Flags, match

_FLOW_TEMPERATURE, _EXTERNAL, _FLOW = "flow temperature", "external temperature", "volume flow"
_DURATIONS = 0xFFF0

DRIVER = Driver(
    name="kamstrup-multical21",
    detect=(
        match("KAM", "1B", "06 16"),
        match("KAM", "1D", "16"),
        match("KAW", "3A", "16"),
        match("KAW", "3C", "16"),
        match("KAW", "42", "06 16"),
    ),
    fields=(
        *common.REGISTER,
        common.FLOW,
        common.MAX_FLOW,
        Field("max_flow_m3h", _FLOW, function="maximum", storage=2),
        Field("min_flow_m3h", _FLOW, function="minimum", storage=2),
        common.FLOW_TEMPERATURE,
        Field("flow_temperature_c", _FLOW_TEMPERATURE, function="minimum", storage=1),
        Field("flow_temperature_c", _FLOW_TEMPERATURE, function="minimum", storage=2),
        Field("min_flow_temperature_c", _FLOW_TEMPERATURE, function="minimum", storage=2),
        Field("max_flow_temperature_c", _FLOW_TEMPERATURE, function="maximum", storage=2),
        common.EXTERNAL_TEMPERATURE,
        Field("min_external_temperature_last_month_c", _EXTERNAL, function="minimum", storage=1),
        Field("max_external_temperature_c", _EXTERNAL, function="maximum", storage=1),
        Field("min_external_temperature_last_day_c", _EXTERNAL, function="minimum", storage=2),
    ),
    flags=(
        Flags({0x01: "dry", 0x02: "reverse_flow", 0x04: "leak", 0x08: "burst"}, "02FF20", ignored=_DURATIONS),
        Flags(
            {
                0x01: "dry",
                0x02: "reverse_flow",
                0x04: "leak",
                0x08: "burst",
                0x10: "tamper",
                0x20: "low_battery",
                0x40: "low_temperature",
                0x80: "overload",
                0x200: "no_flow",
            },
            "04FF23",
        ),
    ),
    status=None,
)
