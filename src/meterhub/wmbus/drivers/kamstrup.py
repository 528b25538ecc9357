"""Kamstrup Multical 21, flowIQ and KWM2230/3230 water meters.

Alarms come from the info code alone, the transport layer's status byte is not used. Info code 02FF20
also counts, in three bits an alarm, how long it has lasted; those bits stay set when it is over: a
`time_leaking` without the alarm tells of an earlier leak.
"""

from collections.abc import Callable

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Field, Flags, match
from meterhub.wmbus.model import Reading, Value

_INFO = "02FF20"
_LASTING = ("", "1-8 hours", "9-24 hours", "2-3 days", "4-7 days", "8-14 days", "15-21 days", "22-31 days")


def _lasted(shift: int) -> Callable[[Value], Reading | None]:
    """Return the reader of one duration code; none while the event was never there."""

    def read(value: Value) -> Reading | None:
        return _LASTING[value >> shift & 7] or None if isinstance(value, int) else None

    return read


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
        Field("time_dry", dif_vif=_INFO, convert=_lasted(4)),
        Field("time_reversed", dif_vif=_INFO, convert=_lasted(7)),
        Field("time_leaking", dif_vif=_INFO, convert=_lasted(10)),
        Field("time_bursting", dif_vif=_INFO, convert=_lasted(13)),
    ),
    flags=(
        Flags({0x01: "dry", 0x02: "reverse_flow", 0x04: "leak", 0x08: "burst"}, _INFO, ignored=_DURATIONS),
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
