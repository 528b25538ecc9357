"""Zenner IUWS: the total, and a profile of month-end registers behind storage 30."""

from datetime import date

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, match
from meterhub.wmbus.model import Reading
from meterhub.wmbus.profiles import expand, months_before

_STORAGE = 30


def _monthly(body: Body) -> Extract | None:
    """Read the profile that goes back month by month from the date of storage 30."""
    days = [record for record in body.records if record.storage == _STORAGE and record.quantity == "date"]
    profiles = [record for record in body.records if "inverse compact profile" in record.qualifiers]
    if not days or not profiles or not isinstance(days[0].value, str):
        return None
    newest = date.fromisoformat(days[0].value)
    readings: dict[str, Reading] = {}
    for month, number in enumerate(expand(profiles[0], None).numbers, 1):
        readings[f"target_{month}_date"] = months_before(newest, month).isoformat()
        if number is not None:
            readings[f"target_{month}_m3"] = common.litres(number)
    return Extract(readings)


DRIVER = Driver(
    name="zenner-iuws",
    detect=(match("ZRI", "99", "07"),),
    fields=(
        common.TOTAL,
        common.METER_DATETIME,
        common.FLOW_TEMPERATURE,
        common.EXTERNAL_TEMPERATURE,
        Field("target_m3", "volume", storage=_STORAGE),
        Field("target_date", "date", storage=_STORAGE),
    ),
    read_payload=_monthly,
)
