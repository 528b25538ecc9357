"""GWF radio modules; alarms and battery stand behind DIF 0F."""

from decimal import Decimal

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, match
from meterhub.wmbus.model import Reading
from meterhub.wmbus.naming import flag_alarms

_BITS = {0x02: "leak", 0x08: "burst", 0x20: "low_battery", 0x40: "reverse_flow"}


def _block(body: Body) -> Extract | None:
    """Read type, flags and battery byte: bit 0 power save, upper five bits half-years left."""
    block = body.manufacturer_data
    if len(block) < 3 or block[0] not in (1, 2):
        return None
    readings: dict[str, Reading] = {"power_mode": "SAVING" if block[2] & 1 else "NORMAL"}
    if block[0] == 1:
        readings["battery_y"] = Decimal(block[2] >> 3) / 2
    return Extract(readings, flag_alarms(block[1], _BITS))


DRIVER = Driver(
    name="gwf-water",
    detect=(match("GWF", "01", "0E"), match("GWF", "3C", "07")),
    fields=(
        common.TOTAL,
        common.ACTUALITY,
        Field("target_m3", "volume", storage=1, convert=common.unless_all_ones),
        common.TARGET_DATE,
    ),
    read_payload=_block,
)
