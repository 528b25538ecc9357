"""Apator Ultrimis. Flags are kept three times: now, this month, the month before."""

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Driver, Flags, match

_NOW = {
    0x01: "tamper",
    0x02: "low_battery",
    0x04: "dry",
    0x08: "no_flow",
    0x10: "high_temperature",
    0x20: "burst",
    0x40: "reverse_flow",
    0x80: "leak",
}
_EARLIER = {mask << shift: f"past_{alarm}" for shift in (8, 16) for mask, alarm in _NOW.items()}

DRIVER = Driver(
    name="apator-ultrimis",
    detect=(match("APA", "01 20", "16"),),
    fields=(*common.REGISTER, common.TOTAL_BACKWARD),
    flags=(Flags({**_NOW, **_EARLIER}),),
)
