"""Maddalena EVO868: total, two set days and twelve month-end registers from storage 8 on."""

from datetime import date

from meterhub.wmbus import common_fields as common
from meterhub.wmbus.driver import Body, Driver, Extract, Field, match
from meterhub.wmbus.profiles import months_before

_FIRST, _MONTHS = 8, 12


def _history_dates(body: Body) -> Extract | None:
    """Give each monthly register its date, counted back from the date of the first."""
    for record in body.records:
        if record.storage == _FIRST and record.quantity == "date" and isinstance(record.value, str):
            newest = date.fromisoformat(record.value)
            return Extract({f"history_{n + 1}_date": months_before(newest, n).isoformat() for n in range(_MONTHS)})
    return None


DRIVER = Driver(
    name="maddalena-evo868",
    detect=(match("MAD", "50", "06 07 16"),),
    fields=(
        *common.REGISTER,
        Field("device_datetime", "datetime"),
        common.FABRICATION_NUMBER,
        Field("consumption_at_set_date_m3", "volume", storage=1),
        Field("set_date", "date", storage=1),
        Field("consumption_at_set_date_2_m3", "volume", storage=2),
        Field("set_date_2", "date", storage=2),
        Field("max_flow_since_datetime_m3h", "volume flow", function="maximum", storage=3),
        Field("max_flow_datetime", "datetime", storage=3),
        Field("history_reference_date", "date", storage=_FIRST),
        common.history(first=_FIRST, last=_FIRST + _MONTHS - 1),
    ),
    read_payload=_history_dates,
)
